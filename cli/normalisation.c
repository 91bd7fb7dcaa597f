#include "normalisation.h"

#include <math.h>
#include <stdlib.h>

/* "0.5,0.4" -> numbers within [low, 1e6]. */
static int numbers(struct argp_state *state, const char *option, const char *text, double low,
                   double *out) {
    int n = 0;
    for (const char *at = text;; at++) {
        char *end;
        if (n == WICK_MAX_CHANNELS_META)
            argp_error(state, "--%s: more than %d numbers", option, WICK_MAX_CHANNELS_META);
        double value = wick_strtod(at, &end);
        if (end == at || (*end && *end != ',') || !(value >= low && value <= 1e6))
            argp_error(state, "--%s: '%s' is not a list of numbers from %g to 1e6", option, text,
                       low);
        out[n++] = value;
        at = end;
        if (!*at)
            return n;
    }
}

bool cli_parse_normalisation(struct argp_state *state, int key, const char *text,
                             cli_normalisation *n) {
    if (key == CLI_KEY_MEAN)
        n->n_means = numbers(state, "mean", text, -1e6, n->mean);
    else if (key == CLI_KEY_STD)
        n->n_stds = numbers(state, "std", text, 1e-6, n->std);
    return key == CLI_KEY_MEAN || key == CLI_KEY_STD;
}

wick_status cli_normalise(const cli_normalisation *n, wick_graph *graph, wick_diag *diag) {
    wick_family *family = &graph->family;
    int channels = (int)wick_image_shape(graph->tensors[graph->input].shape).dim[1];
    if (!n->n_means && !n->n_stds)
        return WICK_OK;
    if ((n->n_means > 1 && n->n_means != channels) || (n->n_stds > 1 && n->n_stds != channels) ||
        channels > WICK_MAX_CHANNELS_META)
        return wick_fail(diag, WICK_SHAPE, NULL, graph->tensors[graph->input].name,
                         "give one number, or one for each channel",
                         "the model's input has %d channels; there are %d means and %d standard "
                         "deviations",
                         channels, n->n_means, n->n_stds);
    for (int c = 0; c < channels; c++) {
        bool said = family->n_channels == channels;
        if (n->n_means || !said)
            family->mean[c] = (float)(n->n_means ? n->mean[n->n_means > 1 ? c : 0] : 0);
        if (n->n_stds || !said)
            family->std[c] = (float)(n->n_stds ? n->std[n->n_stds > 1 ? c : 0] : 1);
    }
    family->n_channels = channels;
    return WICK_OK;
}
