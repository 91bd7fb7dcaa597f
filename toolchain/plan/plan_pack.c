/* One layer in steps and spans: the division that takes least with the power failures to be
   expected, by dynamic programming over the places where steps may end. */
#include "plan/plan_memo.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_INDEX = UINT16_MAX,
    /* Pairs of borders that are looked at for one layer: where there would be more, steps end on
       rows, then on every second row and so on. */
    MOST_PAIRS = 1 << 14,
    SOME_PAIRS = 1 << 10,
    LEVELS = 40
};

/* What the steps between two borders take. */
typedef struct piece {
    wick_cost step, reload;
    wick_plan_draw draw; /* of both */
    bool fits;           /* beside the arena */
} piece;

typedef struct border {
    uint32_t first_pixel, last_pixel;
    bool begins_pixel, ends_pixel;
    int begin_before; /* the last border up to this one that begins a pixel */
} border;

typedef struct division {
    const wick_plan_costs *costs;
    const wick_pack_limits *limits;
    int layer;
    int64_t scratch;
    wick_pack_room room;
    wick_cost commit;
    wick_plan_draw commit_draw;
    uint32_t total, out_c, unit;
    uint32_t sizes[LEVELS]; /* of intervals between borders, coarse to fine */
    int levels, pixels; /* level of single pixels (or as many as end on a unit); finer: channels */
    uint32_t *borders;  /* [n + 1] where steps may end */
    int n, cap;
    /* of each border, [n + 1]: the pixel that begins there, the one that ends there, and whether
       they are whole */
    border *at;
    wick_plan_pieces *pieces;
    int *known;    /* [n][width] of the pieces the one from border k to border k + 1 + i */
    double *worth; /* [n][width] what it takes; INFINITY: no room for it; NAN: not known yet */
    int width;
} division;

static uint32_t least_common_multiple(uint32_t a, uint32_t b) {
    uint32_t x = a, y = b;
    while (y) {
        uint32_t r = x % y;
        x = y;
        y = r;
    }
    return a / x * b;
}

/* Outputs that fill a write unit. */
static int64_t unit_outputs(const wick_plan_costs *costs, const wick_layer *layer) {
    return wick_unit_outputs(layer, (uint32_t)wick_device_unit_bytes(costs->device));
}

/* Steps end on write units (or with their tensor): a unit that two spans write could tear committed
   bytes. Whole pixels: multiples of this many elements. */
static uint32_t pixel_grain(const wick_layer *layer, int64_t unit) {
    return least_common_multiple(layer->out_c, (uint32_t)unit);
}

/* Channels within one pixel can be split when its end is a legal border too. */
static bool splits_channels(const wick_layer *layer, uint32_t first, int64_t unit) {
    uint32_t end = (first / layer->out_c + 1) * layer->out_c;
    return end % (uint32_t)unit == 0 || end == wick_plan_layer_total(layer);
}

static wick_step step_to(int layer, uint32_t first, uint32_t end) {
    return (wick_step){.layer = (uint16_t)layer, .first = first, .count = end - first};
}

/* End of the smallest legal step from `first`. */
static uint32_t smallest_end(const wick_layer *layer, uint32_t first, int64_t unit) {
    uint32_t total = wick_plan_layer_total(layer), grain = pixel_grain(layer, unit);
    if (splits_channels(layer, first, unit))
        grain = (uint32_t)unit;
    return total - first < grain ? total : first + grain;
}

uint32_t wick_plan_smallest_step(const wick_plan_costs *costs, int layer, uint32_t first) {
    const wick_layer *at = &costs->layers[layer];
    return smallest_end(at, first, unit_outputs(costs, at)) - first;
}

static void *grow(void *array, int *cap, int n, size_t size) {
    if (n < *cap)
        return array;
    *cap = *cap ? 2 * *cap : 256;
    return wick_xrealloc(array, (size_t)*cap * size);
}

