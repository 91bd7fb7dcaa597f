/* The published cost model of DMA and vector library (LEA); formulas in published.h. */
#include "device/published.h"

#include <math.h>

/* Additions and multiplications that compute addresses, for each call. */
typedef struct addressing {
    int adds, muls;
} addressing;

static const addressing input_address = {7, 5}, weight_address = {8, 9}, sum_address = {7, 5},
                        partial_address = {7, 5}, accumulate_address = {3, 3},
                        window_address = {2, 1};
/* Backing up, by order; from the tool, the paper's table has none. */
static const addressing output_address[] = {
    [WICK_REUSE_INPUT] = {9, 8}, [WICK_REUSE_WEIGHTS] = {11, 9}, [WICK_REUSE_OUTPUT] = {7, 5}};
enum { INDEX_WORDS = 4 };

static wick_published_cost plus(wick_published_cost a, wick_published_cost b) {
    return (wick_published_cost){a.j + b.j, a.s + b.s};
}

static wick_published_cost times(double n, wick_published_cost a) {
    return (wick_published_cost){n * a.j, n * a.s};
}

static wick_published_cost operation(const wick_published *m, wick_published_operation op) {
    return (wick_published_cost){op.j, op.cycles / m->clock_hz};
}

static wick_published_cost vector(const wick_published *m, wick_published_vector op, double words) {
    return (wick_published_cost){op.j + words * op.j_per_word,
                                 (op.cycles + words * op.cycles_per_word) / m->clock_hz};
}

static wick_published_cost addresses(const wick_published *m, addressing count) {
    return plus(times(count.adds, operation(m, m->add)), times(count.muls, operation(m, m->mul)));
}

/* `n` calls on `words` words each, with their addresses. */
static wick_published_cost calls(const wick_published *m, wick_published_vector op, double n,
                                 double words, addressing count) {
    return times(n, plus(vector(m, op, words), addresses(m, count)));
}

static bool mixes_channels(const wick_published_layer *layer) {
    return layer->kind == WICK_LAYER_CONV2D || layer->kind == WICK_LAYER_FC;
}

wick_published_layer wick_published_layer_of(const wick_layer *layer) {
    wick_published_layer out = {.kind = (wick_layer_kind)layer->kind,
                                .rows = layer->out_h,
                                .cols = layer->out_w,
                                .out_c = layer->out_c,
                                .in_c = 1,
                                .k_h = layer->k_h,
                                .k_w = layer->k_w,
                                .stride_h = layer->stride_h,
                                .stride_w = layer->stride_w,
                                .operands = 1};
    if (mixes_channels(&out))
        out.in_c = layer->in_c;
    if (out.kind == WICK_LAYER_FC) { /* a convolution over the whole input */
        out.k_h = layer->in_h;
        out.k_w = layer->in_w;
    }
    if (out.kind >= WICK_LAYER_ADD)
        out.k_h = out.k_w = out.stride_h = out.stride_w = 1;
    if (out.kind == WICK_LAYER_ADD || out.kind == WICK_LAYER_MUL)
        out.operands = layer->n_operands;
    return out;
}

/* Where channels do not mix, outputs are never added to: as if they were reused. */
static addressing output_address_of(const wick_published_layer *l, const wick_published_design *d) {
    return output_address[mixes_channels(l) ? d->order : WICK_REUSE_OUTPUT];
}

static double ceil_div(int a, int b) {
    return (a + b - 1) / b;
}

/* Sizes of one tile and the numbers of tiles. */
typedef struct tiling {
    double in_pixels, pixels, taps;        /* T_ri T_ci, T_r T_c, K_h K_w */
    double planes, out_tiles, in_tiles, n; /* R/Tr C/Tc, M/Tm, N/Tn, their product */
} tiling;

static tiling tiling_of(const wick_published_layer *l, const wick_published_design *d) {
    tiling t = {.in_pixels = (double)(l->stride_h * d->tr + l->k_h - l->stride_h) *
                             (l->stride_w * d->tc + l->k_w - l->stride_w),
                .pixels = (double)d->tr * d->tc,
                .taps = (double)l->k_h * l->k_w,
                .planes = ceil_div(l->rows, d->tr) * ceil_div(l->cols, d->tc),
                .out_tiles = ceil_div(l->out_c, d->tm),
                .in_tiles = ceil_div(l->in_c, d->tn)};
    t.n = t.planes * t.out_tiles * t.in_tiles;
    return t;
}

