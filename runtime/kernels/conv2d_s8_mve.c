/* SPDX-License-Identifier: 0BSD */
/* Dense convolution for Helium: two pixels by four outputs, see wick/mve.h. The windows of both
   pixels are copied into scratch, taps outside the input as the zero point; a copy costs about two
   instructions for each 16 inputs, once for all outputs, and then every pixel, border or not, and
   every kernel size runs through the same loop. What is left of an odd number of pixels, and ranges
   of channels, go one pixel at a time.

   A window of more than WICK_MVE_CHUNK inputs is worked off in chunks: as many whole kernel rows as
   have room, or else pieces of one row. The outputs go in blocks whose sums have room in scratch.
   The weights are stored chunk by chunk, each with all groups of four outputs.

   Windows that lie side by side in memory need no copy: those of 1x1, and of 3x3 over 32 inputs
   with stride 1 (mve_rows.h), where the first and the last columns are copied, so that a column of
   zero points can stand beside them, and kernel rows outside the image are left out.
   Scratch: the state of the call; a chunk of both windows, the sums of a block, or else what
   mve_rows.h needs. */
#include <wick/mve_pair.h>
#include <wick/mve_rows.h>

enum {
    WORK_BYTES = 1408,   /* at most */
    SUM_BYTES = 8,       /* of one output of two pixels */
    MOST_COPIED = 8,     /* pairs of windows */
    COPIES_BYTES = 1152, /* of more than one pair */
    /* Columns beside the image and next to its border, of three rows in turn: for windows that are
       cut on the left, and for those on the right. */
    STRIP_BYTES = 3 * WICK_MVE_ROWS_PAIR,
    STRIPS_BYTES = 2 * STRIP_BYTES,
    ROWS_MOST_OUTPUTS = 72 /* so that their biases have room, too */
};
enum { NONE, TOP, BOTTOM }; /* the row that a window has lost */

/* What pairs of pixels need, behind copies of windows. Without windows for mve_rows.h only the
   first field; with them biases follow, of windows that have lost a row. */
typedef struct pairs_work {
    wick_mve_pairs pairs;
    wick_mve_rows rows;
    wick_mve_segment segments[WICK_MVE_ROWS_SEGMENTS];
    int ready;         /* the strips have their zero points */
    int32_t copied[2]; /* rows before this one are in the strips */
    int biases;        /* which row is lost */
} pairs_work;

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
    pairs_work *work;
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

/* Whether there are windows for mve_rows.h, if the input is aligned. */
static int has_rows(const wick_layer *layer) {
    return layer->k_h == 3 && layer->k_w == 3 && layer->in_c == WICK_MVE_ROWS_INPUTS &&
           layer->stride_h == 1 && layer->stride_w == 1 && layer->in_h > 1 && layer->in_w > 2 &&
           layer->out_w > 1 && layer->out_c % 4 == 0 && layer->out_c >= 8 &&
           layer->out_c <= ROWS_MOST_OUTPUTS && layer->bias;
}

/* Pairs of windows that are copied before they are multiplied. */
static uint32_t most_copied(const wick_layer *layer, uint32_t chunk_bytes) {
    uint32_t n = COPIES_BYTES / (2 * chunk_bytes);
    if (n <= 1 || layer->out_c % 4 || has_rows(layer))
        return 1;
    return n < MOST_COPIED ? n : MOST_COPIED;
}

/* Before pairs_work: copies and a vector behind them, or strips, which are larger. */
static uint32_t copies_bytes(const wick_layer *layer, uint32_t chunk_bytes) {
    return has_rows(layer) ? STRIPS_BYTES : 2 * chunk_bytes * most_copied(layer, chunk_bytes) + 16;
}

