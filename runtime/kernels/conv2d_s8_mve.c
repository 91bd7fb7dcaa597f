/* SPDX-License-Identifier: 0BSD */
/* Dense convolution for Helium: two pixels by four outputs, see wick/mve.h. The windows of both
   pixels are copied into scratch, taps outside the input as the zero point; a copy costs about two
   instructions for each 16 inputs, once for all outputs, and then every pixel, border or not, and
   every kernel size runs through the same loop. What is left of an odd number of pixels, and ranges
   of channels, go one pixel at a time.

   A window of more than WICK_MVE_CHUNK inputs is worked off in chunks: as many whole kernel rows as
   have room, or else pieces of one row. The outputs go in blocks whose sums have room in scratch.
   The weights are stored chunk by chunk, each with all groups of four outputs.
   Scratch: the state of the call, a chunk of both windows, the sums of a block. */
#include <wick/mve_pair.h>

enum { WORK_BYTES = 1280, SUM_BYTES = 8 /* of one output of two pixels */ };

/* A call's constants, and the next output pixel. */
typedef struct state {
    const wick_layer *layer;
    const int8_t *src; /* row row0 of the input */
    int32_t row0, in_c;
    uint32_t pitch, row;       /* bytes of a row of the input, of the window */
    uint32_t whole_y, whole_x; /* windows with 0 <= y < whole_y and so on are not cut */
    wick_mve_part chunk;
    uint32_t block; /* outputs */
    uint32_t ox;    /* the next pixel's column, and its window's position */
    int32_t wy, wx;
    int8_t *x;         /* chunks of both pixels */
    wick_mve_two dots; /* of which x0, x1 and acc stay the same */
    wick_mve_outputs outputs;
    int in_place;    /* windows that are not cut need not be copied */
    int8_t *outside; /* a row of it */
    uint32_t outside_bytes;
    wick_mve_pairs pairs;
} state;

/* Outputs in a block: a multiple of 4. */
static uint32_t block_outputs(const wick_layer *layer, uint32_t chunk_bytes) {
    uint32_t room = (WORK_BYTES - 2 * chunk_bytes) / SUM_BYTES / 4 * 4;
    uint32_t all = wick_mve_round_up(layer->out_c, 4);
    return all < room ? all : room;
}

int wick_conv2d_s8_mve_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_conv2d_s8_mve_scratch_bytes(const wick_layer *layer) {
    uint32_t bytes = wick_mve_chunk(layer).bytes;
    return WICK_MVE_STATE_BYTES(state) + 2 * bytes + block_outputs(layer, bytes) * SUM_BYTES;
}

static uint32_t clip(int32_t value, uint32_t high) {
    return value < 0 ? 0 : (uint32_t)value > high ? high : (uint32_t)value;
}

static void next_pixel(state *s) {
    s->wx += s->layer->stride_w;
    if (++s->ox == s->layer->out_w) {
        s->ox = 0;
        s->wx = -(int32_t)s->layer->pad_left;
        s->wy += s->layer->stride_h;
    }
}

/* Kernel rows [ky, ky + rows), of each the bytes [from, from + n), of a window that may be cut. */
static void cut_window(const state *s, uint32_t ky, uint32_t rows, uint32_t from, uint32_t n,
                       int8_t *dst) {
    const wick_layer *layer = s->layer;
    int32_t y = s->wy + (int32_t)ky, x = s->wx * s->in_c + (int32_t)from;
    uint32_t top = clip(-y, rows), bottom = clip(layer->in_h - y, rows);
    uint32_t left = clip(-x, n), right = clip((int32_t)s->pitch - x, n);
    wick_mve_fill(dst, layer->operands[0].zero_point, rows * n);
    if (top < bottom && left < right)
        wick_mve_copy_rows(dst + top * n + left, n,
                           s->src + (y + (int32_t)top - s->row0) * (int32_t)s->pitch + x +
                               (int32_t)left,
                           s->pitch, right - left, bottom - top);
}

/* Copies the next pixel's whole window. */
static void window(state *s, int8_t *dst) {
    uint32_t y = (uint32_t)s->wy, x = (uint32_t)s->wx;
    if (y < s->whole_y && x < s->whole_x) {
        const int8_t *src = s->src + (y - (uint32_t)s->row0) * s->pitch + x * (uint32_t)s->in_c;
        wick_mve_copy_rows(dst, s->row, src, s->pitch, s->row, s->layer->k_h);
    } else {
        cut_window(s, 0, s->layer->k_h, 0, s->row, dst);
    }
    next_pixel(s);
}

/* Outputs [c, c + n) go to dst, with two pixels also behind it. */
static void aim(state *s, uint32_t c, uint32_t n, int8_t *dst) {
    s->outputs.acc = s->dots.acc + c % 4;
    s->outputs.mult = s->layer->mult + c;
    s->outputs.shift = s->layer->shift + c;
    s->outputs.n = n;
    s->outputs.dst0 = dst;
    s->outputs.dst1 = dst + s->layer->out_c;
}