void wick_packing_add(wick_packing *out, wick_step step, bool new_span) {
    out->steps = grow(out->steps, &out->cap_steps, out->n_steps, sizeof *out->steps);
    out->spans = grow(out->spans, &out->cap_spans, out->n_spans, sizeof *out->spans);
    if (new_span)
        out->spans[out->n_spans++] = (wick_span){.first_step = (uint16_t)out->n_steps};
    out->steps[out->n_steps++] = step;
    out->spans[out->n_spans - 1].n_steps++;
}

void wick_packing_free(wick_packing *packing) {
    free(packing->steps);
    free(packing->spans);
    free(packing->places);
    *packing = (wick_packing){0};
}

double wick_pack_worth(const wick_pack_limits *limits, wick_cost cost) {
    return (1 - limits->latency_weight) * cost.energy_uj +
           limits->latency_weight * limits->active_uj_per_us * cost.time_us;
}

double wick_pack_expected(const wick_pack_limits *limits, wick_cost span, wick_cost reload) {
    double once = wick_pack_worth(limits, span);
    return once + span.energy_uj / limits->usable_uj * (once / 2 + wick_pack_worth(limits, reload));
}

bool wick_pack_carries(const wick_plan_costs *costs, const wick_pack_limits *limits,
                       wick_plan_draw span) {
    return wick_plan_asked_uj(costs->device, limits->uj_per_v2, span) <=
           limits->span_uj * WICK_PLAN_SLACK;
}

/* ---- one step, one span ---- */

/* Index into the layer's pieces. *fits: there is room for it. */
static int index_of(division *d, uint32_t first, uint32_t end, bool *fits) {
    int index = wick_plan_piece_of(d->pieces, d->costs, step_to(d->layer, first, end));
    int64_t scratch = d->pieces->list[index].scratch;
    *fits = scratch <= d->scratch;
    if (*fits && scratch > d->room.least)
        d->room.least = scratch;
    if (!*fits && scratch < d->room.below)
        d->room.below = scratch;
    return index;
}

static piece piece_at(const division *d, int index) {
    const wick_plan_piece *p = &d->pieces->list[index];
    return (piece){
        .step = p->step, .reload = p->reload, .draw = p->draw, .fits = p->scratch <= d->scratch};
}

static piece piece_of(division *d, uint32_t first, uint32_t end) {
    bool fits;
    return piece_at(d, index_of(d, first, end, &fits));
}

/* Its work with a commit and all that a boot may have to read again. */
static bool carries(const division *d, const piece *work) {
    return wick_pack_carries(d->costs, d->limits, wick_plan_draw_sum(work->draw, d->commit_draw));
}

/* From border k to border j: steps are whole pixels, or channels of one pixel. */
static bool legal(const division *d, int k, int j) {
    const border *from = &d->at[k], *to = &d->at[j];
    return (from->begins_pixel && to->ends_pixel) || from->first_pixel == to->last_pixel;
}

/* The last border before k from which a step to border j is legal; -1: there is none. */
static int legal_before(const division *d, int k, int j) {
    const border *from = &d->at[--k], *to = &d->at[j];
    if (from->first_pixel == to->last_pixel)
        return k;
    return to->ends_pixel ? from->begin_before : -1;
}

/* ---- borders ---- */

static void add_border(division *d, uint32_t at) {
    d->borders = grow(d->borders, &d->cap, d->n + 1, sizeof *d->borders);
    d->borders[++d->n] = at;
}

/* The interval can be a span. */
static bool alone(division *d, uint32_t from, uint32_t to) {
    if (d->limits->max_span_outputs && to - from > (uint32_t)d->limits->max_span_outputs)
        return false;
    piece work = piece_of(d, from, to);
    return work.fits && carries(d, &work);
}

/* Borders at the multiples of a level's size, finer ones where an interval is too much for a span.
 */
