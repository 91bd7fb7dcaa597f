/* SPDX-License-Identifier: 0BSD */
/* The few instructions that the compilers do not find by themselves, each with the same result in
   plain C: every kernel compiles and runs everywhere. */
#ifndef WICK_INTRINSICS_H
#define WICK_INTRINSICS_H

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_DSP) && (defined(__GNUC__) || defined(__clang__))
#define WICK_HAVE_DSP 1
#else
#define WICK_HAVE_DSP 0
#endif

/* Whole inner steps in assembly for Cortex-M3, which nearly fill its registers: only where the
   compiler keeps none for itself. */
#if defined(__GNUC__) && defined(__thumb2__) && defined(__OPTIMIZE__) && !WICK_HAVE_DSP
#define WICK_ASM_M3 1
#else
#define WICK_ASM_M3 0
#endif

/* Functions that must become part of their callers, as inner steps that are written once for
   several numbers of pixels or outputs, and such that must not, as what is called from two places.
 */
#if defined(__GNUC__)
#define WICK_INLINE static inline __attribute__((always_inline))
#define WICK_APART static __attribute__((noinline))
#else
#define WICK_INLINE static inline
#define WICK_APART static
#endif

/* The compilers' schedulers load far ahead and spill what they then hold; on cores that work in
   order that gains nothing. WICK_STEP keeps loads on their side of it, WICK_KEEP has a value
   computed by then. */
#if defined(__GNUC__) && (defined(__thumb2__) || defined(__riscv))
#define WICK_STEP() __asm__ volatile("" ::: "memory")
#define WICK_KEEP(value) __asm__ volatile("" : "+r"(value))
#else
#define WICK_STEP() ((void)0)
#define WICK_KEEP(value) ((void)(value))
#endif

/* (a * b + 2^31) >> 32, exact. */
static inline int32_t wick_mulhr(int32_t a, int32_t b) {
#if WICK_HAVE_DSP
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
#elif defined(__GNUC__) && defined(__thumb2__)
    uint32_t low;
    int32_t high;
    __asm__("smull %0, %1, %2, %3" : "=r"(low), "=r"(high) : "r"(a), "r"(b));
    return high + (int32_t)(low >> 31);
#elif defined(__GNUC__) && defined(__riscv_mul) && __riscv_xlen == 32
    int32_t high;
    __asm__("mulh %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high + (int32_t)((uint32_t)a * (uint32_t)b >> 31);
#elif defined(__ARM_ARCH_6M__)
    /* No long multiplication: by halves; no sum here overflows. */
    uint32_t a0 = (uint32_t)a & 0xFFFF, b0 = (uint32_t)b & 0xFFFF;
    int32_t a1 = a >> 16, b1 = b >> 16;
    int32_t middle = a1 * (int32_t)b0 + (int32_t)((a0 * b0 >> 16) + 0x8000);
    int32_t other = (int32_t)(a0 * (uint32_t)b1) + (middle & 0xFFFF);
    return a1 * b1 + (middle >> 16) + (other >> 16);
#else
    return (int32_t)(((int64_t)a * b + INT64_C(0x80000000)) >> 32);
#endif
}

/* acc + x.low * y.low + x.high * y.high, halves signed; wraps. */
static inline int32_t wick_smlad(uint32_t x, uint32_t y, int32_t acc) {
#if WICK_HAVE_DSP
    __asm__("smlad %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(y));
    return acc;
#else
    int32_t low = (int32_t)(int16_t)(uint16_t)x * (int16_t)(uint16_t)y;
    int32_t high = (int32_t)(int16_t)(uint16_t)(x >> 16) * (int16_t)(uint16_t)(y >> 16);
    return (int32_t)((uint32_t)acc + (uint32_t)low + (uint32_t)high);
#endif
}

/* Bytes 0 and 2 as signed halves; wick_sxtb16_ror8: bytes 1 and 3. */
static inline uint32_t wick_sxtb16(uint32_t x) {
#if WICK_HAVE_DSP
    uint32_t y;
    __asm__("sxtb16 %0, %1" : "=r"(y) : "r"(x));
    return y;
#else
    uint32_t low = (uint32_t)(int32_t)(int8_t)(uint8_t)x;
    uint32_t high = (uint32_t)(int32_t)(int8_t)(uint8_t)(x >> 16);
    return (low & 0xFFFFu) | high << 16;
#endif
}

static inline uint32_t wick_sxtb16_ror8(uint32_t x) {
#if WICK_HAVE_DSP
    uint32_t y;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(x));
    return y;
#else
    return wick_sxtb16(x >> 8);
#endif
}

/* Four bytes from any address, little-endian lanes: byte i is bits 8i to 8i + 7. */
static inline uint32_t wick_load4(const int8_t *src) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t word;
    memcpy(&word, src, 4);
    return word;
#else
    return (uint32_t)(uint8_t)src[0] | (uint32_t)(uint8_t)src[1] << 8 |
           (uint32_t)(uint8_t)src[2] << 16 | (uint32_t)(uint8_t)src[3] << 24;
#endif
}

#endif
