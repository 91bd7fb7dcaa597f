/* A recipe's own names: its parameters with the values that the caller gave, its "let", and
   expressions over both. */
#include "graph/recipe.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 16, MAX_DIGITS = 9, MAX_VALUE = 1000000000 };

const wick_recipe_name *wick_recipe_find(const wick_builder *builder, const char *name) {
    for (int i = 0; i < builder->n_names; i++)
        if (!strcmp(builder->names[i].name, name))
            return &builder->names[i];
    return NULL;
}

wick_status wick_recipe_unknown_name(const wick_builder *builder, wick_json_at at,
                                     const char *name) {
    const char *hint = builder->n_names ? "it has" : NULL;
    for (int i = 0; i < builder->n_names; i++)
        hint = wick_arena_printf(at.arena, "%s%s %s", hint, i ? "," : "", builder->names[i].name);
    return wick_json_fail(at, WICK_UNKNOWN, hint, "the recipe has no parameter '%.40s'", name);
}

bool wick_recipe_may_be(const wick_recipe_name *name, const char *value) {
    if (!name->values)
        return isdigit((unsigned char)value[0]);
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)name->values, i, one) {
        if (!strcmp(json_string_value(one), value))
            return true;
    }
    return false;
}

/* --- expressions -------------------------------------------------------------------------------*/

typedef struct expression {
    const wick_builder *builder;
    wick_json_at at;
    const char *rest;
    int nesting;
} expression;

static char next(expression *e) {
    while (*e->rest == ' ')
        e->rest++;
    return *e->rest;
}

static wick_status syntax(const expression *e) {
    return wick_json_fail(e->at, WICK_SYNTAX, "such as \"4 * growth\" or \"(depth - 2) / 6\"",
                          *e->rest ? "'%.40s' is not part of an expression"
                                   : "the expression ends too early%.0s",
                          e->rest);
}

static wick_status sum(expression *e, int64_t *out);

static wick_status named(expression *e, int64_t *out) {
    size_t len = 0;
    while (isalnum((unsigned char)e->rest[len]) || e->rest[len] == '_')
        len++;
    const char *name = wick_arena_printf(e->at.arena, "%.*s", (int)len, e->rest);
    e->rest += len;
    const wick_recipe_name *known = wick_recipe_find(e->builder, name);
    if (!known)
        return wick_recipe_unknown_name(e->builder, e->at, name);
    if (known->values)
        return wick_json_fail(e->at, WICK_SYNTAX, "choose with {\"by\": \"parameter\", ...}",
                              "%s is no number", name);
    *out = known->number;
    return WICK_OK;
}

/* A number, a name, or a sum in parentheses. */
static wick_status factor(expression *e, int64_t *out) {
    char c = next(e);
    if (isdigit((unsigned char)c)) {
        char *end;
        *out = strtoll(e->rest, &end, 10);
        if (end - e->rest > MAX_DIGITS)
            return wick_json_fail(e->at, WICK_RANGE, NULL, "a number has more than %d digits",
                                  MAX_DIGITS);
        e->rest = end;
        return WICK_OK;
    }
    if (isalpha((unsigned char)c))
        return named(e, out);
    if (c != '(' || e->nesting == MAX_NESTING)
        return syntax(e);
    e->rest++;
    e->nesting++;
    WICK_TRY(sum(e, out));
    if (next(e) != ')')
        return syntax(e);
    e->rest++;
    e->nesting--;
    return WICK_OK;
}

/* `/` must leave nothing, `//` rounds down. */
static wick_status divide(const expression *e, int64_t a, int64_t b, bool rounds, int64_t *out) {
    if (b == 0 || (!rounds && a % b != 0))
        return wick_json_fail(e->at, WICK_RANGE, "// rounds down", "%lld / %lld is no whole number",
                              (long long)a, (long long)b);
    *out = a / b - (a % b != 0 && (a < 0) != (b < 0));
    return WICK_OK;
}

