/* Backward-weights of depthwise convolutions where oneDNN has only its reference or a matrix
   product for each channel: kernels of 5x5 (1.5 s for one layer instead of 10 ms) and large
   strides. */
#include "train/onednn/onednn_program.h"

/* One channel. x [N,in,H,W] and dy [N,out,OH,OW] point at its first image's plane. */
static float tap(const wick_dn_depthwise *d, const float *x, const float *dy, int kh, int kw) {
    float sum = 0;
    long first = 0, last = d->out_w - 1; /* columns whose tap lies within the image */
    long offset = kw * d->dilation[1] - d->pad[1];
    while (first <= last && first * d->stride[1] + offset < 0)
        first++;
    while (last >= first && last * d->stride[1] + offset >= d->in_w)
        last--;
    for (long n = 0; n < d->batch; n++) {
        const float *image = x + n * d->in_channels * d->in_h * d->in_w;
        const float *gradient = dy + n * d->out_channels * d->out_h * d->out_w;
        for (long oh = 0; oh < d->out_h; oh++) {
            long h = oh * d->stride[0] + kh * d->dilation[0] - d->pad[0];
            if (h < 0 || h >= d->in_h)
                continue;
            const float *row = image + h * d->in_w, *g = gradient + oh * d->out_w;
            float partial = 0;
#pragma omp simd reduction(+ : partial)
            for (long ow = first; ow <= last; ow++)
                partial += g[ow] * row[ow * d->stride[1] + offset];
            sum += partial;
        }
    }
    return sum;
}

static float total(const wick_dn_depthwise *d, const float *dy) {
    float sum = 0;
    for (long n = 0; n < d->batch; n++) {
        const float *gradient = dy + n * d->out_channels * d->out_h * d->out_w;
        float partial = 0;
        for (long i = 0; i < d->out_h * d->out_w; i++)
            partial += gradient[i];
        sum += partial;
    }
    return sum;
}

void wick_dn_depthwise_weights(const wick_dn_depthwise *d, const float *x, const float *dy,
                               float *dw, float *db) {
    long multiplier = d->out_channels / d->in_channels, taps = d->kernel[0] * d->kernel[1];
#pragma omp parallel for schedule(static)
    for (long o = 0; o < d->out_channels; o++) {
        const float *plane = x + o / multiplier * d->in_h * d->in_w;
        const float *gradient = dy + o * d->out_h * d->out_w;
        for (int k = 0; k < taps; k++)
            dw[o * taps + k] =
                tap(d, plane, gradient, k / (int)d->kernel[1], k % (int)d->kernel[1]);
        if (db)
            db[o] = total(d, gradient);
    }
}
