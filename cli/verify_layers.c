#include "verify_layers.h"

#include "onnx/onnx.h"
#include "shrink/shrink.h"

#include <math.h>
#include <stdio.h>

void cli_layers_print(const wick_layer_noise *noise, int n, const char *expected, const char *got,
                      wick_arena *arena) {
    enum { COLUMNS = 5 };
    const char **cells = wick_new(arena, const char *, (n + 1) * COLUMNS);
    const char *const header[COLUMNS] = {"tensor", "signal to noise", "worst element", expected,
                                         got};
    for (int c = 0; c < COLUMNS; c++)
        cells[c] = header[c];
    for (int i = 0; i < n; i++) {
        const char **row = cells + (i + 1) * COLUMNS;
        row[0] = noise[i].name;
        row[1] = wick_arena_printf(arena, "%.1f dB", noise[i].snr_db);
        row[2] = wick_arena_printf(arena, "%s of %d",
                                   wick_element_text(arena, noise[i].shape, noise[i].worst_element),
                                   noise[i].worst_image);
        row[3] = wick_arena_printf(arena, "%.4g", noise[i].worst_exact);
        row[4] = wick_arena_printf(arena, "%.4g", noise[i].worst_quantized);
    }
    cli_print_table(cells, n + 1, COLUMNS);
}

/* JSON has neither infinities nor NaN: null. */
static json_t *number_json(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *cli_layers_json(const wick_layer_noise *noise, int n, const char *expected, const char *got,
                        wick_arena *arena) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(
            list,
            json_pack("{s:s, s:b, s:o, s:s, s:I, s:i, s:o, s:o}", "tensor", noise[i].name, "equal",
                      noise[i].noise <= 0, "snr_db", number_json(noise[i].snr_db), "worst_place",
                      wick_element_text(arena, noise[i].shape, noise[i].worst_element),
                      "worst_element", (json_int_t)noise[i].worst_element, "worst_image",
                      noise[i].worst_image, expected, number_json(noise[i].worst_exact), got,
                      number_json(noise[i].worst_quantized)));
    return list;
}

static wick_status show(const cli_layers *l, const char *precision, const wick_layer_noise *noise,
                        int n, wick_arena *arena, wick_diag *diag) {
    if (l->json && !cli_print_json(json_pack("{s:o}", "layers",
                                             cli_layers_json(noise, n, "float", precision, arena))))
        return WICK_OUTPUT;
    if (!l->json)
        cli_layers_print(noise, n, "float", precision, arena);
    for (int i = 0; i < n && l->tolerance_db > 0; i++)
        if (noise[i].snr_db < l->tolerance_db)
            return wick_fail(
                diag, WICK_DIFFERS, l->quantized, noise[i].name,
                "the layers before it are within the tolerance: this one needs a wider "
                "range, another calibration or retraining",
                "is the first layer below %g dB, with %.1f dB; element %s of image %d is %.4g "
                "instead of %.4g",
                l->tolerance_db, noise[i].snr_db,
                wick_element_text(arena, noise[i].shape, noise[i].worst_element),
                noise[i].worst_image, noise[i].worst_quantized, noise[i].worst_exact);
    return WICK_OK;
}

wick_status cli_verify_layers(const cli_layers *l, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_graph *exact = NULL, *quantized = NULL;
    wick_data *data = NULL;
    wick_data_options options = wick_data_defaults();
    wick_layer_noise *noise;
    int n;
    wick_status status = wick_onnx_read(l->exact, &exact, diag);
    if (status == WICK_OK)
        status = wick_onnx_read(l->quantized, &quantized, diag);
    if (status == WICK_OK) {
        options.n_ranges = quantized->family.ranged ? quantized->family.n_channels : 0;
        options.low = quantized->family.low;
        options.high = quantized->family.high;
        status = wick_data_open(l->data, &options, &data, diag);
    }
    if (status == WICK_OK)
        status = wick_layer_noises(exact, quantized, data, l->images, arena, &noise, &n, diag);
    if (status == WICK_OK)
        status = show(l, wick_graph_precision(quantized), noise, n, arena, diag);
    wick_data_free(data);
    wick_graph_free(exact);
    wick_graph_free(quantized);
    wick_arena_free(arena);
    return status;
}
