#include "train/weight_grid.h"

#include <math.h>

enum { CLIPS = 11 }; /* 1, 0.95 ... 0.5 of the largest magnitude */

static double largest_of(const float *w, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)w[i]));
    return largest;
}

static float on_grid(float w, float scale, float most) {
    float q = rintf(w / scale);
    q = q > most ? most : q < -most ? -most : q;
    return q * scale;
}

static double error_of(const float *w, size_t count, double scale, int most) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double e = (double)w[i] - (double)on_grid(w[i], (float)scale, (float)most);
        sum += e * e;
    }
    return sum;
}

double wick_weight_scale(const float *w, size_t count, int bits) {
    int most = (1 << (bits - 1)) - 1;
    double largest = largest_of(w, count), best = largest / most, least = INFINITY;
    for (int i = 0; i < CLIPS && bits < 8 && largest > 0; i++) {
        double scale = largest / most * (1 - 0.05 * i), error = error_of(w, count, scale, most);
        /* On a grid already: its rounding errors must not count. */
        if (error < least && (i == 0 || error < least * (1 - 1e-9))) {
            least = error;
            best = scale;
        }
        if (error < 1e-10 * largest * largest)
            break;
    }
    return best;
}

void wick_weight_to_grid(float *w, size_t count, int bits) {
    float scale = (float)wick_weight_scale(w, count, bits);
    float most = (float)((1 << (bits - 1)) - 1);
    for (size_t i = 0; i < count && scale > 0; i++)
        w[i] = on_grid(w[i], scale, most);
}

void wick_weights_to_grid(float *w, const wick_weight_rows *rows, int bits, float *scratch) {
    for (size_t r = 0; r < rows->rows; r++) {
        const uint32_t *place = rows->place + r * rows->count;
        for (size_t i = 0; i < rows->count; i++)
            scratch[i] = w[place[i]];
        wick_weight_to_grid(scratch, rows->count, bits);
        for (size_t i = 0; i < rows->count; i++)
            w[place[i]] = scratch[i];
    }
}