uint32_t wick_conv2d_s8_mve_scratch_bytes(const wick_layer *layer) {
    uint32_t bytes = wick_mve_chunk(layer).bytes;
    uint32_t blocks = 2 * bytes + block_outputs(layer, bytes) * SUM_BYTES;
    uint32_t pairs = copies_bytes(layer, bytes) + WICK_MVE_STATE_BYTES(wick_mve_pairs);
    if (has_rows(layer))
        pairs = STRIPS_BYTES + WICK_MVE_STATE_BYTES(pairs_work) + 4u * layer->out_c;
    return WICK_MVE_STATE_BYTES(state) + (pairs > blocks ? pairs : blocks);
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

static void skip_pixels(state *s, uint32_t n) {
    uint32_t at = s->ox + n;
    s->ox = at % s->layer->out_w;
    s->wx = (int32_t)(s->ox * s->layer->stride_w) - s->layer->pad_left;
    s->wy += (int32_t)(at / s->layer->out_w * s->layer->stride_h);
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

static void begin_pairs(state *s) {
    const wick_layer *layer = s->layer;
    wick_mve_pairs *pairs = &s->work->pairs;
    wick_mve_pairs_begin(pairs, s->chunk.bytes / 16);
    pairs->weights = layer->packed;
    pairs->first_end = pairs->weights + wick_mve_group_words(s->chunk.bytes);
    pairs->weights_end =
        pairs->weights + (layer->out_c + 3u) / 4 * wick_mve_group_words(s->chunk.bytes);
    pairs->bias = layer->bias;
    pairs->shift = layer->shift;
    pairs->mult = layer->mult;
    pairs->n = layer->out_c;
    pairs->zero_point = layer->out_zp;
    for (int i = 0; i < 4; i++) {
        pairs->low[i] = layer->clamp_min;
        pairs->high[i] = layer->clamp_max;
    }
}

/* 1x1: how many of the next pairs, of `most`, can be read where they are, at x0 and so on. */
static uint32_t pairs_in_place(state *s, uint32_t most) {
    wick_mve_pairs *pairs = &s->work->pairs;
    const wick_layer *layer = s->layer;
    int32_t y = s->wy, x = s->wx;
    if (y < 0 || y >= layer->in_h || x < 0 || (uint32_t)x >= s->whole_x)
        return 0;
    int joined = layer->k_w == 1 && layer->stride_w == 1 && layer->stride_h == 1 &&
                 !layer->pad_left && !layer->pad_top && layer->out_w == layer->in_w &&
                 layer->out_h <= layer->in_h; /* one row follows the other */
    if (!joined) {
        uint32_t row = (layer->out_w - s->ox) / 2;
        uint32_t whole = ((s->whole_x - 1 - (uint32_t)x) / layer->stride_w + 1) / 2;
        most = row < most ? row : most;
        most = whole < most ? whole : most;
    }
    pairs->x0 = s->src + (y - s->row0) * (int32_t)s->pitch + x * s->in_c;
    pairs->x1 = pairs->x0 + layer->stride_w * s->in_c;
    return most;
}

static void begin_rows(state *s) {
    const wick_layer *layer = s->layer;
    pairs_work *work = s->work;
    wick_mve_rows *rows = &work->rows;
    rows->begin.shift = layer->shift;
    rows->begin.mult = layer->mult;
    rows->zero_point = layer->out_zp;
    for (int i = 0; i < 4; i++) {
        rows->low[i] = layer->clamp_min;
        rows->high[i] = layer->clamp_max;
    }
    rows->twice_n = 2u * layer->out_c;
    work->ready = 0;
    work->biases = NONE;
}

/* The biases of windows that have lost their first or their last row. */
static const int32_t *cut_biases(state *s, int lost) {
    const wick_layer *layer = s->layer;
    pairs_work *work = s->work;
    int32_t *biases = (int32_t *)(void *)(work + 1);
    if (work->biases != lost) {
        work->biases = lost;
        wick_mve_row_biases sums = {biases, layer->bias, layer->packed,
                                    layer->operands[0].zero_point, layer->out_c};
        if (lost == BOTTOM)
            sums.weights += 2 * WICK_MVE_ROWS_GROUP_ROW;
        wick_mve_row_bias(&sums);
    }
    return biases;
}

/* One side's strip has the rows [y, end) of the image. */
static inline void fill_strip(state *s, int8_t *strip, int32_t *copied, int side, int32_t y,
                              int32_t end) {
    const int8_t *src = s->src + (side ? s->pitch - WICK_MVE_ROWS_TAPS : 0);
    for (y = y < *copied ? *copied : y; y < end; y++)
        wick_mve_copy_rows(strip + y % 3 * WICK_MVE_ROWS_PAIR + (side ? 0 : WICK_MVE_ROWS_INPUTS),
                           0, src + (y - s->row0) * (int32_t)s->pitch, 0, WICK_MVE_ROWS_TAPS, 1);
    *copied = end;
}

/* The pair whose windows are cut on one side, with the rows [y, end). */
static void add_cut(state *s, wick_mve_segment *segment, int side, int32_t y, int32_t end) {
    int8_t *strip = s->x + side * STRIP_BYTES;
    fill_strip(s, strip, &s->work->copied[side], side, y, end);
    uint32_t row = (uint32_t)y % 3;
    segment->row0 = strip + row * WICK_MVE_ROWS_PAIR;
    row = row == 2 ? 0 : row + 1;
    segment->row1 = strip + row * WICK_MVE_ROWS_PAIR;
    row = row == 2 ? 0 : row + 1;
    segment->row2 = strip + row * WICK_MVE_ROWS_PAIR;
    segment->pairs = 1;
}

/* All outputs of the next pairs, of `most`, as far as they lie in one row of outputs and their
   windows' rows in the image but for one: returns how many. */
static uint32_t pairs_in_rows(state *s, uint32_t most, int8_t *dst) {
    const wick_layer *layer = s->layer;
    pairs_work *work = s->work;
    wick_mve_rows *rows = &work->rows;
    int32_t y = s->wy, x = s->wx, in_w = layer->in_w, in_h = layer->in_h;
    int lost = y < 0 ? TOP : y + 3 > in_h ? BOTTOM : NONE;
    int32_t end = lost == BOTTOM ? in_h : y + 3;
    uint32_t n = (layer->out_w - s->ox) / 2, left = n < most ? n : most;
    wick_mve_segment *segment = work->segments;
    if (y < -1 || y + 3 > in_h + 1 || x < -1 || !left)
        return 0;
    n = left;
    y += lost == TOP;
    if (!work->ready) {
        work->ready = 1;
        work->copied[0] = work->copied[1] = 0;
        wick_mve_fill(s->x, layer->operands[0].zero_point, STRIPS_BYTES);
    }
    if (x < 0) {
        add_cut(s, segment++, 0, y, end);
        x += 2;
        left--;
    }
    if (left && x + 4 <= in_w) {
        uint32_t whole = (uint32_t)(in_w - x) / 2 - 1;
        segment->pairs = whole < left ? whole : left;
        segment->row0 = s->src + (y - s->row0) * (int32_t)s->pitch + x * WICK_MVE_ROWS_INPUTS;
        segment->row1 = segment->row0 + s->pitch;
        segment->row2 = lost ? segment->row0 : segment->row1 + s->pitch;
        left -= segment->pairs;
        x += 2 * (int32_t)segment->pairs;
        segment++;
    }
    if (left && x + 3 == in_w) {
        add_cut(s, segment++, 1, y, end);
        left--;
    }
    segment->pairs = 0;
    n -= left;
    if (!n)
        return 0;
    rows->begin.bias = lost ? cut_biases(s, lost) : layer->bias;
    rows->begin.dst0 = dst;
    rows->begin.dst1 = dst + layer->out_c;
    rows->at = rows->begin;
    rows->weights = layer->packed + (lost == TOP ? WICK_MVE_ROWS_GROUP_ROW : 0);
    rows->first_end = rows->weights + WICK_MVE_ROWS_GROUP - 16;
    rows->until = rows->first_end;
    rows->end = rows->weights + layer->out_c / 4 * WICK_MVE_ROWS_GROUP - 16;
    rows->two_rows = lost != NONE;
    rows->segments = work->segments;
    wick_mve_outputs_of_rows(rows);
    skip_pixels(s, 2 * n);
    return n;
}

/* All outputs of `count` times two pixels, where windows fit scratch and there is a bias. */
WICK_MVE_SUBROUTINE void whole_pairs(state *s, uint32_t count, int8_t *dst) {
    wick_mve_pairs *pairs = &s->work->pairs;
    uint32_t n, one = s->layer->out_c % 4, copied = most_copied(s->layer, s->chunk.bytes);
    int aligned = (uintptr_t)s->src % 4 == 0, in_rows = aligned && has_rows(s->layer);
    int in_place = aligned && s->layer->k_h == 1 && s->row % 16 == 0 && s->row > 16 && !one;
    begin_pairs(s);
    if (in_rows)
        begin_rows(s);
    for (; count; count -= n, dst += 2 * n * s->layer->out_c) {
        n = in_rows ? pairs_in_rows(s, count, dst) : 0;
        if (n)
            continue;
        n = in_place ? pairs_in_place(s, count) : 0;
        if (n) {
            skip_pixels(s, 2 * n);
            pairs->advance = 2 * s->layer->stride_w * s->in_c;
        } else {
            n = count < copied ? count : copied;
            for (uint32_t i = 0; i < 2 * n; i++)
                window(s, s->x + i * s->chunk.bytes);
            pairs->x0 = s->x;
            pairs->x1 = s->x + s->chunk.bytes;
            pairs->advance = 2 * (int32_t)s->chunk.bytes;
            if (in_rows)
                s->work->ready = 0;
        }
        pairs->dst = dst - 2 * pairs->n;
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
WICK_MVE_SUBROUTINE void in_blocks(state *s, uint32_t pixels, uint32_t c, uint32_t n, int8_t *dst) {
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
    s->work = wick_mve_state(work + copies_bytes(layer, s->chunk.bytes));
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