static wick_status check_value(const expression *e, int64_t value) {
    if (value < -MAX_VALUE || value > MAX_VALUE)
        return wick_json_fail(e->at, WICK_RANGE, NULL, "the expression goes beyond %d", MAX_VALUE);
    return WICK_OK;
}

static wick_status product(expression *e, int64_t *out) {
    WICK_TRY(factor(e, out));
    for (char c; (c = next(e)) == '*' || c == '/';) {
        bool rounds = c == '/' && e->rest[1] == '/';
        int64_t right;
        e->rest += rounds ? 2 : 1;
        WICK_TRY(factor(e, &right));
        if (c == '*')
            *out *= right; /* both are at most MAX_VALUE */
        else
            WICK_TRY(divide(e, *out, right, rounds, out));
        WICK_TRY(check_value(e, *out));
    }
    return WICK_OK;
}

static wick_status sum(expression *e, int64_t *out) {
    WICK_TRY(product(e, out));
    for (char c; (c = next(e)) == '+' || c == '-';) {
        int64_t right;
        e->rest++;
        WICK_TRY(product(e, &right));
        *out += c == '+' ? right : -right;
        WICK_TRY(check_value(e, *out));
    }
    return WICK_OK;
}

wick_status wick_recipe_expression(const wick_builder *builder, wick_json_at at, const char *text,
                                   int64_t *out) {
    expression e = {.builder = builder, .at = at, .rest = text};
    WICK_TRY(sum(&e, out));
    return next(&e) ? syntax(&e) : WICK_OK;
}

/* --- parameters and let ------------------------------------------------------------------------*/

/* A fresh name, which no other has and which means nothing yet. */
static wick_status add_name(wick_builder *builder, wick_json_at at, const char *name,
                            wick_recipe_name **out) {
    bool good = strlen(name) <= 31 && isalpha((unsigned char)name[0]);
    for (const char *c = name; *c; c++)
        good = good && (isalnum((unsigned char)*c) || *c == '_');
    if (!good)
        return wick_json_fail(at, WICK_SYNTAX, NULL,
                              "a name is a letter, then letters, digits and _, at most 31");
    if (wick_recipe_find(builder, name) || !strcmp(name, "same") || !strcmp(name, "classes"))
        return wick_json_fail(at, WICK_SYNTAX, NULL, "the name '%s' is taken", name);
    if (builder->n_names == WICK_RECIPE_NAMES)
        return wick_json_fail(at, WICK_RANGE, NULL, "more than %d parameters", WICK_RECIPE_NAMES);
    *out = &builder->names[builder->n_names++];
    **out = (wick_recipe_name){.name = name};
    return WICK_OK;
}

/* The value that the caller gave, the last one of several, or NULL. */
static const char *given(const wick_recipe_options *options, const char *name) {
    for (int i = options->n_values; i-- > 0;)
        if (!strcmp(options->values[i].name, name))
            return options->values[i].value;
    return NULL;
}

/* {"default": 20, "min": 14, "max": 200, "step": 6} */
static wick_status number_parameter(wick_json_at at, const char *value, wick_recipe_name *out) {
    static const char *const known[] = {"default", "min", "max", "step", NULL};
    int64_t min, max, step = 1;
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_json_int(at, "min", 0, MAX_VALUE, &min));
    WICK_TRY(wick_json_int(at, "max", min, MAX_VALUE, &max));
    if (wick_json_has(at, "step"))
        WICK_TRY(wick_json_int(at, "step", 1, MAX_VALUE, &step));
    WICK_TRY(wick_json_int(at, "default", min, max, &out->number));
    char *end = NULL;
    if (value)
        out->number = strtoll(value, &end, 10);
    if (out->number < min || out->number > max || (out->number - min) % step != 0 ||
        (value && (!isdigit((unsigned char)value[0]) || *end || end - value > MAX_DIGITS))) {
        const char *reason =
            wick_arena_printf(at.arena, "%.40s is not possible: %lld to %lld",
                              value ? value : "the default", (long long)min, (long long)max);
        if (step > 1)
            reason = wick_arena_printf(at.arena, "%s in steps of %lld (%lld, %lld, %lld, ...)",
                                       reason, (long long)step, (long long)min,
                                       (long long)(min + step), (long long)(min + 2 * step));
        return wick_json_fail(at, WICK_RANGE, NULL, "%s", reason);
    }
    out->text = wick_arena_printf(at.arena, "%lld", (long long)out->number);
    return WICK_OK;
}

