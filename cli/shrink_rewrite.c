#include "shrink_rewrite.h"

#include "cli.h"

#include <math.h>
#include <stdio.h>

/* Float bytes and multiply-accumulates of the whole graph. */
static wick_counts whole(const wick_graph *graph) {
    wick_counts sum = {0};
    for (int s = 0; s <= graph->family.n_heads; s++) {
        wick_counts c = wick_graph_counts(graph, s);
        sum.parameters += c.parameters;
        sum.macs += c.macs;
    }
    return sum;
}

static const char *ranks(wick_arena *arena, const wick_separated *layer) {
    if (layer->parts == 1)
        return "stays whole";
    return layer->parts == 3 ? wick_arena_printf(arena, "%d, %d", layer->rank_in, layer->rank)
                             : wick_arena_printf(arena, "%d", layer->rank);
}

static void print_separation(const wick_separation *separation) {
    enum { COLUMNS = 5 };
    wick_arena *arena = wick_arena_new();
    int rows = separation->n + 1;
    const char **cells = wick_new(arena, const char *, rows *COLUMNS);
    static const char *const header[COLUMNS] = {"layer", "ranks", "before", "after", "error"};
    for (int c = 0; c < COLUMNS; c++)
        cells[c] = header[c];
    for (int i = 0; i < separation->n; i++) {
        const wick_separated *layer = &separation->layers[i];
        const char **row = cells + (i + 1) * COLUMNS;
        row[0] = layer->name;
        row[1] = ranks(arena, layer);
        row[2] = wick_text_bytes(arena, (double)layer->before);
        row[3] = wick_text_bytes(arena, (double)layer->after);
        row[4] = layer->parts > 1 ? wick_arena_printf(arena, "%.1f %%", 100 * layer->error) : "";
    }
    cli_print_table(cells, rows, COLUMNS);
    wick_arena_free(arena);
}

static const char *saved_energy(wick_arena *arena, double uj) {
    return wick_arena_printf(arena, "%s%s", uj < 0 ? "-" : "", wick_text_energy(arena, fabs(uj)));
}

static void print_cuts(const cli_rewritten *done) {
    enum { COLUMNS = 6 };
    wick_arena *arena = wick_arena_new();
    const wick_channel_cuts *cuts = &done->cuts;
    const char **cells = wick_new(arena, const char *, (cuts->n + 1) * COLUMNS);
    static const char *const header[COLUMNS] = {"layer",      "channels",     "effect on loss",
                                                "steps save", "commits save", "outputs in NVM"};
    for (int c = 0; c < COLUMNS; c++)
        cells[c] = header[c];
    for (int i = 0; i < cuts->n; i++) {
        const wick_channel_cut *cut = &cuts->layers[i];
        const char **row = cells + (i + 1) * COLUMNS;
        row[0] = cut->name;
        row[1] = wick_arena_printf(arena, "%d -> %d", cut->before, cut->before - cut->gone);
        row[2] = wick_arena_printf(arena, "%.4f", cut->loss);
        row[3] = saved_energy(arena, cut->saved.step_uj);
        row[4] = saved_energy(arena, cut->saved.commit_uj);
        row[5] = wick_arena_printf(arena, "%+lld", -(long long)cut->saved.outputs);
    }
    cli_print_table(cells, cuts->n + 1, COLUMNS);
    const wick_answer_cost *a = &cuts->before, *b = &cuts->after;
    printf("modelled for %s, all modules, without boots: %s -> %s (commits %s -> %s), %lld -> %lld "
           "outputs in NVM, %lld -> %lld commits\n",
           done->device, wick_text_energy(arena, a->step_uj + a->commit_uj),
           wick_text_energy(arena, b->step_uj + b->commit_uj),
           wick_text_energy(arena, a->commit_uj), wick_text_energy(arena, b->commit_uj),
           (long long)a->outputs, (long long)b->outputs, (long long)a->commits,
           (long long)b->commits);
    wick_arena_free(arena);
}

static void print_bits(const cli_rewritten *done) {
    enum { COLUMNS = 4 };
    wick_arena *arena = wick_arena_new();
    const char **cells = wick_new(arena, const char *, (done->n_bits + 1) * COLUMNS);
    static const char *const header[COLUMNS] = {"weights", "bits", "bytes", "loss with 4 bits"};
    for (int c = 0; c < COLUMNS; c++)
        cells[c] = header[c];
    for (int i = 0; i < done->n_bits; i++) {
        const wick_bits_layer *layer = &done->bits[i];
        const char **row = cells + (i + 1) * COLUMNS;
        row[0] = layer->name;
        row[1] = layer->narrow ? "4" : "8";
        row[2] = wick_text_count(arena, layer->bytes[layer->narrow]);
        row[3] = wick_arena_printf(arena, "%+.4f", layer->loss);
    }
    cli_print_table(cells, done->n_bits + 1, COLUMNS);
    const wick_bits_effect *effect = &done->bits_effect;
    printf("those with 4 bits together: loss %+.4f, the sum of each alone %+.4f", effect->together,
           effect->sum);
    if (!isnan(effect->validation))
        printf("; on the validation images %+.4f", effect->validation);
    putchar('\n');
    wick_arena_free(arena);
}

