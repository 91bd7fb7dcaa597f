/* Random layers on an emulated core (or the PC): every kernel that fits a layer against the
   portable one, which ran first over plain memory. What a kernel is given lies at an end of a
   fenced arena or between guard bytes, at any alignment that is allowed. arguments: FIRST-SEED
   LAYERS PLANT PLANT other than 0 adds a fault to every kernel, to prove that this program finds
   it. Prints the number of runs and a checksum over the portable kernels' outputs, which must be
   the same on every core. */
#include "guest_fence.h"
#include "guest_layers.h"
#include "semihost.h"
#include "weights/weights.h"

#include <string.h>

#if defined(__arm__) || defined(__riscv)
#include "markers.h"
#else
static void marker_begin(void) {}
static void marker_end(void) {}
#endif

enum { GUARD = 64, MOST_FAILURES = 5, MOST_PACKED_WORDS = 30 << 10 };

typedef enum arena_use { SRC, MORE_SRC, WEIGHTS, CONSTANTS, DST, SCRATCH } arena_use;
typedef enum plant {
    PLANT_NONE,
    PLANT_DST_OVERRUN,   /* one byte behind the output */
    PLANT_DST_UNDERRUN,  /* one before it */
    PLANT_LAST_CHANNEL,  /* differs in its lowest bit */
    PLANT_SRC_OVERREAD,  /* one byte behind the rows that were given */
    PLANT_SRC_UNDERREAD, /* one before them */
    PLANT_WEIGHTS_OVERREAD,
    PLANT_SRC_WRITTEN,
    PLANT_SCRATCH_OVERRUN,
    PLANT_CONSTANTS_OVERREAD, /* a word behind mult */
    PLANT_UNALIGNED,          /* a word read from any address, on M55 a vector of words */
    PLANTS
} plant;

/* A piece of memory as a kernel gets it. */
typedef struct piece {
    int8_t *at;
    uint32_t bytes;
    arena_use arena;
} piece;

/* One call. */
typedef struct call {
    const wick_layer *layer;
    uint32_t first, count, seed;
    wick_rows rows; /* that src[] begins with */
    piece src[GUEST_OPERANDS], weights, constants, dst, scratch;
} call;

static guest_layer g;
static int8_t expected[GUEST_TENSOR];
static uint32_t packed[MOST_PACKED_WORDS];
static uint32_t random_state, runs, failures, checksum = 2166136261u;
static const call *current; /* for board_on_fault */

static void put_pair(const char *key, uint32_t value) {
    semihost_put(key);
    semihost_put_number((int32_t)value);
}

static void describe(const call *c) {
    const wick_layer *l = c->layer;
    put_pair(" seed ", c->seed);
    semihost_put(" ");
    semihost_put(wick_kernel_name(l->kind, l->kernel));
    put_pair(" in ", l->in_h);
    put_pair("x", l->in_w);
    put_pair("x", l->in_c);
    put_pair(" out ", l->out_h);
    put_pair("x", l->out_w);
    put_pair("x", l->out_c);
    put_pair(" window ", l->k_h);
    put_pair("x", l->k_w);
    put_pair(" stride ", l->stride_h);
    put_pair("x", l->stride_w);
    put_pair(" pad ", l->pad_top);
    put_pair(",", l->pad_left);
    put_pair(" range ", c->first);
    put_pair("+", c->count);
    put_pair(" row0 ", c->rows.row0);
    semihost_put("\n");
}

void board_on_fault(void) {
    if (current)
        describe(current);
}

static void fail(const call *c, const char *what, uint32_t index) {
    failures++;
    semihost_put("FAIL ");
    semihost_put(what);
    put_pair(" at ", index);
    describe(c);
}

static void guard(int8_t *at, uint32_t bytes) {
    memset(at, 0x5a, bytes);
}

static int is_guard(const int8_t *at, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++)
        if (at[i] != 0x5a)
            return 0;
    return 1;
}

/* The guard bytes on either side that lie inside the arena. */
static uint32_t guard_before(const piece *p) {
    uint32_t room = (uint32_t)(p->at - fence_arena((int)p->arena));
    return room < GUARD ? room : GUARD;
}

static uint32_t guard_behind(const piece *p) {
    uint32_t room = (uint32_t)(fence_arena((int)p->arena) + FENCE_BYTES - (p->at + p->bytes));
    return room < GUARD ? room : GUARD;
}

/* At the arena's start, at its end, or between. */
static piece place(arena_use arena, uint32_t bytes, uint32_t align) {
    piece p = {fence_arena((int)arena), bytes, arena};
    uint32_t room = FENCE_BYTES - bytes;
    switch (guest_between(&random_state, 0, 3)) {
    case 0:
        break;
    case 1:
        p.at += 1024 + guest_between(&random_state, 0, 15) / (int32_t)align * (int32_t)align;
        break;
    default:
        p.at += room / align * align;
        break;
    }
    guard(p.at - guard_before(&p), guard_before(&p));
    guard(p.at + p.bytes, guard_behind(&p));
    return p;
}

