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

static void parse_activations(struct argp_state *state, char *text, cli_means *means) {
    if (!text[0])
        argp_error(state, "--activations: name 8, 16, auto or activations");
    means->activations = text;
    means->measures_widths = !strcmp(text, "auto") || !strncmp(text, "auto=", 5);
    means->activations_budget = -1;
    if (means->measures_widths && text[4])
        means->activations_budget = cli_integer(state, "activations", text + 5, 1, 0x7fffffff);
}

static const char *const scores[] = {"magnitude", "taylor", "energy", "outputs"};

cli_means cli_means_defaults(void) {
    return (cli_means){.keep_channels = 1, .plan = wick_plan_defaults()};
}

static cli_channel_score parse_score(struct argp_state *state, const char *text) {
    for (size_t i = 0; i < WICK_LEN(scores); i++)
        if (!strcmp(text, scores[i]))
            return (cli_channel_score)i;
    argp_error(state, "--channel-score: '%s' is not magnitude, taylor, energy or outputs", text);
    return CLI_SCORE_MAGNITUDE;
}

bool cli_parse_means(struct argp_state *state, int key, char *text, cli_means *means) {
    if (key == CLI_KEY_BITS) {
        parse_bits(state, text, means);
        return true;
    }
    if (key == CLI_KEY_ACTIVATIONS) {
        parse_activations(state, text, means);
        return true;
    }
    if (key == CLI_KEY_CHANNELS) {
        means->keep_channels = cli_number(state, "channels", text, 1e-6, 1);
        return true;
    }
    if (key != CLI_KEY_CHANNEL_SCORE)
        return false;
    means->score = parse_score(state, text);
    return true;
}

static bool is_listed(const char *name, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* Those that --activations names. */
static wick_status name_activations(const char *text, const wick_graph *graph, wick_arena *arena,
                                    wick_quantize_options *options, wick_diag *diag) {
    const char **names;
    char *rest = NULL;
    int n;
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

static wick_status measure_activations(int64_t budget, const wick_graph *graph,
                                       const wick_data *data, wick_arena *arena,
                                       wick_quantize_options *options, wick_widths *widths,
                                       wick_diag *diag) {
    WICK_TRY(wick_widths_choose(graph, data, options, budget, arena, widths, diag));
    const char **wide = wick_new(arena, const char *, widths->n + 1);
    options->wide = wide;
    for (int i = 0; i < widths->n; i++)
        if (widths->tensors[i].wide)
            wide[options->n_wide++] = widths->tensors[i].name;
    return WICK_OK;
}

wick_status cli_choose_activations(const cli_means *means, const wick_graph *graph,
                                   const wick_data *data, wick_arena *arena,
                                   wick_quantize_options *options, wick_widths *widths,
                                   wick_diag *diag) {
    const char *text = means->activations ? means->activations : "8";
    if (!strcmp(text, "8"))
        return WICK_OK;
    if (means->measures_widths)
        return measure_activations(means->activations_budget, graph, data, arena, options, widths,
                                   diag);
    if (strcmp(text, "16"))
        return name_activations(text, graph, arena, options, diag);
    options->activation_bits = 16;
    return WICK_OK;
}

bool cli_means_need_data(const cli_means *means) {
    return means->score != CLI_SCORE_MAGNITUDE || (means->narrows && means->bits_budget >= 0);
}

bool cli_means_need_device(const cli_means *means) {
    return means->score == CLI_SCORE_ENERGY || means->score == CLI_SCORE_OUTPUTS;
}

static wick_status choose(const cli_means *means, const wick_graph *graph,
                          const wick_channels *channels, bool *remove, cli_rewritten *done,
                          wick_diag *diag) {
    wick_device *device;
    if (!cli_means_need_device(means)) {
        wick_channels_choose(channels, means->keep_channels, remove);
        return WICK_OK;
    }
    WICK_TRY(wick_device_load(done->arena, means->device, &device, diag));
    done->device = wick_arena_strdup(done->arena, device->name);
    done->worth = means->score == CLI_SCORE_ENERGY ? WICK_WORTH_ENERGY : WICK_WORTH_OUTPUTS;
    return wick_channels_choose_by_cost(graph, channels, device, &means->plan, done->worth,
                                        means->keep_channels, done->arena, remove, &done->cuts,
                                        diag);
}

wick_status cli_thin(const cli_means *means, const wick_graph *graph, const wick_data *data,
                     const wick_quantize_options *choice, wick_graph **out, cli_rewritten *done,
                     wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_channels channels;
    bool *remove = NULL;
    *out = NULL;
    wick_status status = wick_channels_find(graph, arena, &channels, diag);
    if (status == WICK_OK && means->score != CLI_SCORE_MAGNITUDE)
        status = wick_channels_taylor(graph, data, choice->images, choice->seed, &channels, diag);
    if (status == WICK_OK) {
        remove = wick_new(arena, bool, channels.n_groups);
        status = choose(means, graph, &channels, remove, done, diag);
    }
    for (int g = 0; g < channels.n_groups && status == WICK_OK; g++)
        done->channels_removed += remove[g];
    if (status == WICK_OK)
        status = wick_channels_remove(graph, &channels, remove, out, diag);
    wick_arena_free(arena);
    return status;
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
    WICK_TRY(wick_bits_check(graph, data, choice->images, choice->seed, done->bits, done->n_bits,
                             &done->bits_effect, diag));
    wick_bits_impose(graph, done->bits, done->n_bits);
    return WICK_OK;
}
