#include "shrink_results.h"

#include "cli.h"
#include "onnx/onnx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const cli_calibrations[] = {"minmax", "percentile", "mse", "kl", "auto"};

/* What is measured; accuracies are shares of right answers. */
typedef struct results {
    double float_accuracy[WICK_SPLITS][WICK_MAX_HEADS], int8_accuracy[WICK_SPLITS][WICK_MAX_HEADS];
    int64_t float_bytes[1 + WICK_MAX_HEADS], int8_bytes[1 + WICK_MAX_HEADS]; /* by segment */
} results;

static wick_status measure(const cli_quantized *a, const wick_graph *graph, const wick_qnet *net,
                           const wick_data *data, wick_split split, results *r, wick_diag *diag) {
    int n = data->split[split].n;
    int64_t correct[WICK_MAX_HEADS] = {0}, correct8[WICK_MAX_HEADS] = {0};
    if (n < 1)
        return wick_fail(diag, WICK_SHAPE, data->spec, NULL, NULL, "there are no %s images",
                         split == WICK_TEST ? "test" : "validation");
    WICK_TRY(wick_eval_float(graph, data, split, a->threads, correct, NULL, diag));
    WICK_TRY(wick_eval_int8(net, data, split, a->threads, 0, correct8, NULL, NULL, diag));
    for (int k = 0; k < net->n_modules; k++) {
        r->float_accuracy[split][k] = (double)correct[k] / n;
        r->int8_accuracy[split][k] = (double)correct8[k] / n;
    }
    return WICK_OK;
}

static void measure_sizes(const wick_graph *graph, const wick_qnet *net, results *r) {
    for (int s = 0; s <= net->n_modules; s++)
        r->float_bytes[s] = 4 * wick_graph_counts(graph, s).parameters;
    for (int l = 0; l < net->n_layers; l++)
        r->int8_bytes[net->info[l].segment] += wick_qlayer_constant_bytes(&net->layers[l]);
}

static void print_results(const cli_quantized *a, const wick_qnet *net, const char *precision,
                          const results *r) {
    wick_arena *arena = wick_arena_new();
    enum { MOST = 9 };
    int columns = a->test ? MOST : 6, split_columns = 3;
    const char **cells = wick_new(arena, const char *, (net->n_modules + 2) * columns);
    const char *const header[MOST] = {"module", "float val.",
                                      wick_arena_printf(arena, "%s val.", precision), "change"};
    memcpy(cells, header, 4 * sizeof *header);
    const char *const test_header[3] = {"float test",
                                        wick_arena_printf(arena, "%s test", precision), "change"};
    if (a->test)
        memcpy(cells + 4, test_header, sizeof test_header);
    cells[columns - 2] = "float size";
    cells[columns - 1] = "int8 size";
    for (int s = 0; s <= net->n_modules; s++) {
        const char **row = cells + (s + 1) * columns;
        row[0] = s ? net->module_names[s - 1] : "extractor";
        for (int i = 0; s && i < (a->test ? 2 : 1); i++) {
            wick_split split = i ? WICK_TEST : WICK_VALIDATION;
            double before = r->float_accuracy[split][s - 1], after = r->int8_accuracy[split][s - 1];
            const char **cell = row + 1 + i * split_columns;
            cell[0] = wick_arena_printf(arena, "%.2f %%", 100 * before);
            cell[1] = wick_arena_printf(arena, "%.2f %%", 100 * after);
            cell[2] = wick_arena_printf(arena, "%+.2f", 100 * (after - before));
        }
        row[columns - 2] = wick_text_bytes(arena, (double)r->float_bytes[s]);
        row[columns - 1] = wick_text_bytes(arena, (double)r->int8_bytes[s]);
    }
    cli_print_table(cells, net->n_modules + 2, columns);
    wick_arena_free(arena);
}

static const char *const ways[2][2] = {{"", " with bias correction"},
                                       {" with equalisation", " with both"}};

