/* The loops of onednn_lanes.h for blocks of 16 and 8 channels, in each instruction set. */
#include "train/onednn/onednn_norm.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define FENCE _mm_sfence
#else
#define FENCE() ((void)0)
#endif

/* What every compiler target has. */
#define NAME(x) x##_16
#define LANES 16
#define TARGET
#define STREAM_LANES 4
#if defined(__x86_64__)
#define STREAM _mm_stream_ps
#else
#define STREAM(p, v) memcpy((p), &(v), sizeof(v))
#endif
#include "train/onednn/onednn_lanes.h"
#define NAME(x) x##_8
#define LANES 8
#define TARGET
#define STREAM_LANES 4
#if defined(__x86_64__)
#define STREAM _mm_stream_ps
#else
#define STREAM(p, v) memcpy((p), &(v), sizeof(v))
#endif
#include "train/onednn/onednn_lanes.h"

#if defined(__x86_64__)
#define NAME(x) x##_16_avx2
#define LANES 16
#define TARGET __attribute__((target("avx2")))
#define STREAM_LANES 8
#define STREAM _mm256_stream_ps
#include "train/onednn/onednn_lanes.h"
#define NAME(x) x##_8_avx2
#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define STREAM_LANES 8
#define STREAM _mm256_stream_ps
#include "train/onednn/onednn_lanes.h"
#define NAME(x) x##_16_avx512
#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define STREAM_LANES 16
#define STREAM _mm512_stream_ps
#include "train/onednn/onednn_lanes.h"
#endif

int wick_dn_lanes_variants(int lanes, const wick_dn_lanes *variants[WICK_DN_MAX_VARIANTS]) {
    int n = 0;
#if defined(__x86_64__)
    if (lanes == 16 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        variants[n++] = &table_16_avx512;
    if (__builtin_cpu_supports("avx2"))
        variants[n++] = lanes == 16 ? &table_16_avx2 : &table_8_avx2;
#endif
    variants[n++] = lanes == 16 ? &table_16 : &table_8;
    return n;
}