static void check_piece(const call *c, const piece *p, const char *what) {
    if (!is_guard(p->at - guard_before(p), guard_before(p)))
        fail(c, what, 0);
    else if (!is_guard(p->at + p->bytes, guard_behind(p)))
        fail(c, what, p->bytes);
}

static void check_unchanged(const call *c, const piece *p, const void *original, const char *what) {
    const int8_t *want = original;
    for (uint32_t i = 0; i < p->bytes; i++)
        if (p->at[i] != want[i]) {
            fail(c, what, i);
            return;
        }
}

static uint32_t outputs_of(const wick_layer *l) {
    return (uint32_t)l->out_h * l->out_w * l->out_c;
}

/* Whole layer, whole pixels, channels within a pixel, or any range. */
static void choose_range(call *c, int trial) {
    const wick_layer *l = c->layer;
    uint32_t total = outputs_of(l), pixels = total / l->out_c;
    uint32_t pixel = (uint32_t)guest_between(&random_state, 0, (int32_t)pixels - 1);
    c->first = 0;
    c->count = total;
    if (trial == 0)
        return;
    switch (guest_between(&random_state, 0, 3)) {
    case 0:
        c->first = pixel * l->out_c;
        c->count = l->out_c * (uint32_t)guest_between(&random_state, 1, (int32_t)(pixels - pixel));
        break;
    case 1: {
        uint32_t channel = (uint32_t)guest_between(&random_state, 0, l->out_c - 1);
        c->first = pixel * l->out_c + channel;
        c->count = (uint32_t)guest_between(&random_state, 1, (int32_t)(l->out_c - channel));
        break;
    }
    default:
        c->first = (uint32_t)guest_between(&random_state, 0, (int32_t)total - 1);
        c->count = (uint32_t)guest_between(&random_state, 1, (int32_t)(total - c->first));
        break;
    }
}

/* The rows that are needed, sometimes all. */
static void place_sources(call *c, const int8_t **src) {
    const wick_layer *l = c->layer;
    c->rows = wick_layer_input_rows(l, c->first, c->count);
    if (guest_between(&random_state, 0, 3) == 0) {
        c->rows.row0 = 0;
        c->rows.rows = l->in_h;
    }
    for (uint32_t i = 0; i < l->n_operands; i++) {
        uint32_t row = wick_operand_row_bytes(l, i), bytes = row * c->rows.rows;
        src[i] = g.src[i] + c->rows.row0 * row;
        c->src[i].bytes = 0;
        if (i < 2) { /* further operands stay where they are */
            c->src[i] = place(i ? MORE_SRC : SRC, bytes, 1);
            memcpy(c->src[i].at, src[i], bytes);
            src[i] = c->src[i].at;
        }
    }
}

/* The layer with its weights packed for its kernel and in an arena; one of its arrays of constants
   too. */
static int place_constants(call *c, wick_layer *l) {
    uint32_t words = wick_weights_words(l), bytes = words ? 4 * words : g.weights_bytes;
    c->weights.bytes = c->constants.bytes = 0;
    if (words > MOST_PACKED_WORDS) {
        fail(c, "packed weights are larger than this test expects", words);
        return 0;
    }
    if (words) {
        c->weights = place(WEIGHTS, bytes, 4);
        wick_weights_pack(l, (uint32_t *)(void *)c->weights.at);
        check_piece(c, &c->weights, "packing writes outside");
        memcpy(packed, c->weights.at, bytes);
        l->packed = (const uint32_t *)(const void *)c->weights.at;
        l->weights = NULL;
    } else if (bytes) {
        c->weights = place(WEIGHTS, bytes, 1);
        memcpy(c->weights.at, g.weights, bytes);
        memcpy(packed, g.weights, bytes);
        l->weights = c->weights.at;
    }
    if (!g.n_constants)
        return 1;
    int biased = l->bias && l->kind <= WICK_LAYER_FC; /* elsewhere bias has its own length */
    int which = guest_between(&random_state, biased ? 0 : 1, 2);
    const void *from[3] = {g.bias, g.mult, g.shift};
    c->constants = place(CONSTANTS, g.n_constants * (which == 2 ? 1 : 4), which == 2 ? 1 : 4);
    memcpy(c->constants.at, from[which], c->constants.bytes);
    if (which == 0)
        l->bias = (const int32_t *)(const void *)c->constants.at;
    else if (which == 1)
        l->mult = (const int32_t *)(const void *)c->constants.at;
    else
        l->shift = (const uint8_t *)c->constants.at;
    return 1;
}

