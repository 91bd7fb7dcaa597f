#include "weights/weights_few.h"

/* Bytes to words, the first in the lowest bits; NULL counts only. */
typedef struct writer {
    uint32_t *dst;
    uint32_t bytes;
} writer;

static void put(writer *w, uint32_t byte) {
    if (w->dst) {
        if (w->bytes % 4 == 0)
            w->dst[w->bytes / 4] = 0;
        w->dst[w->bytes / 4] |= (byte & 0xFFu) << 8 * (w->bytes % 4);
    }
    w->bytes++;
}

static void put_entry(writer *w, wick_few format, uint32_t gap, int32_t value) {
    if (format == WICK_FEW_SPARSE4) {
        put(w, gap | (uint32_t)value << 4);
    } else {
        put(w, gap);
        put(w, (uint32_t)value);
    }
}

/* The stream of one channel; returns its entries. */
static uint32_t put_channel(writer *w, const int8_t *weights, uint32_t taps, wick_few format) {
    uint32_t entries = 0, gap = 0, most = format == WICK_FEW_SPARSE ? 255 : 15;
    for (uint32_t t = 0; format == WICK_FEW_NIBBLE && t < taps; t += 2) {
        uint32_t second = t + 1 < taps ? (uint32_t)weights[t + 1] : 0;
        put(w, ((uint32_t)weights[t] & 15u) | second << 4);
    }
    if (format == WICK_FEW_NIBBLE)
        return taps;
    for (uint32_t t = 0; t < taps; t++, gap++) {
        if (!weights[t] && gap < most)
            continue;
        if (!weights[t]) { /* on its way; behind the last weight none is needed */
            uint32_t next = t;
            while (next < taps && !weights[next])
                next++;
            if (next == taps)
                break;
        }
        put_entry(w, format, gap, weights[t]);
        entries++;
        gap = UINT32_MAX; /* 0 at the next tap */
    }
    return entries;
}

static uint32_t head_words(const wick_layer *layer, wick_few format) {
    return format == WICK_FEW_NIBBLE ? 0 : 1 + (layer->out_c + 1u) / 2;
}

uint32_t wick_few_entries(const wick_layer *layer, wick_few format) {
    uint32_t taps = wick_few_taps(layer), entries = 0;
    if (format != WICK_FEW_NIBBLE && layer->packed)
        return layer->packed[0];
    for (uint32_t c = 0; c < layer->out_c; c++) {
        writer none = {0, 0};
        entries += format == WICK_FEW_NIBBLE
                       ? taps
                       : put_channel(&none, layer->weights + c * taps, taps, format);
    }
    return entries;
}

uint32_t wick_few_words(const wick_layer *layer, wick_few format) {
    uint32_t entries = wick_few_entries(layer, format), bytes = entries;
    if (format == WICK_FEW_NIBBLE)
        bytes = layer->out_c * ((wick_few_taps(layer) + 1) / 2);
    else if (format == WICK_FEW_SPARSE)
        bytes = 2 * entries;
    return head_words(layer, format) + (bytes + 3) / 4;
}

void wick_few_pack(const wick_layer *layer, wick_few format, uint32_t *dst) {
    uint32_t taps = wick_few_taps(layer), head = head_words(layer, format), sum = 0;
    writer w = {dst + head, 0};
    for (uint32_t i = 0; i < head; i++)
        dst[i] = 0;
    for (uint32_t c = 0; c < layer->out_c; c++) {
        uint32_t entries = put_channel(&w, layer->weights + c * taps, taps, format);
        sum += entries;
        if (head)
            dst[1 + c / 2] |= entries << 16 * (c % 2);
    }
    if (head)
        dst[0] = sum;
}

int wick_few_is_nibbles(const wick_layer *layer) {
    uint32_t n = wick_few_taps(layer) * layer->out_c;
    for (uint32_t i = 0; i < n; i++)
        if (layer->weights[i] < -8 || layer->weights[i] > 7)
            return 0;
    return 1;
}
