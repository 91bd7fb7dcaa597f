#include "recipe_args.h"

#include <string.h>

static void add(struct argp_state *state, wick_recipe_options *recipe, const char *name,
                const char *value) {
    if (recipe->n_values == WICK_MAX_RECIPE_VALUES)
        argp_error(state, "more than %d parameters of a recipe", WICK_MAX_RECIPE_VALUES);
    recipe->values[recipe->n_values++] = (wick_recipe_value){name, value};
}

bool cli_recipe_option(struct argp_state *state, int key, char *text, wick_recipe_options *recipe,
                       const char **option) {
    char *value = text;
    switch (key) {
    case CLI_KEY_DEPTH:
        *option = "--depth";
        add(state, recipe, "depth", text);
        return true;
    case CLI_KEY_GROWTH:
        *option = "--growth";
        add(state, recipe, "growth", text);
        return true;
    case CLI_KEY_SHORTCUT:
        *option = "--shortcut";
        add(state, recipe, "shortcut", text);
        return true;
    case CLI_KEY_SET:
        *option = "--set";
        value = strchr(text, '=');
        if (!value)
            argp_error(state, "--set: '%s' is not a parameter and its value, such as depth=56",
                       text);
        *value = '\0';
        add(state, recipe, text, value + 1);
        return true;
    default:
        return false;
    }
}
