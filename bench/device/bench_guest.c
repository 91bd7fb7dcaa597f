/* The guest of `make bench-kernels`: runs each layer with the naive code, the portable kernel and
   every kernel that fits it, each between the markers of count_plugin.c, and compares the bits.
   Then the same layer with tensors of 16 bits. Prints one line for each run, in the order in which
   the plugin counts them: run LAYER KERNEL macs=... scratch=... weights=... outputs=... of=... and
   FAIL lines. */
#include "bench_layers.h"
#include "markers.h"
#include "naive_layer.h"
#include "semihost.h"
#include "weights/weights.h"

#include <string.h>
#include <wick/kernels.h>

enum { ARENA_BYTES = 15 << 20, MAX_CHANNELS = 2048 };
static __attribute__((section(".nvm"), aligned(8))) int8_t arena[ARENA_BYTES];
static uint32_t arena_used;
static int32_t bias[MAX_CHANNELS], plain_bias[MAX_CHANNELS], mult[MAX_CHANNELS];
static uint8_t shift[MAX_CHANNELS];
static wick_operand operands[4];
static int failures;

#ifndef BENCH_PARTS
#define BENCH_PARTS 0 /* 1: parts of layers as well */
#endif

static uint32_t random_state;
static uint32_t random_bits(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 16;
}

/* 8-byte aligned, as tensors in a plan may be; NULL when the layer is too large for the board. */
static void *take(uint32_t bytes) {
    bytes = (bytes + 7) & ~7u;
    if (bytes > ARENA_BYTES - arena_used)
        return NULL;
    void *block = arena + arena_used;
    arena_used += bytes;
    return block;
}

static int8_t *take_random(uint32_t bytes, int8_t low) {
    int8_t *block = take(bytes);
    for (uint32_t i = 0; block && i < bytes; i++) {
        block[i] = (int8_t)random_bits();
        block[i] = block[i] < low ? low : block[i];
    }
    return block;
}

static void put_number(const char *key, uint32_t value) {
    semihost_put(key);
    semihost_put_number((int32_t)value);
}

/* Multiply-accumulates of one output, padding taps included. */
static uint32_t taps_of(const bench_layer *b) {
    switch (b->kind) {
    case WICK_LAYER_CONV2D:
        return (uint32_t)b->k_h * b->k_w * b->in_c;
    case WICK_LAYER_FC:
        return (uint32_t)b->in_h * b->in_w * b->in_c;
    case WICK_LAYER_ADD:
    case WICK_LAYER_MUL:
        return b->n_operands;
    case WICK_LAYER_CONCAT:
    case WICK_LAYER_MOVE:
    case WICK_LAYER_SOFTMAX:
        return 1;
    default:
        return (uint32_t)b->k_h * b->k_w;
    }
}

static uint32_t weights_of(const bench_layer *b) {
    return b->kind > WICK_LAYER_FC
               ? 0
               : taps_of(b) * (b->kind == WICK_LAYER_DWCONV2D ? b->in_c : b->out_c);
}

/* Multipliers that spread the results over the int8 range, with some shifts. */
static void make_constants(const bench_layer *b, uint32_t taps) {
    uint32_t root = 1;
    while (root * root < taps)
        root++;
    uint32_t base = 0xffffffffu / (root * (b->kind <= WICK_LAYER_FC ? 100u : 1u));
    if (b->kind == WICK_LAYER_ADD)
        base = 1 << 12;
    for (int c = 0; c < b->out_c && c < MAX_CHANNELS; c++) {
        bias[c] = (int32_t)(random_bits() % 20000) - 10000;
        shift[c] = c % 7 == 3;
        mult[c] = (int32_t)(base / 2 + base / 65536 * (random_bits() / 2)) >> shift[c];
        if (mult[c] < 1)
            mult[c] = 1;
    }
}

/* Offsets of nearest resizing, up or down, or exponentials. */
static void make_tables(const bench_layer *b, wick_layer *l) {
    if (b->kind == WICK_LAYER_SOFTMAX) {
        l->bias = bias;
        for (int d = 0; d < 256; d++)
            bias[d] = d ? bias[d - 1] - bias[d - 1] / 20 : 1 << 15;
        mult[0] = 1 << 24;
        shift[0] = 0;
    }
    if (b->kind != WICK_LAYER_MOVE)
        return;
    l->bias = bias;
    for (int y = 0; y < b->out_h; y++)
        bias[y] = y * b->in_h / b->out_h * b->in_w * b->in_c;
    for (int x = 0; x < b->out_w; x++)
        bias[b->out_h + x] = x * b->in_w / b->out_w * b->in_c;
    for (int c = 0; c < b->out_c; c++)
        bias[b->out_h + b->out_w + c] = c;
}