/* What one tile takes. */
typedef struct tile_cost {
    wick_published_cost input, weights, sums, compute;
} tile_cost;

static wick_published_cost compute_of(const wick_published *m, const wick_published_layer *l,
                                      const wick_published_design *d, const tiling *t) {
    wick_published_cost mac_address =
        plus(addresses(m, partial_address), addresses(m, accumulate_address));
    wick_published_cost add = operation(m, m->add), window = addresses(m, window_address);
    double values = t->pixels * d->tm;
    switch (l->kind) {
    case WICK_LAYER_CONV2D:
    case WICK_LAYER_FC:
        return times(t->taps * values, plus(vector(m, m->mac, d->tn), plus(add, mac_address)));
    case WICK_LAYER_DWCONV2D:
        return times(t->taps * t->pixels, plus(times(2, vector(m, m->mac, d->tm)), mac_address));
    case WICK_LAYER_MAXPOOL:
        return times(t->taps * values, plus(operation(m, m->max), window));
    case WICK_LAYER_AVGPOOL:
        return plus(times(t->taps * values, plus(add, window)),
                    times(values, operation(m, m->div)));
    case WICK_LAYER_ADD:
    case WICK_LAYER_MUL:
        return times(t->pixels, plus(vector(m, m->mac, d->tm), addresses(m, accumulate_address)));
    case WICK_LAYER_SOFTMAX: /* the largest, the sum, the share */
        return times(values, plus(operation(m, m->max), plus(add, operation(m, m->div))));
    case WICK_LAYER_CONCAT:
    case WICK_LAYER_MOVE:
    case WICK_LAYER_KINDS:
        break;
    }
    return (wick_published_cost){0, 0};
}

static tile_cost tile_of(const wick_published *m, const wick_published_layer *l,
                         const wick_published_design *d, const tiling *t) {
    bool mixes = mixes_channels(l);
    int depth = mixes ? d->tn : d->tm; /* channels that lie side by side */
    tile_cost tile = {.input = calls(m, m->fetch, t->in_pixels * l->operands, depth, input_address),
                      .sums = calls(m, m->fetch, t->pixels, d->tm, sum_address),
                      .compute = compute_of(m, l, d, t)};
    if (mixes)
        tile.weights = calls(m, m->fetch, t->taps * d->tm, d->tn, weight_address);
    else if (l->kind == WICK_LAYER_DWCONV2D)
        tile.weights = calls(m, m->fetch, t->taps, d->tm, weight_address);
    return tile;
}

int wick_published_inner(const wick_published_layer *l, const wick_published_design *d) {
    tiling t = tiling_of(l, d);
    if (d->order == WICK_REUSE_WEIGHTS)
        return (int)t.planes;
    return (int)(d->order == WICK_REUSE_INPUT ? t.out_tiles : t.in_tiles);
}

static int64_t words_of(const wick_published_layer *l, const wick_published_design *d,
                        const tiling *t) {
    bool mixes = mixes_channels(l);
    double input = t->in_pixels * l->operands * (mixes ? d->tn : d->tm);
    double weights = mixes                            ? t->taps * d->tm * d->tn
                     : l->kind == WICK_LAYER_DWCONV2D ? t->taps * d->tm
                                                      : 0;
    double output = t->pixels * d->tm * (d->order == WICK_REUSE_OUTPUT ? 1 : d->s);
    return (int64_t)(input + weights + output);
}

wick_published_cost wick_published_begin(const wick_published *m) {
    return plus((wick_published_cost){m->reboot_j, m->reboot_s}, vector(m, m->fetch, INDEX_WORDS));
}

wick_published_cost wick_published_commit(const wick_published *m) {
    return vector(m, m->back_up, INDEX_WORDS);
}