/* What AUTO found, as signal to noise of the logits. */
static void print_calibrations(const wick_quantize_report *report) {
    printf("calibration: %s%s; signal to noise of the logits:\n", cli_calibrations[report->chosen],
           ways[report->equalised][report->corrected]);
    for (int way = 0; way < 4; way++) {
        const double *noise = report->noise[way / 2][way % 2];
        bool any = false;
        for (int i = 0; i < WICK_CALIBRATE_AUTO; i++)
            if (noise[i] > 0) {
                printf(" %s %.1f dB", cli_calibrations[i], -10 * log10(noise[i]));
                any = true;
            }
        if (any)
            printf("%s\n", ways[way / 2][way % 2]);
    }
}

static json_t *calibrations_json(const wick_quantize_report *report) {
    static const char *const names[2][2] = {{"plain", "correct_bias"}, {"equalise", "both"}};
    json_t *all = json_object();
    for (int way = 0; way < 4; way++) {
        json_t *noise = json_object();
        for (int i = 0; i < WICK_CALIBRATE_AUTO; i++) {
            double x = report->noise[way / 2][way % 2][i];
            json_object_set_new(noise, cli_calibrations[i], isnan(x) ? json_null() : json_real(x));
        }
        json_object_set_new(all, names[way / 2][way % 2], noise);
    }
    return json_pack("{s:s, s:b, s:b, s:o}", "chosen", cli_calibrations[report->chosen],
                     "equalised", report->equalised, "bias_corrected", report->corrected,
                     "logit_noise", all);
}

static double gain(const double loss[WICK_WIDTHS_ALL], int which) {
    return loss[which] - loss[WICK_WIDTHS_WIDE];
}

/* How 16-bit activations were chosen. */
static void print_widths(const wick_widths *w) {
    enum { COLUMNS = 4 };
    if (!w->n)
        return;
    wick_arena *arena = wick_arena_new();
    const char **cells = wick_new(arena, const char *, (w->n + 1) * COLUMNS);
    static const char *const header[COLUMNS] = {"activation", "bits", "bytes with 8",
                                                "loss with 8"};
    memcpy(cells, header, sizeof header);
    for (int i = 0; i < w->n; i++) {
        const char **row = cells + (i + 1) * COLUMNS;
        row[0] = w->tensors[i].name;
        row[1] = w->tensors[i].wide ? "16" : "8";
        row[2] = wick_text_count(arena, w->tensors[i].bytes);
        row[3] = wick_arena_printf(arena, "%+.5f", w->tensors[i].loss);
    }
    cli_print_table(cells, w->n + 1, COLUMNS);
    printf("those with 8 bits together: loss %+.5f, the sum of each alone %+.5f; 8 bits everywhere "
           "%+.5f\n",
           gain(w->loss, WICK_WIDTHS_CHOSEN), w->sum, gain(w->loss, WICK_WIDTHS_NARROW));
    if (!isnan(w->validation[WICK_WIDTHS_CHOSEN]))
        printf("on validation images: %+.5f, 8 bits everywhere %+.5f\n",
               gain(w->validation, WICK_WIDTHS_CHOSEN), gain(w->validation, WICK_WIDTHS_NARROW));
    printf("all activations, each for itself: %s bytes, with 8 bits %s, with 16 %s\n\n",
           wick_text_count(arena, w->bytes[WICK_WIDTHS_CHOSEN]),
           wick_text_count(arena, w->bytes[WICK_WIDTHS_NARROW]),
           wick_text_count(arena, w->bytes[WICK_WIDTHS_WIDE]));
    wick_arena_free(arena);
}

static json_t *three_json(const double values[WICK_WIDTHS_ALL]) {
    static const char *const names[WICK_WIDTHS_ALL] = {"narrow", "chosen", "wide"};
    json_t *all = json_object();
    for (int i = 0; i < WICK_WIDTHS_ALL; i++)
        json_object_set_new(all, names[i], isnan(values[i]) ? json_null() : json_real(values[i]));
    return all;
}

