/* Options of the commands that build a network from a recipe: the recipe's own parameters. */
#ifndef WICK_RECIPE_ARGS_H
#define WICK_RECIPE_ARGS_H

#include "cli.h"
#include "graph/graph.h"

enum { CLI_KEY_DEPTH = 512, CLI_KEY_GROWTH, CLI_KEY_SHORTCUT, CLI_KEY_SET };

/* Rows for an argp table. */
#define CLI_RECIPE_OPTIONS(group)                                                                              \
    {"depth",                                                                                                  \
     CLI_KEY_DEPTH,                                                                                            \
     "N",                                                                                                      \
     0,                                                                                                        \
     "depth of the largest module's network (recipes resnet, default 20, and densenet, default 40)",           \
     group},                                                                                                   \
        {"growth",                                                                                             \
         CLI_KEY_GROWTH,                                                                                       \
         "K",                                                                                                  \
         0,                                                                                                    \
         "channels that each layer adds (recipe densenet, default 12)",                                        \
         group},                                                                                               \
        {"shortcut",                                                                                           \
         CLI_KEY_SHORTCUT,                                                                                     \
         "A|projection",                                                                                       \
         0,                                                                                                    \
         "what bypasses a block that halves the size: zeros, or a 1x1 convolution (recipe resnet, default A)", \
         group},                                                                                               \
    {                                                                                                          \
        "set", CLI_KEY_SET, "NAME=VALUE", 0, "any parameter of a recipe, e.g. variant=plain",                  \
            group                                                                                              \
    }

/* Takes one of these options; false when the key is another one. *option becomes its name. */
bool cli_recipe_option(struct argp_state *state, int key, char *text, wick_recipe_options *recipe,
                       const char **option);

#endif
