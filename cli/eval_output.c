#include "eval_output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this a matrix on a terminal says less than its largest entries. */
enum { MATRIX_CLASSES = 20, CONFUSIONS = 20 };

static const char *percent(wick_arena *arena, double share) {
    return isnan(share) ? "-" : wick_arena_printf(arena, "%.2f %%", 100 * share);
}

static const char *number(wick_arena *arena, int64_t value) {
    return wick_arena_printf(arena, "%lld", (long long)value);
}

/* --- text --------------------------------------------------------------------------------------*/

static void print_modules(wick_arena *arena, const eval_results *r) {
    enum { COLUMNS = 7 };
    int n = r->graph->family.n_heads;
    const char **cells = wick_new(arena, const char *, (n + 1) * COLUMNS);
    const char *const header[COLUMNS] = {
        "module",           "right", "images", "accuracy", "confident when right", "when wrong",
        "calibration error"};
    memcpy(cells, header, sizeof header);
    for (int k = 0; k < n; k++) {
        const char **row = cells + (k + 1) * COLUMNS;
        const wick_quality *q = &r->modules[k];
        row[0] = r->graph->family.head_names[k];
        row[1] = number(arena, q->right);
        row[2] = number(arena, q->images);
        row[3] = percent(arena, (double)q->right / (double)q->images);
        row[4] = percent(arena, q->confidence_right);
        row[5] = percent(arena, q->confidence_wrong);
        row[6] = percent(arena, q->calibration_error);
    }
    cli_print_table(cells, n + 1, COLUMNS);
}

static int64_t images_of(const wick_quality *q, int c) {
    int64_t images = 0;
    for (int other = 0; other < q->classes; other++)
        images += q->confusion[c * q->classes + other];
    return images;
}

/* Classes with precision and recall; where there are few, with the confusion matrix beside them: a
   row for the class that it is, a column for what it was called. */
static void print_classes(wick_arena *arena, const eval_results *r, const wick_quality *q) {
    bool matrix = q->classes <= MATRIX_CLASSES;
    int columns = 5 + (matrix ? q->classes : 0);
    const char **cells = wick_new(arena, const char *, (q->classes + 1) * columns);
    const char *const header[5] = {"", "class", "images", "precision", "recall"};
    memcpy(cells, header, sizeof header);
    for (int c = 0; matrix && c < q->classes; c++)
        cells[5 + c] = wick_arena_printf(arena, "as %d", c);
    for (int c = 0; c < q->classes; c++) {
        const char **row = cells + (c + 1) * columns;
        row[0] = number(arena, c);
        row[1] = r->data->class_names[c];
        row[2] = number(arena, images_of(q, c));
        row[3] = percent(arena, q->precision[c]);
        row[4] = percent(arena, q->recall[c]);
        for (int as = 0; matrix && as < q->classes; as++) {
            int64_t count = q->confusion[c * q->classes + as];
            row[5 + as] = count ? number(arena, count) : "-";
        }
    }
    cli_print_table(cells, q->classes + 1, columns);
}

typedef struct confusion {
    int64_t count;
    int is, as;
} confusion;

static int larger_first(const void *a, const void *b) {
    const confusion *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->is != y->is ? (x->is > y->is) - (x->is < y->is) : (x->as > y->as) - (x->as < y->as);
}

static void print_confusions(wick_arena *arena, const eval_results *r, const wick_quality *q) {
    enum { COLUMNS = 3 };
    int n = 0, all = q->classes * q->classes;
    confusion *list = wick_new(arena, confusion, all);
    for (int i = 0; i < all; i++)
        if (i / q->classes != i % q->classes && q->confusion[i])
            list[n++] = (confusion){q->confusion[i], i / q->classes, i % q->classes};
    qsort(list, (size_t)n, sizeof *list, larger_first);
    n = n < CONFUSIONS ? n : CONFUSIONS;
    const char **cells = wick_new(arena, const char *, (n + 1) * COLUMNS);
    const char *const header[COLUMNS] = {"most often confused", "called", "images"};
    memcpy(cells, header, sizeof header);
    for (int i = 0; i < n; i++) {
        cells[(i + 1) * COLUMNS] = r->data->class_names[list[i].is];
        cells[(i + 1) * COLUMNS + 1] = r->data->class_names[list[i].as];
        cells[(i + 1) * COLUMNS + 2] = number(arena, list[i].count);
    }
    putchar('\n');
    cli_print_table(cells, n + 1, COLUMNS);
}