static void make_layer(const bench_layer *b, wick_layer *l) {
    memset(l, 0, sizeof *l);
    l->kind = (uint8_t)b->kind;
    l->n_operands = b->n_operands;
    l->in_h = b->in_h;
    l->in_w = b->in_w;
    l->in_c = b->in_c;
    l->out_h = b->out_h;
    l->out_w = b->out_w;
    l->out_c = b->out_c;
    l->k_h = b->k_h;
    l->k_w = b->k_w;
    l->stride_h = b->stride_h;
    l->stride_w = b->stride_w;
    l->pad_top = b->pad_top;
    l->pad_left = b->pad_left;
    l->out_zp = -11;
    l->clamp_min = -128;
    l->clamp_max = 127;
    l->operands = operands;
    for (int i = 0; i < b->n_operands; i++) {
        memset(&operands[i], 0, sizeof operands[i]);
        operands[i].channels = b->channels[i];
        operands[i].zero_point = (int8_t)(7 - i);
        operands[i].mult = b->kind == WICK_LAYER_ADD ? 600000 + 100000 * i : 1 << 29;
        operands[i].shift = b->kind == WICK_LAYER_CONCAT ? 2 : 0;
    }
    make_constants(b, taps_of(b));
    if (b->kind <= WICK_LAYER_FC)
        l->bias = bias;
    if (b->kind != WICK_LAYER_MAXPOOL && b->kind != WICK_LAYER_CONCAT) {
        l->mult = mult;
        l->shift = shift;
    }
    make_tables(b, l);
}

static void report(const bench_layer *b, const char *part, const char *kernel, uint32_t outputs,
                   uint32_t scratch, uint32_t weights) {
    semihost_put("run ");
    semihost_put(b->name);
    semihost_put(part);
    semihost_put(" ");
    semihost_put(kernel);
    put_number(" macs=", outputs * taps_of(b));
    put_number(" scratch=", scratch);
    put_number(" weights=", weights);
    put_number(" outputs=", outputs);
    put_number(" of=", (uint32_t)b->out_h * b->out_w * b->out_c);
    semihost_put("\n");
}

static void compare(const bench_layer *b, const char *kernel, const int8_t *got, const int8_t *want,
                    uint32_t count) {
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < count; i++)
        wrong += got[i] != want[i];
    if (!wrong)
        return;
    failures++;
    semihost_put("FAIL ");
    semihost_put(b->name);
    semihost_put(" ");
    semihost_put(kernel);
    put_number(": wrong outputs ", wrong);
    put_number(" of ", count);
    semihost_put("\n");
}

/* What steps of the planner look like: a row, two pixels, one, half of its channels, one channel.
   fit_costs.py finds from them what a call costs. */
static void run_parts(const bench_layer *b, const wick_layer *l, const int8_t *const *src,
                      int8_t *dst, void *scratch, const int8_t *want, uint32_t total) {
    const char *name = wick_kernel_name(l->kind, l->kernel);
    uint32_t middle = total / b->out_c / 2 * b->out_c, half = b->out_c / 2u;
    const struct {
        const char *name;
        uint32_t first, count;
    } parts[] = {{"#row", 0, (uint32_t)b->out_w * b->out_c},
                 {"#pixels", middle, 2u * b->out_c},
                 {"#pixel", middle, b->out_c},
                 {"#half", middle, half},
                 {"#channel", middle + half, 1}};
    for (uint32_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint32_t first = parts[i].first, count = parts[i].count;
        if (count == 0 || first + count > total)
            continue;
        marker_begin();
        wick_layer_run(l, src, 0, first, count, dst, scratch);
        marker_end();
        report(b, parts[i].name, name, count, wick_layer_scratch_bytes(l), 0);
        compare(b, name, dst, want + first * wick_out_size(l), count * wick_out_size(l));
    }
}

/* Weights of four bits for the kernels that want such, and what the portable kernel makes of them;
   false when the board has no room. */
static int narrow(const bench_layer *b, wick_layer *l, const int8_t *const *src,
                  const int8_t **want, uint32_t count) {
    uint32_t n = weights_of(b);
    int8_t *weights = take(n), *out = take(count);
    if (!weights || !out)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        weights[i] = (int8_t)(l->weights[i] / 16);
    wick_layer portable = *l;
    portable.kernel = WICK_KERNEL_PORTABLE;
    portable.weights = l->weights = weights;
    wick_layer_run(&portable, src, 0, 0, count, out, NULL);
    *want = out;
    return 1;
}