static void divide_interval(division *d, uint32_t from, uint32_t to, int level) {
    uint32_t size = d->sizes[level];
    while (from < to) {
        uint64_t next = ((uint64_t)from / size + 1) * size;
        uint32_t end = next < to ? (uint32_t)next : to;
        /* Channels can be divided only within one pixel that ends on a unit. */
        bool whole = level + 1 == d->levels || (level == d->pixels && end - from > d->out_c);
        if (whole || alone(d, from, end))
            add_border(d, end);
        else
            divide_interval(d, from, end, level + 1);
        from = end;
    }
}

/* unit, 2 unit, 4 unit ... below `end`, the last one `end` itself; appended from large to small. */
static void add_levels(division *d, uint32_t unit, uint32_t end) {
    uint32_t sizes[LEVELS / 2];
    int n = 0;
    for (uint64_t size = unit; n < LEVELS / 2 - 1 && size < end; size *= 2)
        sizes[n++] = (uint32_t)size;
    sizes[n++] = end;
    while (n > 0)
        d->sizes[d->levels++] = sizes[--n];
}

static void set_levels(division *d) {
    const wick_layer *layer = &d->costs->layers[d->layer];
    uint32_t row = least_common_multiple((uint32_t)layer->out_w * d->out_c, d->unit);
    add_levels(d, row, row < d->total ? d->total : row);
    d->pixels = d->levels;
    d->sizes[d->levels++] = pixel_grain(layer, d->unit);
    add_levels(d, d->unit, d->out_c / 2 > d->unit ? d->out_c / 2 / d->unit * d->unit : d->unit);
}

/* The finest borders that are few enough: a span reaches over about n / spans of n. */
static void set_borders(division *d) {
    double spans = fmax(1, piece_of(d, 0, d->total).step.energy_uj / d->limits->span_uj);
    int level = d->levels - 1;
    for (; level > 0; level--) {
        double n = ceil((double)d->total / d->sizes[level]);
        if (n * fmin(n, 1 + 1.5 * n / spans) <= (d->limits->any ? SOME_PAIRS : MOST_PAIRS))
            break;
    }
    d->borders = grow(d->borders, &d->cap, 0, sizeof *d->borders);
    d->borders[0] = 0;
    if (level <= d->pixels) {
        divide_interval(d, 0, d->total, level);
        return;
    }
    for (uint32_t from = 0, grain = d->sizes[d->pixels];
         from < d->total;) { /* channels lie inside pixels */
        uint32_t end = d->total - from < grain ? d->total : from + grain;
        divide_interval(d, from, end, end - from > d->out_c ? d->pixels : level);
        from = end;
    }
}

static void describe_borders(division *d) {
    d->at = wick_xalloc(((size_t)d->n + 1) * sizeof *d->at);
    for (int b = 0; b <= d->n; b++) {
        uint32_t at = d->borders[b];
        d->at[b] = (border){.first_pixel = at / d->out_c,
                            .last_pixel = at ? (at - 1) / d->out_c : UINT32_MAX,
                            .begins_pixel = at % d->out_c == 0,
                            .ends_pixel = at % d->out_c == 0 || at == d->total};
        d->at[b].begin_before = d->at[b].begins_pixel ? b : d->at[b - 1].begin_before;
    }
}

/* ---- the search ---- */

/* Of the step from border k to border j: its piece, and what it takes (INFINITY: there is no room
   for it). */
static int look_up(division *d, int k, int j, double *worth) {
    bool fits;
    int index = index_of(d, d->borders[k], d->borders[j], &fits);
    *worth = fits ? wick_pack_worth(d->limits, d->pieces->list[index].step) : (double)INFINITY;
    return index;
}

static piece piece_between(division *d, int k, int j) {
    int at = j - k - 1;
    double worth;
    if (at >= d->width)
        return piece_at(d, look_up(d, k, j, &worth));
    size_t place = (size_t)k * (size_t)d->width + (size_t)at;
    if (isnan(d->worth[place]))
        d->known[place] = look_up(d, k, j, &d->worth[place]);
    return piece_at(d, d->known[place]);
}

