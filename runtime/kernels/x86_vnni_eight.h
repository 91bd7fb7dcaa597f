/* SPDX-License-Identifier: 0BSD */
/* Eight output channels with 256-bit vpdpbusd, which has one encoding in AVX-512 (where it serves
   half blocks) and one in AVX. Included once for each, no guard:
     EIGHT(name)            the names of this encoding
     EIGHT_TARGET           what the compiler may use
     EIGHT_DPBUSD(acc,x,w)  the intrinsic */

/* `pixels` windows, which must be a constant; acc: of the first window and channel. */
EIGHT_TARGET WICK_INLINE void EIGHT(windows)(const uint8_t *windows, size_t pitch, size_t pixels,
                                             size_t groups, const int8_t *weights,
                                             int32_t (*acc)[DENSE_BLOCK], size_t c) {
    __m256i sum[DENSE_PIXELS];
    for (size_t p = 0; p < pixels; p++)
        sum[p] = _mm256_setzero_si256();
    for (size_t g = 0; g < groups; g++, weights += 4 * DENSE_BLOCK, windows += 4) {
        __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)weights);
        for (size_t p = 0; p < pixels; p++)
            sum[p] = EIGHT_DPBUSD(sum[p], _mm256_set1_epi32(four(windows + p * pitch)), w);
    }
    for (size_t p = 0; p < pixels; p++)
        _mm256_storeu_si256((__m256i *)(void *)(acc[p] + c), sum[p]);
}

/* One window: four sums that do not wait for each other. */
EIGHT_TARGET WICK_INLINE void EIGHT(one)(const uint8_t *window, size_t groups,
                                         const int8_t *weights, int32_t *acc) {
    __m256i sum[4];
    for (size_t i = 0; i < 4; i++)
        sum[i] = _mm256_setzero_si256();
    for (size_t g = 0; g < groups; g += 4)
        for (size_t i = 0; i < 4 && g + i < groups; i++, weights += 4 * DENSE_BLOCK) {
            __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)weights);
            sum[i] = EIGHT_DPBUSD(sum[i], _mm256_set1_epi32(four(window + 4 * (g + i))), w);
        }
    sum[0] = _mm256_add_epi32(sum[0], sum[1]);
    sum[2] = _mm256_add_epi32(sum[2], sum[3]);
    _mm256_storeu_si256((__m256i *)(void *)acc, _mm256_add_epi32(sum[0], sum[2]));
}

/* A dense_tile. */
EIGHT_TARGET static void EIGHT(tile)(const void *windows, size_t pitch, size_t pixels,
                                     size_t groups, const int8_t *weights, size_t channels,
                                     int32_t acc[2][DENSE_PIXELS][DENSE_BLOCK]) {
    const uint8_t *x = windows;
    for (size_t c = 0; c < channels; c += 8) {
        const int8_t *w = weights + c / DENSE_BLOCK * groups * 4 * DENSE_BLOCK;
        int32_t(*block)[DENSE_BLOCK] = acc[c / DENSE_BLOCK];
        size_t p = 0, half = c % DENSE_BLOCK;
        w += half * 4;
        for (; p + 8 <= pixels; p += 8)
            EIGHT(windows)(x + p * pitch, pitch, 8, groups, w, block + p, half);
        for (; p + 4 <= pixels; p += 4)
            EIGHT(windows)(x + p * pitch, pitch, 4, groups, w, block + p, half);
        for (; p < pixels; p++)
            EIGHT(one)(x + p * pitch, groups, w, block[p] + half);
    }
}

#undef EIGHT
#undef EIGHT_TARGET
#undef EIGHT_DPBUSD
