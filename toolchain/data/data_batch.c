/* From bytes to the network's input: normalisation and augmentation. */
#include "data/data_parts.h"

#include <assert.h>
#include <string.h>

/* A byte b becomes (b - 128) / 128 where no normalisation is given (up to float rounding): on the
   device the int8 value b - 128 with scale 1/128. */
static const float DEFAULT_MEAN = 128.0f / 255.0f, DEFAULT_STD = 128.0f / 255.0f;

typedef struct move {
    bool flip;
    int dy, dx;            /* the image goes down and right by this */
    int cut_y, cut_x, cut; /* top left corner, which may lie outside, and side of the cutout */
} move;

/* The order and number of draws do not depend on which augmentation is on, so that turning one off
   leaves the other as it was. */
static move draw_move(const wick_data *data, const wick_augment *augment, uint64_t seed,
                      uint32_t index, uint32_t epoch) {
    move m = {0};
    if (!augment)
        return m;
    wick_rng rng = wick_rng_seed(seed, (uint64_t)epoch << 32 | index);
    bool flip = wick_rng_next(&rng) >> 63;
    m.flip = augment->flip && flip && data->height > 1; /* time does not run backwards */
    if (augment->shift > 0) {
        uint32_t range = 2 * (uint32_t)augment->shift + 1;
        m.dy = (int)wick_rng_below(&rng, range) - augment->shift;
        m.dx = (int)wick_rng_below(&rng, range) - augment->shift;
        if (data->height == 1) /* a window of samples moves in time only */
            m.dy = 0;
    }
    if (augment->cutout > 0) { /* a stream of its own leaves the other draws as they were */
        wick_rng cut = wick_rng_seed(seed ^ 0x6375746f7574, (uint64_t)epoch << 32 | index);
        m.cut = augment->cutout;
        m.cut_y = (int)wick_rng_below(&cut, (uint32_t)data->height) - m.cut / 2;
        m.cut_x = (int)wick_rng_below(&cut, (uint32_t)data->width) - m.cut / 2;
    }
    return m;
}

/* src [height, width, channels] -> dst [height, width], one channel: flipped, then shifted. */
static void fill_plane(const wick_data *data, const uint8_t *src, const float *value_of, move m,
                       float *dst) {
    int height = data->height, width = data->width;
    for (int y = 0; y < height; y++, dst += width) {
        int from_y = y - m.dy;
        if (from_y < 0 || from_y >= height) {
            memset(dst, 0, (size_t)width * sizeof *dst);
            continue;
        }
        const uint8_t *row = src + data_offset(data, 0, from_y, 0);
        for (int x = 0; x < width; x++) {
            int from_x = x - m.dx;
            bool inside = from_x >= 0 && from_x < width;
            from_x = m.flip ? width - 1 - from_x : from_x;
            dst[x] = inside ? value_of[row[from_x * data->channels]] : 0.0f;
        }
    }
}

static void cut_out(const wick_data *data, move m, float *plane) {
    int y0 = m.cut_y > 0 ? m.cut_y : 0, x0 = m.cut_x > 0 ? m.cut_x : 0;
    int y1 = m.cut_y + m.cut < data->height ? m.cut_y + m.cut : data->height;
    int x1 = m.cut_x + m.cut < data->width ? m.cut_x + m.cut : data->width;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            plane[y * data->width + x] = 0;
}

void wick_data_batch(const wick_data *data, wick_split split, const uint32_t *indices, int n,
                     const wick_augment *augment, uint64_t seed, uint32_t epoch, const float *mean,
                     const float *std, float *dst) {
    const wick_images *images = &data->split[split];
    size_t plane = (size_t)data->height * (size_t)data->width;
    for (int c = 0; c < data->channels; c++) {
        float value_of[256];
        for (int b = 0; b < 256; b++)
            value_of[b] = ((float)b / 255.0f - (mean ? mean[c] : DEFAULT_MEAN)) /
                          (std ? std[c] : DEFAULT_STD);
        for (int i = 0; i < n; i++) {
            assert(indices[i] < (uint32_t)images->n);
            const uint8_t *src = images->pixels + data_offset(data, indices[i], 0, 0) + c;
            move m = draw_move(data, augment, seed, indices[i], epoch);
            float *to = dst + ((size_t)i * (size_t)data->channels + (size_t)c) * plane;
            fill_plane(data, src, value_of, m, to);
            cut_out(data, m, to);
        }
    }
}