static double worth_between(division *d, int k, int j) {
    int at = j - k - 1;
    double worth;
    if (at >= d->width) {
        look_up(d, k, j, &worth);
        return worth;
    }
    size_t place = (size_t)k * (size_t)d->width + (size_t)at;
    if (isnan(d->worth[place]))
        d->known[place] = look_up(d, k, j, &d->worth[place]);
    return d->worth[place];
}

/* The cheapest steps of one span from a border on, to those behind it. */
typedef struct reached {
    piece steps;  /* all of them */
    double worth; /* INFINITY: there are none */
    int last;     /* where the last of them begins; -1: there are none */
} reached;

/* From border i to j, given those to all borders between: one step where that fits (no division
   takes less), else the best last step. */
static reached best_steps(division *d, const reached *to, int i, int j) {
    reached best = {.steps = {.fits = false}, .worth = INFINITY, .last = -1};
    if (legal(d, i, j)) {
        best.worth = worth_between(d, i, j);
        best.steps = piece_between(d, i, j);
        if (best.steps.fits) {
            best.last = i;
            return best;
        }
    }
    for (int k = legal_before(d, j, j); k > i; k = legal_before(d, k, j)) {
        if (isinf(to[k - i].worth))
            continue;
        double step = worth_between(d, k, j);
        if (isinf(step))
            break; /* longer ones need no less scratch */
        if (to[k - i].worth + step < best.worth) {
            best.worth = to[k - i].worth + step;
            best.last = k;
        }
    }
    if (best.last < 0)
        return best;
    const piece *before = &to[best.last - i].steps;
    piece step = piece_between(d, best.last, j);
    best.steps = (piece){.step = wick_cost_add(before->step, step.step),
                         .reload = wick_cost_add(before->reload, step.reload),
                         .draw = wick_plan_draw_sum(before->draw, step.draw),
                         .fits = true};
    return best;
}

/* Fills to[j - i] for the borders that a span from i may reach, at most `end`;
   returns the last one. Some kernels take less for more pixels, so the reach ends well behind the
   first excess. */
static int follow(division *d, int i, int end, reached *to) {
    int j = i;
    while (j < end) {
        uint32_t outputs = d->borders[j + 1] - d->borders[i];
        if (j > i && d->limits->max_span_outputs && outputs > (uint32_t)d->limits->max_span_outputs)
            break;
        j++;
        to[j - i] = best_steps(d, to, i, j);
        if (to[j - i].steps.fits &&
            to[j - i].steps.step.energy_uj + d->commit.energy_uj > 1.5 * d->limits->span_uj)
            break;
    }
    return j;
}

/* from[j]: where the last span before border j begins. INFINITY: there is no division. */
static double search(division *d, int *from, reached *to) {
    double *best = wick_xalloc(((size_t)d->n + 1) * sizeof *best);
    for (int j = 1; j <= d->n; j++)
        best[j] = INFINITY;
    best[0] = 0;
    for (int i = 0; i < d->n; i++) {
        if (isinf(best[i]))
            continue;
        int reach = follow(d, i, d->n, to);
        for (int j = i + 1; j <= reach; j++) {
            const piece *span = &to[j - i].steps;
            if (!span->fits)
                continue;
            double cost =
                best[i] +
                wick_pack_expected(d->limits, wick_cost_add(span->step, d->commit), span->reload);
            if (cost < best[j] && carries(d, span)) {
                best[j] = cost;
                from[j] = i;
            }
        }
    }
    double expected = best[d->n];
    free(best);
    return expected;
}

static void add_spans(division *d, const int *from, reached *to, wick_packing *out) {
    int *ends = wick_xalloc(((size_t)d->n + 1) * sizeof *ends), spans = 0;
    for (int j = d->n; j > 0; j = from[j])
        ends[spans++] = j;
    while (spans-- > 0) {
        int j = ends[spans], i = from[j], steps = 0;
        follow(d, i, j, to);
        int *step_ends = wick_xalloc(((size_t)(j - i) + 1) * sizeof *step_ends);
        for (int k = j; k > i; k = to[k - i].last)
            step_ends[steps++] = k;
        for (int k = i; steps-- > 0; k = step_ends[steps])
            wick_packing_add(out, step_to(d->layer, d->borders[k], d->borders[step_ends[steps]]),
                             k == i);
        free(step_ends);
    }
    free(ends);
}