/* {"default": "A", "values": ["A", "projection"]} */
static wick_status text_parameter(wick_json_at at, const char *value, wick_recipe_name *out) {
    static const char *const known[] = {"default", "values", NULL};
    wick_json_at list;
    size_t count;
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_json_array(at, "values", &list, &count));
    const char *all = "it can be";
    for (size_t i = 0; i < count; i++) {
        wick_json_at one = wick_json_index(list, i);
        if (!json_is_string(one.value))
            return wick_json_fail(one, WICK_SYNTAX, NULL, "must be a string");
        all = wick_arena_printf(at.arena, "%s%s %.40s", all, i ? "," : "",
                                json_string_value(one.value));
    }
    out->values = list.value;
    WICK_TRY(wick_json_string(at, "default", &out->text));
    if (value)
        out->text = value;
    if (!wick_recipe_may_be(out, out->text))
        return wick_json_fail(at, WICK_RANGE, all, "'%.40s' is not possible", out->text);
    return WICK_OK;
}

static wick_status read_parameters(wick_builder *builder, wick_json_at root) {
    wick_json_at all;
    const char *name;
    json_t *value;
    if (!wick_json_has(root, "parameters"))
        return WICK_OK;
    WICK_TRY(wick_json_object(root, "parameters", &all));
    json_object_foreach((json_t *)(uintptr_t)all.value, name, value) {
        wick_json_at at;
        wick_recipe_name *fresh;
        if (name[0] == '_')
            continue;
        WICK_TRY(wick_json_object(all, name, &at));
        WICK_TRY(add_name(builder, at, name, &fresh));
        fresh->parameter = true;
        const char *chosen = given(builder->options, name);
        WICK_TRY(json_object_get(value, "values") ? text_parameter(at, chosen, fresh)
                                                  : number_parameter(at, chosen, fresh));
    }
    return WICK_OK;
}

/* What the caller set must be a parameter. */
static wick_status check_given(const wick_builder *builder, wick_json_at root) {
    for (int i = 0; i < builder->options->n_values; i++)
        if (!wick_recipe_find(builder, builder->options->values[i].name)) {
            wick_json_at at = root;
            at.path = "parameters";
            return wick_recipe_unknown_name(builder, at, builder->options->values[i].name);
        }
    return WICK_OK;
}

wick_status wick_recipe_names(wick_builder *builder, wick_json_at root) {
    WICK_TRY(read_parameters(builder, root));
    WICK_TRY(check_given(builder, root));
    wick_json_at all;
    const char *name;
    json_t *value;
    if (!wick_json_has(root, "let"))
        return WICK_OK;
    WICK_TRY(wick_json_object(root, "let", &all));
    json_object_foreach((json_t *)(uintptr_t)all.value, name, value) {
        int number = 0;
        wick_recipe_name *fresh;
        if (name[0] == '_')
            continue;
        WICK_TRY(wick_recipe_int(builder, all, name, 0, MAX_VALUE, &number));
        wick_json_at at;
        WICK_TRY(wick_json_get(all, name, &at));
        WICK_TRY(add_name(builder, at, name, &fresh));
        fresh->number = number;
        fresh->text = wick_arena_printf(root.arena, "%d", number);
    }
    return WICK_OK;
}

char *wick_recipe_text(const wick_builder *builder, const char *recipe) {
    char *text = wick_arena_strdup(builder->graph->arena, recipe);
    for (int i = 0; i < builder->n_names; i++)
        if (builder->names[i].parameter && strcmp(builder->names[i].text, "0"))
            text = wick_arena_printf(builder->graph->arena, "%s %s=%s", text,
                                     builder->names[i].name, builder->names[i].text);
    return text;
}
