/* Commits where the charge ends, on the published cost model. */
#include "plan/published_search.h"

#include <math.h>

enum { MAX_SIZES = 128 };

/* The power cycle that is being filled. */
typedef struct filler {
    const wick_published *model;
    wick_published_cost begin, commit, now; /* now: of this cycle, without its commit */
    double charge_j;
    wick_published_total *total;
} filler;

static wick_published_cost sum(wick_published_cost a, wick_published_cost b) {
    return (wick_published_cost){a.j + b.j, a.s + b.s};
}

/* Its last commit is done. */
static void close_cycle(filler *f) {
    wick_published_cost cycle = f->now;
    f->total->power_cycles++;
    f->total->energy_j += cycle.j;
    f->total->active_s += cycle.s;
    f->total->end_to_end_s += cycle.s + wick_published_recharge_s(f->model, cycle.j);
    f->total->reboots_s += f->model->reboot_s;
    f->now = f->begin;
}

static void end_cycle(filler *f) {
    f->now = sum(f->now, f->commit);
    close_cycle(f);
}

static void run_layer(filler *f, const wick_published_pieces *p) {
    for (int64_t g = 0; g < (int64_t)p->groups; g++) {
        wick_published_cost unit = g % p->passes ? sum(p->unit, p->sums) : p->unit;
        bool held = false;
        for (int64_t u = 0; u < (int64_t)p->units; u++) {
            wick_published_cost piece = held ? unit : sum(p->held, unit);
            if (f->now.j + piece.j + f->commit.j > f->charge_j) {
                end_cycle(f);
                piece = sum(p->held, unit);
            }
            f->now = sum(f->now, piece);
            held = true;
        }
        if (p->passes == 1)
            continue;
        /* Room for it was kept; what follows it needs room for its own. */
        f->now = sum(f->now, f->commit);
        if (f->now.j + f->commit.j > f->charge_j)
            close_cycle(f);
    }
}

static int sizes_of(int number, int *sizes) {
    int n = 0;
    for (int d = 1; d <= number && n < MAX_SIZES; d++)
        if (number % d == 0)
            sizes[n++] = d;
    return n;
}

/* The best pieces of a layer so far. */
typedef struct choice {
    wick_published_pieces pieces;
    double score;
} choice;

static void consider(const filler *f, const wick_published_layer *layer,
                     const wick_published_design *d, choice *best) {
    wick_published_pieces p = wick_published_pieces_of(f->model, layer, d);
    double around_j = f->begin.j + p.held.j + f->commit.j;
    double around_s = f->begin.s + p.held.s + f->commit.s;
    if (p.vm_bytes > f->model->vm_bytes || around_j + p.unit.j + p.sums.j > f->charge_j)
        return;
    double later = p.groups * (1 - 1.0 / p.passes) * p.units, commits = p.passes > 1 ? p.groups : 0;
    double j =
        p.groups * (p.held.j + p.units * p.unit.j) + later * p.sums.j + commits * f->commit.j;
    double s =
        p.groups * (p.held.s + p.units * p.unit.s) + later * p.sums.s + commits * f->commit.s;
    /* Of a charge half a piece is left over on average. */
    double score = s + j * around_s / (f->charge_j - around_j - p.unit.j / 2);
    if (score < best->score)
        *best = (choice){p, score};
}

static choice best_pieces(const filler *f, const wick_published_layer *layer) {
    int rows[MAX_SIZES], cols[MAX_SIZES], outs[MAX_SIZES], ins[MAX_SIZES];
    int n_rows = sizes_of(layer->rows, rows), n_cols = sizes_of(layer->cols, cols);
    int n_outs = sizes_of(layer->out_c, outs), n_ins = sizes_of(layer->in_c, ins);
    bool mixes = layer->kind == WICK_LAYER_CONV2D || layer->kind == WICK_LAYER_FC;
    int last_order = mixes ? WICK_REUSE_OUTPUT : WICK_REUSE_WEIGHTS;
    choice best = {.score = INFINITY};
    for (int r = 0; r < n_rows; r++)
        for (int c = 0; c < n_cols; c++)
            for (int m = 0; m < n_outs; m++)
                for (int n = 0; n < n_ins; n++)
                    for (int order = WICK_REUSE_INPUT; order <= last_order; order++)
                        consider(f, layer,
                                 &(wick_published_design){.tr = rows[r],
                                                          .tc = cols[c],
                                                          .tm = outs[m],
                                                          .tn = ins[n],
                                                          .order = (wick_published_order)order,
                                                          .s = 1},
                                 &best);
    return best;
}

bool wick_published_joined(const wick_published *model, const wick_qnet *net,
                           const wick_published_plan *plan, int module, wick_published_total *out) {
    wick_published_total answer = wick_published_answer(plan, module);
    *out = (wick_published_total){.continuous_s = answer.continuous_s,
                                  .continuous_j = answer.continuous_j};
    filler f = {.model = model,
                .begin = wick_published_begin(model),
                .commit = wick_published_commit(model),
                .charge_j = wick_published_charge_j(model),
                .total = out};
    f.now = f.begin;
    for (int l = 0; l < net->n_layers; l++) {
        if (net->info[l].segment != 0 && net->info[l].segment != module)
            continue;
        wick_published_layer layer = wick_published_layer_of(&net->layers[l]);
        choice best = best_pieces(&f, &layer);
        if (!isfinite(best.score))
            return false;
        run_layer(&f, &best.pieces);
    }
    end_cycle(&f);
    return true;
}
