/* Random layers with 16-bit tensors on an emulated core (or the PC): the kernel of each, whole and
   then in pieces at any even address between guard bytes, which must be the same. Arguments:
   FIRST-SEED LAYERS PLANT; PLANT other than 0 changes the last output of every piece, to prove that
   this program finds it. Prints a checksum over all outputs, which must be the same on every core.
 */
#include "guest_layers.h"
#include "semihost.h"

#include <string.h>

enum { GUARD = 16, MOST_FAILURES = 5 };

static guest_layer g;
static int16_t wide_src[GUEST_OPERANDS][GUEST_TENSOR / 2];
static int16_t whole[GUEST_TENSOR], piece[GUEST_TENSOR + GUARD];
static uint32_t random_state, runs, failures, checksum = 2166136261u;

static uint32_t elements(const wick_layer *l, uint32_t i) {
    uint32_t channels = l->kind == WICK_LAYER_CONCAT ? l->operands[i].channels : l->in_c;
    return (uint32_t)l->in_h * l->in_w * channels;
}

/* Some tensors become int16; 0 where the layer's kind has no kernel for them, or no room. */
static int widen(void) {
    wick_layer *l = &g.layer;
    int same = l->kind == WICK_LAYER_MAXPOOL || l->kind == WICK_LAYER_MOVE;
    uint32_t inputs = 1u + guest_random(&random_state) % 3u; /* of operand 0, of the others */
    if (l->kind == WICK_LAYER_SOFTMAX || (l->kind == WICK_LAYER_CONCAT && l->weights))
        return 0;
    for (uint32_t i = 0; i < l->n_operands; i++) {
        g.operands[i].wide = same || (inputs >> (i != 0) & 1u) ? 1 : 0;
        if (!g.operands[i].wide)
            continue;
        g.operands[i].zero_point = 0;
        if (elements(l, i) > GUEST_TENSOR / 2)
            return 0;
        for (uint32_t k = 0; k < elements(l, i); k++)
            wide_src[i][k] = (int16_t)guest_random(&random_state);
    }
    l->wide = same || guest_random(&random_state) % 4u != 0 ? 1 : 0;
    if (l->wide) {
        l->out_zp = 0;
        l->clamp_min = guest_random(&random_state) % 3u ? INT16_MIN : 0;
        l->clamp_max = INT16_MAX;
    }
    for (uint32_t c = 0; c < g.n_constants && (g.operands[0].wide || l->n_operands > 1); c++)
        g.shift[c] = (uint8_t)(31 + guest_between(&random_state, 8, 18));
    for (uint32_t i = 0; i < l->n_operands && l->kind == WICK_LAYER_CONCAT; i++)
        g.operands[i].shift = (uint8_t)guest_between(&random_state, 0, 14);
    for (uint8_t k = WICK_KERNEL_CONV2D_S16; k < WICK_KERNELS; k++)
        if (wick_kernel_fits(l, k))
            l->kernel = k;
    return l->kernel != WICK_KERNEL_PORTABLE;
}

static void sources(const int8_t **src, uint16_t row0) {
    for (uint32_t i = 0; i < g.layer.n_operands; i++) {
        const int8_t *from = g.operands[i].wide ? (const int8_t *)wide_src[i] : g.src[i];
        src[i] = from + row0 * wick_operand_row_bytes(&g.layer, i);
    }
}

static void complain(uint32_t seed, const char *what, uint32_t first, uint32_t count) {
    failures++;
    semihost_put("FAIL seed ");
    semihost_put_number((int32_t)seed);
    semihost_put(what);
    semihost_put_number((int32_t)first);
    semihost_put(" ");
    semihost_put_number((int32_t)count);
    semihost_put("\n");
}

static void run_piece(uint32_t seed, uint32_t first, uint32_t count, uint32_t plant) {
    const int8_t *src[GUEST_OPERANDS];
    uint32_t size = wick_out_size(&g.layer), lead = guest_random(&random_state) % 3u * 2u + 4u;
    int8_t *bytes = (int8_t *)piece, *dst = bytes + lead;
    sources(src, wick_layer_input_rows(&g.layer, first, count).row0);
    memset(bytes, 0x5a, lead + count * size + 8);
    wick_layer_run(&g.layer, src, wick_layer_input_rows(&g.layer, first, count).row0, first, count,
                   dst, NULL);
    dst[count * size - 1] = (int8_t)(dst[count * size - 1] ^ (int8_t)plant);
    runs++;
    if (memcmp(dst, (const int8_t *)whole + first * size, count * size) != 0)
        complain(seed, ": a piece differs from the whole: ", first, count);
    for (uint32_t i = 0; i < lead || i < 8; i++)
        if ((i < lead && bytes[i] != 0x5a) || (i < 8 && dst[count * size + i] != 0x5a)) {
            complain(seed, ": written outside of the output: ", first, count);
            break;
        }
}

static void run_layer(uint32_t seed, uint32_t plant) {
    const int8_t *src[GUEST_OPERANDS];
    guest_layer_make(&g, seed);
    random_state = seed * 2654435761u | 1u;
    wick_layer *l = &g.layer;
    uint32_t total = (uint32_t)l->out_h * l->out_w * l->out_c;
    if (!widen() || total > GUEST_TENSOR)
        return;
    sources(src, 0);
    wick_layer_run(l, src, 0, 0, total, (int8_t *)whole, NULL);
    for (uint32_t i = 0; i < total; i++) {
        int32_t y = l->wide ? whole[i] : ((const int8_t *)whole)[i];
        checksum = (checksum ^ (uint32_t)y) * 16777619u;
    }
    for (int i = 0; i < 4; i++) {
        uint32_t pixel = guest_random(&random_state) % (total / l->out_c) * l->out_c;
        uint32_t c = guest_random(&random_state) % l->out_c;
        if (i % 2)
            run_piece(seed, pixel, total - pixel, plant);
        else
            run_piece(seed, pixel + c, 1 + guest_random(&random_state) % (l->out_c - c), plant);
    }
}

static uint32_t parse_number(const char **text) {
    uint32_t value = 0;
    while (**text == ' ')
        ++*text;
    for (; **text >= '0' && **text <= '9'; ++*text)
        value = value * 10 + (uint32_t)(**text - '0');
    return value;
}

void board_on_fault(void) {
    semihost_put("in a layer with 16-bit tensors\n");
}

int main(void) {
    static char line[256];
    if (semihost_command_line(line, sizeof line) != 0)
        return 2;
    const char *text = line;
    while (*text && *text != ' ') /* the program's name */
        text++;
    uint32_t first = parse_number(&text), count = parse_number(&text);
    uint32_t plant = parse_number(&text);
    for (uint32_t i = 0; i < count && failures < MOST_FAILURES; i++)
        run_layer(first + i, plant);
    semihost_put("DONE runs ");
    semihost_put_number((int32_t)runs);
    semihost_put(" checksum ");
    semihost_put_number((int32_t)(checksum & 0x7fffffffu));
    semihost_put("\n");
    return failures != 0;
}