/* One kernel; false when the board has no room. */
static int run_kernel(const bench_layer *b, const wick_layer *raw, uint8_t kernel,
                      const int8_t *const *src, const int8_t *want, uint32_t count) {
    uint32_t mark = arena_used;
    wick_layer l = *raw;
    l.kernel = kernel;
    const char *name = wick_kernel_name(l.kind, kernel);
    if (b->kind <= WICK_LAYER_FC && !wick_weights_fit(&l) && !narrow(b, &l, src, &want, count))
        return 0;
    uint32_t words = wick_weights_words(&l), bytes = weights_of(b);
    if (words) {
        uint32_t *packed = take(4 * words);
        if (!packed)
            return 0;
        wick_weights_pack(&l, packed);
        l.packed = packed;
        l.weights = NULL;
        bytes = 4 * words;
    }
    uint32_t scratch_bytes = wick_layer_scratch_bytes(&l);
    void *scratch = take(scratch_bytes);
    int8_t *dst = take(count);
    if (!scratch || !dst)
        return 0;
    memset(dst, 0, count);
    marker_begin();
    wick_layer_run(&l, src, 0, 0, count, dst, scratch);
    marker_end();
    report(b, "", name, count, scratch_bytes, bytes);
    compare(b, name, dst, want, count);
    if (BENCH_PARTS)
        run_parts(b, &l, src, dst, scratch, want, count);
    arena_used = mark;
    return 1;
}

/* The biases without the zero point in them: bias' = bias - zero_point * sum of the weights. */
static void make_plain_bias(const wick_layer *l, uint32_t taps) {
    for (uint32_t c = 0; c < l->out_c; c++) {
        int32_t sum = 0;
        for (uint32_t i = 0; i < taps; i++)
            sum += l->weights[l->kind == WICK_LAYER_DWCONV2D ? i * l->out_c + c : c * taps + i];
        plain_bias[c] = bias[c] + l->operands[0].zero_point * sum;
    }
}

/* The layer with all tensors of 16 bits, by the kernel for such. It is compared with its own parts;
   its bits are the tests' matter. False when the board has no room. */
static int run_wide(const bench_layer *b) {
    wick_layer l;
    const int8_t *src[4] = {0};
    arena_used = 0;
    random_state = 12345;
    make_layer(b, &l);
    l.wide = 1;
    l.out_zp = 0;
    l.clamp_min = INT16_MIN;
    l.clamp_max = INT16_MAX;
    uint32_t count = (uint32_t)b->rows * b->out_w * b->out_c, weights = weights_of(b);
    for (int i = 0; i < b->n_operands; i++) {
        operands[i].wide = 1;
        operands[i].zero_point = 0;
        src[i] = take_random(2 * (uint32_t)b->in_h * b->in_w * operands[i].channels, -128);
        if (!src[i])
            return 0;
    }
    for (int c = 0; l.shift && c < b->out_c; c++)
        shift[c] = 31 + 7; /* 64-bit sums: what most channels have is less */
    l.weights = weights ? take_random(weights, -127) : NULL;
    int8_t *want = take(2 * count), *dst = take(2 * count);
    if ((weights && !l.weights) || !want || !dst)
        return 0;
    for (int k = WICK_KERNEL_CONV2D_S16; k < WICK_KERNELS; k++) {
        l.kernel = (uint8_t)k;
        if (!wick_kernel_fits(&l, l.kernel))
            continue;
        marker_begin();
        wick_layer_run(&l, src, 0, 0, count, want, NULL);
        marker_end();
        report(b, "", wick_kernel_name(l.kind, l.kernel), count, 0, weights);
        if (BENCH_PARTS)
            run_parts(b, &l, src, dst, NULL, want, count);
    }
    return 1;
}

static int run_layer(const bench_layer *b) {
    wick_layer l;
    const int8_t *src[4] = {0};
    arena_used = 0;
    random_state = 12345;
    make_layer(b, &l);
    uint32_t count = (uint32_t)b->rows * b->out_w * b->out_c, weights = weights_of(b);
    for (int i = 0; i < b->n_operands; i++) {
        src[i] = take_random((uint32_t)b->in_h * b->in_w * operands[i].channels, -128);
        if (!src[i])
            return 0;
    }
    l.weights = weights ? take_random(weights, -127) : NULL;
    int8_t *want = take(count);
    if ((weights && !l.weights) || !want || b->out_c > MAX_CHANNELS)
        return 0;
    if (weights)
        make_plain_bias(&l, taps_of(b));
    marker_begin();
    naive_layer_run(&l, src, plain_bias, b->rows, want);
    marker_end();
    report(b, "", "naive", count, 0, weights);
    for (int k = 0; k < WICK_KERNELS; k++)
        if (wick_kernel_fits(&l, (uint8_t)k) && !run_kernel(b, &l, (uint8_t)k, src, want, count))
            return 0;
    return 1;
}

int main(void) {
    for (int i = 0; i < bench_layer_count; i++)
        if (!run_layer(&bench_layers[i]) || !run_wide(&bench_layers[i])) {
            semihost_put("FAIL ");
            semihost_put(bench_layers[i].name);
            semihost_put(": larger than this board\n");
            failures++;
        }
    semihost_put("DONE\n");
    return failures != 0;
}