bool wick_pack_layer(const wick_plan_costs *costs, const wick_pack_limits *limits, int layer,
                     int64_t scratch, wick_plan_pieces *pieces, wick_packing *out, double *expected,
                     wick_pack_room *room) {
    division d = {.costs = costs,
                  .limits = limits,
                  .layer = layer,
                  .pieces = pieces,
                  .scratch = scratch,
                  .room = {.least = INT64_MIN, .below = INT64_MAX},
                  .commit = wick_device_cost(costs->device, wick_plan_commit_work(costs->device)),
                  .total = wick_plan_layer_total(&costs->layers[layer]),
                  .out_c = costs->layers[layer].out_c,
                  .unit = (uint32_t)unit_outputs(costs, &costs->layers[layer])};
    d.commit_draw = wick_plan_draw_of(costs->device, d.commit);
    wick_plan_pieces_open(pieces, costs, layer);
    set_levels(&d);
    set_borders(&d);
    size_t n = (size_t)d.n;
    d.width = d.n < MOST_PAIRS / d.n ? d.n : MOST_PAIRS / d.n;
    size_t pairs = n * (size_t)d.width;
    d.known = wick_xrealloc(NULL, (pairs + 1) * sizeof *d.known); /* as it comes: `worth` tells */
    d.worth = wick_xalloc((pairs + 1) * sizeof *d.worth);
    for (size_t p = 0; p < pairs; p++)
        d.worth[p] = (double)NAN;
    describe_borders(&d);
    reached *to = wick_xalloc((n + 1) * sizeof *to);
    int *from = wick_xalloc((n + 1) * sizeof *from);
    *expected = search(&d, from, to);
    bool found = !isinf(*expected);
    if (found && out)
        add_spans(&d, from, to, out);
    *room = d.room;
    free(d.borders);
    free(d.at);
    free(d.known);
    free(d.worth);
    free(to);
    free(from);
    return found;
}

static wick_plan_draw alone_draw(const wick_plan_costs *costs, wick_step step) {
    const wick_device *device = costs->device;
    wick_plan_draw computing =
        wick_plan_draw_of(device, wick_device_cost(device, wick_plan_step_work(costs, step)));
    wick_plan_draw commit =
        wick_plan_draw_of(device, wick_device_cost(device, wick_plan_commit_work(device)));
    return wick_plan_draw_sum(wick_plan_draw_sum(computing, wick_plan_reload_draw(costs, &step, 1)),
                              commit);
}

wick_pack_floor wick_pack_smallest(const wick_plan_costs *costs, wick_plan_draw boot) {
    wick_pack_floor floor = {.step = boot};
    double most_uf = 0;
    for (int l = 0; l < costs->net->n_layers; l++) {
        const wick_layer *layer = &costs->layers[l];
        int64_t unit = unit_outputs(costs, layer);
        uint32_t total = wick_plan_layer_total(layer);
        uint32_t rows = UINT32_MAX, count = 0;
        for (uint32_t first = 0, end; first < total; first = end) {
            end = smallest_end(layer, first, unit);
            wick_step step = step_to(l, first, end);
            /* All that counts of a step: the one before was the same. */
            uint32_t reads = wick_layer_input_rows(layer, first, step.count).rows;
            if (reads == rows && step.count == count)
                continue;
            rows = reads, count = step.count;
            wick_plan_draw draw = wick_plan_draw_behind(boot, alone_draw(costs, step));
            double uf = wick_plan_uf_for(costs->device, 1, draw);
            int64_t scratch = wick_plan_step_scratch(costs, step);
            if (uf > most_uf)
                most_uf = uf, floor.step = draw, floor.step_layer = l;
            if (scratch > floor.scratch)
                floor.scratch = scratch, floor.scratch_layer = l;
        }
    }
    return floor;
}
