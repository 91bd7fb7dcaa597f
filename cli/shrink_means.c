#include "shrink_means.h"

#include "cli.h"

#include <stdio.h>
#include <string.h>

static void parse_bits(struct argp_state *state, const char *text, cli_means *means) {
    means->narrows = true;
    means->bits_budget = -1;
    if (!strncmp(text, "auto=", 5))
        means->bits_budget = cli_integer(state, "bits", text + 5, 1, 0x7fffffff);
    else if (strcmp(text, "4"))
        argp_error(state, "--bits: '%s' is not 4 or auto=BYTES", text);
}

bool cli_parse_means(struct argp_state *state, int key, char *text, cli_means *means) {
    if (key == CLI_KEY_BITS) {
        parse_bits(state, text, means);
        return true;
    }
    if (key == CLI_KEY_ACTIVATIONS) {
        if (!text[0])
            argp_error(state, "--activations: name 8, 16 or activations");
        means->activations = text;
        return true;
    }
    if (key != CLI_KEY_CHANNEL_SCORE)
        return false;
    if (strcmp(text, "magnitude") && strcmp(text, "taylor"))
        argp_error(state, "--channel-score: '%s' is not magnitude or taylor", text);
    means->score = strcmp(text, "taylor") ? CLI_SCORE_MAGNITUDE : CLI_SCORE_TAYLOR;
    return true;
}

static bool is_listed(const char *name, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

wick_status cli_choose_activations(const cli_means *means, const wick_graph *graph,
                                   wick_arena *arena, wick_quantize_options *options,
                                   wick_diag *diag) {
    const char **names, *text = means->activations ? means->activations : "8";
    char *rest = NULL;
    int n;
    if (!strcmp(text, "8"))
        return WICK_OK;
    if (!strcmp(text, "16")) {
        options->activation_bits = 16;
        return WICK_OK;
    }
    WICK_TRY(wick_quantize_activations(graph, arena, &names, &n, diag));
    char *list = wick_arena_strdup(arena, text);
    const char **wide = wick_new(arena, const char *, strlen(text) + 1);
    options->wide = wide;
    for (char *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        if (!is_listed(name, names, n))
            return wick_fail(diag, WICK_NOT_FOUND, NULL, "--activations",
                             wick_arena_printf(arena,
                                               "name some of those that may, the first is %s",
                                               n ? names[0] : "missing: there are none"),
                             "'%s' is no activation that can have 16 bits", name);
        wide[options->n_wide++] = name;
    }
    return WICK_OK;
}

bool cli_means_need_data(const cli_means *means) {
    return means->score == CLI_SCORE_TAYLOR || (means->narrows && means->bits_budget >= 0);
}

wick_status cli_score_channels(const cli_means *means, const wick_graph *graph,
                               const wick_data *data, const wick_quantize_options *choice,
                               wick_channels *channels, wick_diag *diag) {
    if (means->score == CLI_SCORE_MAGNITUDE)
        return WICK_OK;
    return wick_channels_taylor(graph, data, choice->images, choice->seed, channels, diag);
}

wick_status cli_narrow(const cli_means *means, wick_graph *graph, const wick_data *data,
                       const wick_quantize_options *choice, cli_rewritten *done, wick_diag *diag) {
    if (!means->narrows)
        return WICK_OK;
    if (means->bits_budget < 0) {
        wick_train_options all = wick_train_defaults();
        all.n_bits = 1;
        all.bits[0] = (wick_bits_rule){"*", 4};
        wick_train_impose(graph, &all);
        return WICK_OK;
    }
    WICK_TRY(wick_bits_measure(graph, data, choice->images, choice->seed, done->arena, &done->bits,
                               &done->n_bits, diag));
    WICK_TRY(wick_bits_choose(done->bits, done->n_bits, means->bits_budget, diag));
    wick_bits_impose(graph, done->bits, done->n_bits);
    return WICK_OK;
}