wick_published_cycles wick_published_intermittent(const wick_published *m,
                                                  const wick_published_layer *l,
                                                  const wick_published_design *d) {
    tiling t = tiling_of(l, d);
    tile_cost tile = tile_of(m, l, d, &t);
    bool shared_input = d->order == WICK_REUSE_INPUT && mixes_channels(l);
    bool output = d->order == WICK_REUSE_OUTPUT;
    addressing address = output_address_of(l, d);
    /* Reused outputs leave SRAM once; tiles side by side leave together; others one by one. */
    wick_published_cost saved =
        shared_input ? calls(m, m->back_up, t.pixels, (double)d->s * d->tm, address)
                     : calls(m, m->back_up, (output ? 1 : d->s) * t.pixels, d->tm, address);
    wick_published_cost cycle = plus(wick_published_begin(m), wick_published_commit(m));
    cycle = plus(cycle, plus(saved, times(d->s, tile.compute)));
    cycle = plus(cycle, times(shared_input ? 1 : d->s, tile.input));
    cycle = plus(cycle, times(d->order == WICK_REUSE_WEIGHTS ? 1 : d->s, tile.weights));
    double without_sums = t.planes * t.out_tiles / (output ? 1 : d->s);
    return (wick_published_cycles){.n_first = without_sums,
                                   .n_later = t.n / d->s - without_sums,
                                   .first = cycle,
                                   .later = plus(cycle, times(output ? 1 : d->s, tile.sums)),
                                   .vm_bytes = m->word_bytes * words_of(l, d, &t)};
}

wick_published_cost wick_published_continuous(const wick_published *m,
                                              const wick_published_layer *l,
                                              const wick_published_design *d) {
    tiling t = tiling_of(l, d);
    tile_cost tile = tile_of(m, l, d, &t);
    bool shared_input = d->order == WICK_REUSE_INPUT && mixes_channels(l);
    bool output = d->order == WICK_REUSE_OUTPUT;
    double inputs = shared_input ? t.planes * t.in_tiles : t.n;
    double weights = d->order == WICK_REUSE_WEIGHTS ? t.out_tiles * t.in_tiles : t.n;
    double stores = output ? t.planes * t.out_tiles : t.n;
    wick_published_cost sum = times(t.n, tile.compute);
    sum = plus(sum, times(inputs, tile.input));
    sum = plus(sum, times(weights, tile.weights));
    sum = plus(sum, times(output ? 0 : t.n - t.planes * t.out_tiles, tile.sums));
    return plus(sum, times(stores, calls(m, m->back_up, t.pixels, d->tm, output_address_of(l, d))));
}

wick_published_pieces wick_published_pieces_of(const wick_published *m,
                                               const wick_published_layer *l,
                                               const wick_published_design *d) {
    wick_published_design single = *d;
    single.s = 1;
    tiling t = tiling_of(l, d);
    tile_cost tile = tile_of(m, l, d, &t);
    wick_published_cost store = calls(m, m->back_up, t.pixels, d->tm, output_address_of(l, d));
    wick_published_pieces p = {.groups = 1,
                               .units = t.planes * t.out_tiles,
                               .passes = 1,
                               .vm_bytes = m->word_bytes * words_of(l, &single, &t)};
    if (d->order == WICK_REUSE_INPUT && mixes_channels(l)) {
        p.groups = t.planes * t.in_tiles;
        p.units = t.out_tiles;
        p.held = tile.input;
        p.unit = plus(tile.weights, plus(tile.compute, store));
    } else if (d->order == WICK_REUSE_WEIGHTS) {
        p.groups = t.out_tiles * t.in_tiles;
        p.units = t.planes;
        p.held = tile.weights;
        p.unit = plus(tile.input, plus(tile.compute, store));
    } else {
        wick_published_cost part = plus(tile.input, plus(tile.weights, tile.compute));
        p.unit = plus(times(t.in_tiles, part), store);
    }
    if (d->order != WICK_REUSE_OUTPUT && t.in_tiles > 1) {
        p.passes = (int)t.in_tiles;
        p.sums = tile.sums;
    }
    return p;
}

double wick_published_charge_j(const wick_published *m) {
    return m->margin * m->capacitor_f / 2 * (m->on_v * m->on_v - m->off_v * m->off_v);
}

double wick_published_recharge_s(const wick_published *m, double spent_j) {
    double left = wick_published_charge_j(m) - spent_j;
    double end_v = sqrt(2 * left / m->capacitor_f + m->off_v * m->off_v);
    return -m->source_ohm * m->capacitor_f * log((m->on_v - m->supply_v) / (end_v - m->supply_v));
}