void cli_print_rewritten(const wick_graph *before, const wick_graph *after,
                         const cli_rewritten *done) {
    wick_arena *arena = wick_arena_new();
    if (done->collapsed_pairs)
        printf("pairs of linear layers that became one: %d\n", done->collapsed_pairs);
    if (done->channels_removed)
        printf("channels that went: %d\n", done->channels_removed);
    if (done->device)
        print_cuts(done);
    if (done->separation.n)
        print_separation(&done->separation);
    if (done->n_bits)
        print_bits(done);
    wick_counts from = whole(before), to = whole(after);
    printf("%s -> %s parameters, %s -> %s MACs\n", wick_text_count(arena, from.parameters),
           wick_text_count(arena, to.parameters), wick_text_count(arena, from.macs),
           wick_text_count(arena, to.macs));
    wick_arena_free(arena);
}

static json_t *cost_json(const wick_answer_cost *cost) {
    return json_pack("{s:f, s:f, s:I, s:I}", "step_uj", cost->step_uj, "commit_uj", cost->commit_uj,
                     "commits", (json_int_t)cost->commits, "preserved_outputs",
                     (json_int_t)cost->outputs);
}

static json_t *cuts_json(const cli_rewritten *done) {
    json_t *layers = json_array();
    for (int i = 0; i < done->cuts.n; i++) {
        const wick_channel_cut *cut = &done->cuts.layers[i];
        json_array_append_new(layers, json_pack("{s:s, s:i, s:i, s:f, s:o}", "name", cut->name,
                                                "before", cut->before, "gone", cut->gone, "loss",
                                                cut->loss, "saved", cost_json(&cut->saved)));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "modelled_for", done->device, "by",
                     done->worth == WICK_WORTH_ENERGY ? "energy" : "outputs", "before",
                     cost_json(&done->cuts.before), "after", cost_json(&done->cuts.after), "layers",
                     layers);
}

static json_t *effect_json(const wick_bits_effect *effect) {
    return json_pack("{s:f, s:f, s:o}", "loss_sum", effect->sum, "loss_together", effect->together,
                     "loss_on_validation",
                     isnan(effect->validation) ? json_null() : json_real(effect->validation));
}

json_t *cli_rewritten_json(const wick_graph *before, const wick_graph *after,
                           const cli_rewritten *done, const char *output) {
    json_t *layers = json_array();
    for (int i = 0; i < done->separation.n; i++) {
        const wick_separated *layer = &done->separation.layers[i];
        json_array_append_new(layers, json_pack("{s:s, s:i, s:i, s:i, s:I, s:I, s:f}", "name",
                                                layer->name, "parts", layer->parts, "rank_in",
                                                layer->rank_in, "rank", layer->rank, "bytes_before",
                                                (json_int_t)layer->before, "bytes_after",
                                                (json_int_t)layer->after, "error", layer->error));
    }
    json_t *bits = json_array();
    for (int i = 0; i < done->n_bits; i++) {
        const wick_bits_layer *layer = &done->bits[i];
        json_array_append_new(bits, json_pack("{s:s, s:i, s:I, s:f}", "name", layer->name, "bits",
                                              layer->narrow ? 4 : 8, "bytes",
                                              (json_int_t)layer->bytes[layer->narrow],
                                              "loss_with_4_bits", layer->loss));
    }
    wick_counts from = whole(before), to = whole(after);
    json_t *root =
        json_pack("{s:s, s:i, s:i, s:o, s:o, s:I, s:I, s:I, s:I}", "output", output,
                  "collapsed_pairs", done->collapsed_pairs, "channels_removed",
                  done->channels_removed, "separated", layers, "bits", bits, "parameters_before",
                  (json_int_t)from.parameters, "parameters_after", (json_int_t)to.parameters,
                  "macs_before", (json_int_t)from.macs, "macs_after", (json_int_t)to.macs);
    if (done->n_bits)
        json_object_set_new(root, "bits_effect", effect_json(&done->bits_effect));
    if (done->device)
        json_object_set_new(root, "channels", cuts_json(done));
    return root;
}