static void begin_pairs(state *s, int8_t *dst) {
    const wick_layer *layer = s->layer;
    wick_mve_pairs *pairs = &s->pairs;
    wick_mve_pairs_begin(pairs, s->chunk.bytes / 16);
    pairs->weights = layer->packed;
    pairs->first_end = pairs->weights + wick_mve_group_words(s->chunk.bytes);
    pairs->weights_end =
        pairs->weights + (layer->out_c + 3u) / 4 * wick_mve_group_words(s->chunk.bytes);
    pairs->bias = layer->bias;
    pairs->shift = layer->shift;
    pairs->mult = layer->mult;
    pairs->n = layer->out_c;
    pairs->dst = dst - 2 * pairs->n;
    pairs->zero_point = layer->out_zp;
    for (int i = 0; i < 4; i++) {
        pairs->low[i] = layer->clamp_min;
        pairs->high[i] = layer->clamp_max;
    }
    pairs->advance = 2 * layer->stride_w * s->in_c;
    s->in_place = s->row % 16 == 0 && s->in_c % 4 == 0 && (uintptr_t)s->src % 4 == 0 &&
                  (layer->k_h == 1 ? s->row > 16 : layer->k_h == 3 && s->row == 16 * WICK_MVE_PASS);
    /* A row outside the image, as wide as a pair needs. */
    s->outside = (int8_t *)s->dots.acc;
    s->outside_bytes = s->row + (uint32_t)pairs->advance / 2;
    if (s->outside_bytes > s->block * SUM_BYTES)
        s->outside_bytes = 0;
    wick_mve_fill(s->outside, layer->operands[0].zero_point, s->outside_bytes);
}

/* How many of the next pairs, of `most`, can be read where they are, at x0 and so on. */
static uint32_t pairs_in_place(state *s, uint32_t most) {
    wick_mve_pairs *pairs = &s->pairs;
    const wick_layer *layer = s->layer;
    uint32_t n = (layer->out_w - s->ox) / 2, whole;
    if (!s->in_place || s->wx < 0 || (uint32_t)s->wx >= s->whole_x)
        return 0;
    whole = ((s->whole_x - 1 - (uint32_t)s->wx) / layer->stride_w + 1) / 2;
    n = n < whole ? n : whole;
    n = n < most ? n : most;
    const int8_t *x = s->src + (s->wy - s->row0) * (int32_t)s->pitch + s->wx * s->in_c;
    int32_t pitch = (int32_t)s->pitch, row = (int32_t)s->row, top = s->wy,
            bottom = layer->in_h - layer->k_h - top;
    pairs->x0 = x;
    pairs->skip[0] = pairs->skip[1] = pitch - row;
    pairs->back = -row - (layer->k_h - 1) * pitch;
    if (top < 0 || bottom < 0) {
        if (layer->k_h == 1 || top < -1 || bottom < -1 || top + bottom < -1 || !s->outside_bytes)
            return 0;
        n = n < 1 ? n : 1;
        if (top < 0) {
            pairs->x0 = s->outside;
            pairs->skip[0] = (int32_t)(x + pitch - (s->outside + row));
            pairs->back = -(pairs->skip[0] + pairs->skip[1] + 3 * row);
        } else {
            pairs->skip[1] = (int32_t)(s->outside - (x + pitch + row));
            pairs->back = -(pairs->skip[0] + pairs->skip[1] + 3 * row);
        }
    }
    pairs->x1 = pairs->x0 + pairs->advance / 2;
    return n;
}

/* All outputs of `count` times two pixels, where windows fit scratch and there is a bias. */
WICK_MVE_SUBROUTINE void whole_pairs(state *s, uint32_t count, int8_t *dst) {
    wick_mve_pairs *pairs = &s->pairs;
    uint32_t n, most = s->layer->out_c % 4 ? 1 : count;
    begin_pairs(s, dst);
    for (; count; count -= n) {
        n = pairs_in_place(s, most < count ? most : count);
        if (n) {
            s->ox += 2 * n - 1;
            s->wx += (int32_t)(2 * n - 1) * s->layer->stride_w;
            next_pixel(s);
        } else {
            n = 1;
            window(s, s->x);
            window(s, s->x + s->chunk.bytes);
            pairs->x0 = s->x;
            pairs->x1 = s->x + s->chunk.bytes;
            pairs->skip[0] = pairs->skip[1] = 0;
            pairs->back = -(int32_t)s->chunk.bytes;
        }
        pairs->pairs = n;
        wick_mve_outputs_of_two(pairs);
    }
}