static void planted_fault(const call *c, plant fault) {
    const wick_layer *l = c->layer;
    const volatile int8_t *src = c->src[0].at;
    switch (fault) {
    case PLANT_DST_OVERRUN:
        c->dst.at[c->count] ^= 1;
        break;
    case PLANT_DST_UNDERRUN:
        c->dst.at[-1] ^= 1;
        break;
    case PLANT_LAST_CHANNEL:
        for (uint32_t i = 0; i < c->count; i++)
            if ((c->first + i) % l->out_c == l->out_c - 1u)
                c->dst.at[i] ^= 1;
        break;
    case PLANT_SRC_OVERREAD:
        (void)src[c->src[0].bytes];
        break;
    case PLANT_SRC_UNDERREAD:
        (void)src[-1];
        break;
    case PLANT_WEIGHTS_OVERREAD:
        if (c->weights.bytes)
            (void)((const volatile int8_t *)c->weights.at)[c->weights.bytes];
        break;
    case PLANT_SRC_WRITTEN:
        c->src[0].at[0] ^= 1;
        break;
    case PLANT_SCRATCH_OVERRUN:
        c->scratch.at[c->scratch.bytes] ^= 1;
        break;
    case PLANT_CONSTANTS_OVERREAD:
        if (c->constants.bytes && (const int8_t *)l->mult == c->constants.at)
            (void)((const volatile int32_t *)l->mult)[g.n_constants];
        break;
    case PLANT_UNALIGNED:
        if (c->src[0].bytes < 16)
            break;
#if defined(__ARM_FEATURE_MVE)
        __asm__ volatile("vldrw.32 q0, [%0]" ::"r"(src) : "q0");
#else
        (void)*(const volatile uint32_t *)(const volatile void *)src;
#endif
        break;
    default:
        break;
    }
}

/* One kernel, one range. */
static void run_once(uint32_t seed, uint8_t kernel, int trial, plant fault) {
    wick_layer l = g.layer;
    call c;
    const int8_t *src[GUEST_OPERANDS] = {0};
    memset(&c, 0, sizeof c);
    c.layer = &l;
    c.seed = seed;
    l.kernel = kernel;
    choose_range(&c, trial);
    current = &c;
    place_sources(&c, src);
    if (!place_constants(&c, &l))
        return;
    c.dst = place(DST, c.count, 1);
    memset(c.dst.at, 0x33, c.count);
    c.scratch = place(SCRATCH, wick_layer_scratch_bytes(&l), 4);
    memset(c.scratch.at, 0x77, c.scratch.bytes);
    wick_layer_run(&l, src, c.rows.row0, c.first, c.count, c.dst.at, c.scratch.at);
    if (fault)
        planted_fault(&c, fault);
    runs++;
    for (uint32_t i = 0; i < c.count; i++)
        if (c.dst.at[i] != expected[c.first + i]) {
            fail(&c, "wrong output", i);
            break;
        }
    check_piece(&c, &c.dst, "write outside the output");
    check_piece(&c, &c.scratch, "write outside the scratch memory");
    for (uint32_t i = 0; i < l.n_operands && i < 2; i++) {
        check_piece(&c, &c.src[i], "write outside the input");
        check_unchanged(&c, &c.src[i], g.src[i] + c.rows.row0 * wick_operand_row_bytes(&l, i),
                        "input changed");
    }
    if (c.weights.bytes) {
        check_piece(&c, &c.weights, "write outside the weights");
        check_unchanged(&c, &c.weights, packed, "weights changed");
    }
    if (c.constants.bytes)
        check_piece(&c, &c.constants, "write outside the constants");
    current = NULL;
}

static void run_layer(uint32_t seed, plant fault) {
    const int8_t *src[GUEST_OPERANDS] = {g.src[0], g.src[1], g.src[2], g.src[3]};
    guest_layer_make(&g, seed);
    random_state = seed * 747796405u | 1u;
    uint32_t total = outputs_of(&g.layer);
    wick_layer_run(&g.layer, src, 0, 0, total, expected, NULL);
    for (uint32_t i = 0; i < total; i++)
        checksum = (checksum ^ (uint8_t)expected[i]) * 16777619u;
    for (int k = 0; k < WICK_KERNELS && failures < MOST_FAILURES; k++) {
        wick_layer with = g.layer;
        with.kernel = (uint8_t)k;
        if (!wick_kernel_fits(&with, with.kernel) || !wick_weights_fit(&with))
            continue;
        int trials = k == WICK_KERNEL_PORTABLE ? 2 : 3;
        for (int trial = 0; trial < trials; trial++)
            run_once(seed, (uint8_t)k, trial, fault);
    }
}

static uint32_t parse_number(const char **text) {
    uint32_t value = 0;
    while (**text == ' ')
        (*text)++;
    while (**text >= '0' && **text <= '9')
        value = value * 10 + (uint32_t)(*(*text)++ - '0');
    return value;
}

int main(void) {
    static char line[256];
    if (semihost_command_line(line, sizeof line) != 0) {
        semihost_put("no command line\n");
        return 2;
    }
    const char *text = line;
    while (*text && *text != ' ') /* the program's name */
        text++;
    uint32_t first = parse_number(&text), count = parse_number(&text);
    plant fault = (plant)parse_number(&text);
    fence_close();
    marker_begin();
    for (uint32_t i = 0; i < count && failures < MOST_FAILURES; i++)
        run_layer(first + i, fault);
    marker_end();
    put_pair("DONE layers ", count);
    put_pair(" runs ", runs);
    put_pair(" kernels ", WICK_KERNELS - 1);
    put_pair(" checksum ", checksum & 0x7fffffffu);
    semihost_put("\n");
    return failures != 0;
}