static void print_confidences(wick_arena *arena, const wick_quality *q) {
    enum { COLUMNS = 5 };
    int rows = 1;
    const char **cells = wick_new(arena, const char *, (q->n_bins + 1) * COLUMNS);
    const char *const header[COLUMNS] = {"confidence", "right", "wrong", "share right", "mean"};
    memcpy(cells, header, sizeof header);
    for (int b = 0; b < q->n_bins; b++) {
        const wick_confidence_bin *bin = &q->bins[b];
        const char **row = cells + rows * COLUMNS;
        if (bin->right + bin->wrong == 0)
            continue;
        row[0] = wick_arena_printf(arena, "%.1f to %.1f %%", 100.0 * b / q->n_bins,
                                   100.0 * (b + 1) / q->n_bins);
        row[1] = number(arena, bin->right);
        row[2] = number(arena, bin->wrong);
        row[3] = percent(arena, (double)bin->right / (double)(bin->right + bin->wrong));
        row[4] = percent(arena, bin->confidence);
        rows++;
    }
    putchar('\n');
    cli_print_table(cells, rows, COLUMNS);
}

void eval_print(const eval_results *results, bool detail) {
    wick_arena *arena = wick_arena_new();
    print_modules(arena, results);
    if (results->graph->family.chain)
        printf("all exits but %s together: %lld parameters\n", results->graph->family.head_names[0],
               (long long)wick_exits_parameters(results->graph));
    for (int k = 0; detail && k < results->graph->family.n_heads; k++) {
        const wick_quality *q = &results->modules[k];
        printf("\nmodule %s\n", results->graph->family.head_names[k]);
        print_classes(arena, results, q);
        if (q->classes > MATRIX_CLASSES)
            print_confusions(arena, results, q);
        print_confidences(arena, q);
    }
    wick_arena_free(arena);
}

/* --- JSON --------------------------------------------------------------------------------------*/

static json_t *real_or_null(double value) {
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *classes_json(const eval_results *r, const wick_quality *q) {
    json_t *array = json_array();
    for (int c = 0; c < q->classes; c++)
        json_array_append_new(
            array, json_pack("{s:s, s:I, s:I, s:o, s:o}", "name", r->data->class_names[c], "images",
                             (json_int_t)images_of(q, c), "right",
                             (json_int_t)q->confusion[c * q->classes + c], "precision",
                             real_or_null(q->precision[c]), "recall", real_or_null(q->recall[c])));
    return array;
}

static json_t *confusion_json(const wick_quality *q) {
    json_t *rows = json_array();
    for (int c = 0; c < q->classes; c++) {
        json_t *row = json_array();
        for (int as = 0; as < q->classes; as++)
            json_array_append_new(row, json_integer(q->confusion[c * q->classes + as]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *confidences_json(const wick_quality *q) {
    json_t *array = json_array();
    for (int b = 0; b < q->n_bins; b++)
        json_array_append_new(
            array,
            json_pack("{s:f, s:f, s:I, s:I, s:o}", "above", (double)b / q->n_bins, "up_to",
                      (double)(b + 1) / q->n_bins, "right", (json_int_t)q->bins[b].right, "wrong",
                      (json_int_t)q->bins[b].wrong, "mean", real_or_null(q->bins[b].confidence)));
    return array;
}

json_t *eval_json(const eval_results *r) {
    json_t *modules = json_array();
    for (int k = 0; k < r->graph->family.n_heads; k++) {
        const wick_quality *q = &r->modules[k];
        json_array_append_new(
            modules, json_pack("{s:s, s:I, s:f, s:f, s:o, s:o, s:o, s:o, s:o}", "name",
                               r->graph->family.head_names[k], "right", (json_int_t)q->right,
                               "accuracy", (double)q->right / (double)q->images,
                               "calibration_error", q->calibration_error, "confidence_right",
                               real_or_null(q->confidence_right), "confidence_wrong",
                               real_or_null(q->confidence_wrong), "classes", classes_json(r, q),
                               "confusion", confusion_json(q), "confidences", confidences_json(q)));
    }
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o}", "model", r->model, "precision",
                  r->precision, "data", r->data->spec, "data_sha256", r->data->hash.hex, "split",
                  r->split, "images", (json_int_t)r->modules[0].images, "modules", modules);
    if (r->graph->family.chain)
        json_object_set_new(root, "exit_parameters", json_integer(wick_exits_parameters(r->graph)));
    return root;
}