static json_t *widths_json(const wick_widths *w) {
    json_t *tensors = json_array();
    for (int i = 0; i < w->n; i++)
        json_array_append_new(tensors,
                              json_pack("{s:s, s:i, s:I, s:f}", "name", w->tensors[i].name, "bits",
                                        w->tensors[i].wide ? 16 : 8, "bytes_with_8_bits",
                                        (json_int_t)w->tensors[i].bytes, "loss_with_8_bits",
                                        w->tensors[i].loss));
    return json_pack("{s:o, s:f, s:o, s:o, s:[I,I,I]}", "tensors", tensors, "loss_sum", w->sum,
                     "loss", three_json(w->loss), "validation_loss", three_json(w->validation),
                     "bytes", (json_int_t)w->bytes[0], (json_int_t)w->bytes[1],
                     (json_int_t)w->bytes[2]);
}

static json_t *accuracy_json(const results *r, wick_split split, int k) {
    return json_pack("{s:f, s:f}", "float", r->float_accuracy[split][k], "int8",
                     r->int8_accuracy[split][k]);
}

static json_t *size_json(const results *r, int segment) {
    return json_pack("{s:I, s:I}", "float", (json_int_t)r->float_bytes[segment], "int8",
                     (json_int_t)r->int8_bytes[segment]);
}

static json_t *results_json(const cli_quantized *a, const wick_qnet *net, const char *precision,
                            const wick_data *data, const results *r) {
    json_t *modules = json_array();
    for (int k = 0; k < net->n_modules; k++) {
        json_t *module =
            json_pack("{s:s, s:o, s:o}", "name", net->module_names[k], "bytes", size_json(r, k + 1),
                      "validation", accuracy_json(r, WICK_VALIDATION, k));
        if (a->test)
            json_object_set_new(module, "test", accuracy_json(r, WICK_TEST, k));
        json_array_append_new(modules, module);
    }
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:o}", "precision", precision, "model",
        a->model, "output", a->output, "data", data->spec, "data_sha256", data->hash.hex,
        "calibration", cli_calibrations[a->options->calibration], "calibration_images",
        a->options->images < data->split[WICK_TRAIN].n ? a->options->images
                                                       : data->split[WICK_TRAIN].n,
        "net_sha256", net->hash.hex, "extractor_bytes", size_json(r, 0), "modules", modules);
    if (a->options->calibration == WICK_CALIBRATE_AUTO)
        json_object_set_new(root, "auto", calibrations_json(a->options->report));
    if (a->widths->n)
        json_object_set_new(root, "activations", widths_json(a->widths));
    return root;
}

/* Measures, stores the accuracies in the quantized graph, writes it and prints. */
wick_status cli_shrink_results(const cli_quantized *a, const wick_graph *graph,
                               wick_graph *quantized, wick_diag *diag) {
    const wick_data *data = a->data;
    wick_qnet *net;
    results r = {0};
    WICK_TRY(wick_qnet_lower(quantized, &net, diag));
    measure_sizes(graph, net, &r);
    wick_status status = measure(a, graph, net, data, WICK_VALIDATION, &r, diag);
    if (status == WICK_OK && a->test)
        status = measure(a, graph, net, data, WICK_TEST, &r, diag);
    for (int k = 0; k < net->n_modules && status == WICK_OK; k++) {
        quantized->family.validation[k] = r.int8_accuracy[WICK_VALIDATION][k];
        if (a->test)
            quantized->family.accuracy[k] = r.int8_accuracy[WICK_TEST][k];
    }
    if (status == WICK_OK)
        status = wick_onnx_write(quantized, a->output, diag);
    if (status == WICK_OK && a->json)
        status = cli_print_json(results_json(a, net, wick_graph_precision(quantized), data, &r))
                     ? WICK_OK
                     : WICK_OUTPUT;
    else if (status == WICK_OK) {
        print_widths(a->widths);
        print_results(a, net, wick_graph_precision(quantized), &r);
        if (a->options->calibration == WICK_CALIBRATE_AUTO)
            print_calibrations(a->options->report);
    }
    wick_qnet_free(net);
    return status;
}
