#include "weights/weights_block.h"

/* One block as it is written; counts only where `to` is NULL. */
typedef struct block_writer {
    uint8_t *to;
    uint32_t entries;
} block_writer;

static int8_t weight(const wick_layer *layer, uint32_t c, uint32_t tap) {
    return c < layer->out_c ? layer->weights[c * wick_few_taps(layer) + tap] : (int8_t)0;
}

static int is_used(const wick_layer *layer, uint32_t b, uint32_t tap) {
    int used = 0;
    for (uint32_t i = 0; i < WICK_BLOCK_CHANNELS; i++)
        used |= weight(layer, b * WICK_BLOCK_CHANNELS + i, tap) != 0;
    return used;
}

static void put(block_writer *w, uint32_t distance, const int8_t values[WICK_BLOCK_CHANNELS]) {
    static const uint8_t place[WICK_BLOCK_CHANNELS] = {2, 3, 6, 7};
    uint32_t odd = w->entries % 2;
    if (w->to) {
        uint8_t *pair = w->to + WICK_BLOCK_PAIR * (w->entries / 2);
        pair[odd] = (uint8_t)distance;
        for (uint32_t i = 0; i < WICK_BLOCK_CHANNELS; i++)
            pair[place[i] + 2 * odd] = (uint8_t)values[i];
    }
    w->entries++;
}

/* Returns the block's pairs. */
static uint32_t put_block(block_writer *w, const wick_layer *layer, uint32_t b) {
    static const int8_t none[WICK_BLOCK_CHANNELS] = {0};
    uint32_t at = 0, taps = wick_few_taps(layer);
    w->entries = 0;
    for (uint32_t tap = 0; tap < taps; tap++) {
        if (!is_used(layer, b, tap))
            continue;
        for (; tap - at > WICK_BLOCK_FURTHEST; at += WICK_BLOCK_FURTHEST)
            put(w, WICK_BLOCK_FURTHEST, none);
        int8_t values[WICK_BLOCK_CHANNELS];
        for (uint32_t i = 0; i < WICK_BLOCK_CHANNELS; i++)
            values[i] = weight(layer, b * WICK_BLOCK_CHANNELS + i, tap);
        put(w, tap - at, values);
        at = tap;
    }
    if (w->entries % 2)
        put(w, 0, none);
    if (w->to && w->entries)
        w->to[WICK_BLOCK_PAIR * (w->entries / 2 - 1) + 1] |= 128;
    return w->entries / 2;
}

uint32_t wick_block_pairs(const wick_layer *layer) {
    uint32_t pairs = 0;
    if (layer->packed)
        return layer->packed[0];
    for (uint32_t b = 0; b < wick_blocks(layer); b++) {
        block_writer none = {0, 0};
        pairs += put_block(&none, layer, b);
    }
    return pairs;
}

uint32_t wick_block_words(const wick_layer *layer) {
    return wick_block_head_words(layer) + (WICK_BLOCK_PAIR * wick_block_pairs(layer) + 3) / 4;
}

void wick_block_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t head = wick_block_head_words(layer), words = wick_block_words(layer), sum = 0;
    for (uint32_t i = 0; i < words; i++)
        dst[i] = 0;
    block_writer w = {(uint8_t *)(dst + head), 0};
    for (uint32_t b = 0; b < wick_blocks(layer); b++) {
        uint32_t pairs = put_block(&w, layer, b);
        dst[1 + b / 2] |= pairs << 16 * (b % 2);
        w.to += WICK_BLOCK_PAIR * pairs;
        sum += pairs;
    }
    dst[0] = sum;
}