/* Adds the products of a part of the window, which is in scratch, to the sums before acc_end. */
static void add_part(state *s, uint32_t pixels, uint32_t n, const uint32_t *weights,
                     int32_t *acc_end) {
    if (pixels == 2) {
        s->dots.steps = wick_mve_group_words(n) / 16;
        s->dots.end = acc_end;
        s->dots.weights = weights;
        wick_mve_dot_two(&s->dots);
    } else {
        wick_mve_one dots = {weights, s->x, n, s->dots.acc, acc_end};
        wick_mve_dot_one(&dots);
    }
}

/* Adds all products of the next pixels to the sums of the groups from `group` on, before acc_end,
   chunk by chunk. If the window is one chunk and copied already, it is not copied again. */
static void add_chunks(state *s, uint32_t pixels, uint32_t group, int32_t *acc_end, int copied) {
    uint32_t k_h = s->layer->k_h, groups = (s->layer->out_c + 3u) / 4, ox = s->ox;
    const uint32_t *weights = s->layer->packed;
    int32_t wy = s->wy, wx = s->wx;
    copied = copied && s->chunk.rows == k_h && s->chunk.width == s->row;
    for (uint32_t ky = 0; ky < k_h; ky += s->chunk.rows)
        for (uint32_t from = 0; from < s->row; from += s->chunk.width) {
            uint32_t h = k_h - ky < s->chunk.rows ? k_h - ky : s->chunk.rows;
            uint32_t w = s->row - from < s->chunk.width ? s->row - from : s->chunk.width;
            uint32_t words = wick_mve_group_words(h * w);
            for (uint32_t p = 0; p < pixels && !copied; p++) {
                cut_window(s, ky, h, from, w, s->x + p * s->chunk.bytes);
                next_pixel(s);
            }
            s->ox = ox;
            s->wy = wy;
            s->wx = wx;
            add_part(s, pixels, h * w, weights + group * words, acc_end);
            weights += groups * words;
        }
}

/* Outputs [c, c + n) of the next pixel, or of the next two (then all outputs). */
static void in_blocks(state *s, uint32_t pixels, uint32_t c, uint32_t n, int8_t *dst) {
    const int32_t *bias = s->layer->bias;
    for (int copied = 0; n; copied = 1) {
        uint32_t lead = c % 4; /* outputs of the first group that are not asked for */
        uint32_t take = lead + n < s->block ? n : s->block - lead;
        uint32_t sums = wick_mve_round_up(lead + take, 4) * pixels;
        wick_mve_start(s->dots.acc, bias ? bias + (c - lead) : NULL, lead + take, pixels);
        add_chunks(s, pixels, c / 4, s->dots.acc + sums, copied);
        aim(s, c, take, dst);
        if (pixels == 2)
            wick_mve_finish_two(&s->outputs);
        else
            wick_mve_finish_one(&s->outputs);
        c += take;
        dst += take;
        n -= take;
    }
    for (; pixels; pixels--)
        next_pixel(s);
}

static void begin_call(state *s, const wick_layer *layer, int8_t *work) {
    s->layer = layer;
    s->in_c = layer->in_c;
    s->pitch = (uint32_t)layer->in_w * layer->in_c;
    s->row = (uint32_t)layer->k_w * layer->in_c;
    s->whole_y = layer->in_h < layer->k_h ? 0 : layer->in_h - layer->k_h + 1u;
    s->whole_x = layer->in_w < layer->k_w ? 0 : layer->in_w - layer->k_w + 1u;
    s->chunk = wick_mve_chunk(layer);
    s->block = block_outputs(layer, s->chunk.bytes);
    s->x = work;
    s->dots.x0 = work;
    s->dots.x1 = work + s->chunk.bytes;
    s->dots.acc = (int32_t *)(void *)(work + 2 * s->chunk.bytes);
    s->outputs.zero_point = layer->out_zp;
    s->outputs.low = layer->clamp_min;
    s->outputs.high = layer->clamp_max;
}

void wick_conv2d_s8_mve(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                        uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c, all = layer->out_c;
    state *s = wick_mve_state(scratch);
    begin_call(s, layer, (int8_t *)scratch + WICK_MVE_STATE_BYTES(state));
    s->src = src[0];
    s->row0 = row0;
    s->ox = pixel % layer->out_w;
    s->wy = (int32_t)(pixel / layer->out_w * layer->stride_h) - layer->pad_top;
    s->wx = (int32_t)(s->ox * layer->stride_w) - layer->pad_left;
    int in_one = s->chunk.rows == layer->k_h && s->chunk.width == s->row && layer->bias && all >= 4;
    while (count) {
        uint32_t n = all - c < count ? all - c : count, pixels = 1;
        if (c == 0 && in_one && count >= 2 * all) {
            pixels = count / (2 * all) * 2;
            whole_pairs(s, pixels / 2, dst);
        } else {
            if (c == 0 && count >= 2 * all)
                pixels = 2;
            in_blocks(s, pixels, c, n, dst);
        }
        dst += pixels * n;
        count -= pixels * n;
        c = 0;
    }
}
