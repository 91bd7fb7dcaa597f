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
/* Whole loops in Thumb-2 assembly, for Cortex-M. */
#if WICK_HAVE_DSP && defined(__thumb2__)
#define WICK_DSP_ASM 1
#else
#define WICK_DSP_ASM 0
#endif

/* Keeps loops that need all registers apart from each other. */
#if defined(__GNUC__) || defined(__clang__)
#define WICK_NOINLINE __attribute__((noinline))
#else
#define WICK_NOINLINE
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
#define WICK_APART static __attribute__((noinline, unused))
#else
#define WICK_INLINE static inline
#define WICK_APART static inline
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
#if defined(__MSP430__)
/* The magnitudes' product, shifted and added together; about 225 cycles where |a| has 18 bits: its
   low 16 bits always take their time, the high ones only as far as they go. Weak: many kernels
   bring it, the linker keeps one. */
int32_t wick_mulhr(int32_t a, int32_t b);
__attribute__((weak, noinline)) int32_t wick_mulhr(int32_t a, int32_t b) {
    uint16_t a0 = (uint16_t)a, a1 = (uint16_t)((uint32_t)a >> 16), sign;
    uint16_t b0 = (uint16_t)b, b1 = (uint16_t)((uint32_t)b >> 16), p0, p1, p2, p3;
/* clang-format off */
#define WICK_NEGATE(low, high) "inv " low "\n inv " high "\n add #1, " low "\n adc " high "\n"
/* One bit of a0. |b| <= 2^31, so no sum leaves a carry for the shift. */
#define WICK_BIT                                                                                   \
    "rrc %[a0]\n"                                                                                  \
    "jnc 2f\n"                                                                                     \
    "add %[b0], %[p1]\n"                                                                           \
    "addc %[b1], %[p2]\n"                                                                          \
    "2: rrc %[p2]\n"                                                                               \
    "rrc %[p1]\n"                                                                                  \
    "rrc %[p0]\n"
    __asm__("mov %[a1], %[sign]\n"
            "xor %[b1], %[sign]\n"
            "tst %[a1]\n"
            "jge 1f\n"
            WICK_NEGATE("%[a0]", "%[a1]")
            "1: tst %[b1]\n"
            "jge 1f\n"
            WICK_NEGATE("%[b0]", "%[b1]")
            "1: clr %[p1]\n"
            "clr %[p2]\n"
            "mov #4, %[p3]\n"
            "1:\n"
            WICK_BIT WICK_BIT WICK_BIT WICK_BIT
            "sub #1, %[p3]\n"
            "jne 1b\n"
            "clr %[a0]\n" /* from here on b is a0:b1:b0, shifted left, and p3 is 0 */
            "jmp 3f\n"
            "1: clrc\n"
            "rrc %[a1]\n"
            "jnc 2f\n"
            "add %[b0], %[p1]\n"
            "addc %[b1], %[p2]\n"
            "addc %[a0], %[p3]\n"
            "2: add %[b0], %[b0]\n"
            "addc %[b1], %[b1]\n"
            "addc %[a0], %[a0]\n"
            "3: tst %[a1]\n"
            "jne 1b\n"
            "tst %[sign]\n"
            "jn 1f\n"
            "add #0x8000, %[p1]\n"
            "adc %[p2]\n"
            "adc %[p3]\n"
            "jmp 2f\n"
            "1: add #-1, %[p0]\n" /* halves go up, so a magnitude's half goes down */
            "addc #0x7fff, %[p1]\n"
            "adc %[p2]\n"
            "adc %[p3]\n"
            WICK_NEGATE("%[p2]", "%[p3]")
            "2:"
            : [a0] "+&r"(a0), [a1] "+&r"(a1), [b0] "+&r"(b0), [b1] "+&r"(b1), [p0] "=&r"(p0),
              [p1] "=&r"(p1), [p2] "=&r"(p2), [p3] "=&r"(p3), [sign] "=&r"(sign)
            :
            : "cc");
#undef WICK_BIT
#undef WICK_NEGATE
    /* clang-format on */
    return (int32_t)((uint32_t)p3 << 16 | p2);
}
#else
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
#endif

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

/* A few bytes, copied by loads and stores: with -ffreestanding a memcpy would be a call. */
#if defined(__GNUC__) || defined(__clang__)
#define WICK_COPY(dst, src, n) __builtin_memcpy(dst, src, n)
#else
#define WICK_COPY(dst, src, n) memcpy(dst, src, n)
#endif

/* Four bytes from any address, little-endian lanes: byte i is bits 8i to 8i + 7. */
static inline uint32_t wick_load4(const int8_t *src) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t word;
    WICK_COPY(&word, src, 4);
    return word;
#else
    return (uint32_t)(uint8_t)src[0] | (uint32_t)(uint8_t)src[1] << 8 |
           (uint32_t)(uint8_t)src[2] << 16 | (uint32_t)(uint8_t)src[3] << 24;
#endif
}

static inline void wick_store4(int8_t *dst, uint32_t word) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    WICK_COPY(dst, &word, 4);
#else
    for (int i = 0; i < 4; i++, word >>= 8)
        dst[i] = (int8_t)(uint8_t)word;
#endif
}

/* The same with only the first n <= 4 bytes in memory; the others are 0 or dropped. */
static inline uint32_t wick_load_bytes(const int8_t *src, uint32_t n) {
    uint32_t word = 0;
    for (uint32_t i = 0; i < n; i++)
        word |= (uint32_t)(uint8_t)src[i] << 8 * i;
    return word;
}

static inline void wick_store_bytes(int8_t *dst, uint32_t word, uint32_t n) {
    for (uint32_t i = 0; i < n; i++, word >>= 8)
        dst[i] = (int8_t)(uint8_t)word;
}

/* The low halves of a and b: a's below, b's above. */
static inline uint32_t wick_pkhbt(uint32_t a, uint32_t b) {
#if WICK_HAVE_DSP
    uint32_t y;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(y) : "r"(a), "r"(b));
    return y;
#else
    return (a & 0xFFFFu) | b << 16;
#endif
}

/* The high halves of a and b: a's below, b's above. */
static inline uint32_t wick_pkhtb(uint32_t a, uint32_t b) {
#if WICK_HAVE_DSP
    uint32_t y;
    __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(y) : "r"(a), "r"(b));
    return y;
#else
    return a >> 16 | (b & 0xFFFF0000u);
#endif
}

/* a * b + acc modulo 2^32; in this order, which the compilers would change. */
static inline int32_t wick_mla(int32_t a, int32_t b, int32_t acc) {
#if WICK_HAVE_DSP
    int32_t y;
    __asm__("mla %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(acc));
    return y;
#else
    return (int32_t)((uint32_t)a * (uint32_t)b + (uint32_t)acc);
#endif
}

/* Adds bytes 0 and 2 of x, or 1 and 3, to the halves of acc; they must not overflow. */
static inline uint32_t wick_sxtab16(uint32_t acc, uint32_t x) {
#if WICK_HAVE_DSP
    __asm__("sxtab16 %0, %0, %1" : "+r"(acc) : "r"(x));
    return acc;
#else
    uint32_t add = wick_sxtb16(x);
    return ((acc + add) & 0xFFFFu) | ((acc & 0xFFFF0000u) + (add & 0xFFFF0000u));
#endif
}

static inline uint32_t wick_sxtab16_ror8(uint32_t acc, uint32_t x) {
#if WICK_HAVE_DSP
    __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(acc) : "r"(x));
    return acc;
#else
    return wick_sxtab16(acc, x >> 8);
#endif
}

/* Halves added and subtracted, each modulo 2^16. */
static inline uint32_t wick_sadd16(uint32_t a, uint32_t b) {
#if WICK_HAVE_DSP
    uint32_t y;
    __asm__("sadd16 %0, %1, %2" : "=r"(y) : "r"(a), "r"(b));
    return y;
#else
    return ((a + b) & 0xFFFFu) | ((a & 0xFFFF0000u) + (b & 0xFFFF0000u));
#endif
}

static inline uint32_t wick_ssub16(uint32_t a, uint32_t b) {
#if WICK_HAVE_DSP
    uint32_t y;
    __asm__("ssub16 %0, %1, %2" : "=r"(y) : "r"(a), "r"(b));
    return y;
#else
    return ((a - b) & 0xFFFFu) | ((a & 0xFFFF0000u) - (b & 0xFFFF0000u));
#endif
}

/* acc + (a * b + 2^31) >> 32. */
static inline int32_t wick_mulhr_add(int32_t a, int32_t b, int32_t acc) {
#if WICK_HAVE_DSP
    int32_t high;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(high) : "r"(a), "r"(b), "r"(acc));
    return high;
#else
    return acc + wick_mulhr(a, b);
#endif
}

/* Clamps to [-128, 127]. */
static inline int32_t wick_ssat8(int32_t x) {
#if WICK_HAVE_DSP
    int32_t y;
    __asm__("ssat %0, #8, %1" : "=r"(y) : "r"(x));
    return y;
#else
    return x < -128 ? -128 : x > 127 ? 127 : x;
#endif
}

/* The low bytes of four values as a word. */
static inline uint32_t wick_pack4(int32_t a, int32_t b, int32_t c, int32_t d) {
#if WICK_HAVE_DSP
    __asm__("bfi %0, %1, #8, #8" : "+r"(a) : "r"(b));
    __asm__("bfi %0, %1, #8, #8" : "+r"(c) : "r"(d));
    return wick_pkhbt((uint32_t)a, (uint32_t)c);
#else
    return (uint32_t)(uint8_t)a | (uint32_t)(uint8_t)b << 8 | (uint32_t)(uint8_t)c << 16 |
           (uint32_t)(uint8_t)d << 24;
#endif
}

/* Where the next block of `width` of n elements begins after the one at i; the last one overlaps
   the one before it if it would not be full. n is at least width, and n the end. */
static inline uint32_t wick_next_block(uint32_t i, uint32_t n, uint32_t width) {
    i += width;
    return i < n && i + width > n ? n - width : i;
}

/* Larger and smaller of four signed bytes each. Both instructions in one statement: the compilers
   know nothing of the GE flags between them. */
static inline uint32_t wick_max4(uint32_t a, uint32_t b) {
#if WICK_HAVE_DSP
    uint32_t difference;
    __asm__("ssub8 %1, %0, %2\n\tsel %0, %0, %2" : "+r"(a), "=&r"(difference) : "r"(b));
    return a;
#else
    uint32_t y = 0;
    for (uint32_t i = 0; i < 32; i += 8) {
        int8_t p = (int8_t)(uint8_t)(a >> i), q = (int8_t)(uint8_t)(b >> i);
        y |= (uint32_t)(uint8_t)(p > q ? p : q) << i;
    }
    return y;
#endif
}

static inline uint32_t wick_min4(uint32_t a, uint32_t b) {
#if WICK_HAVE_DSP
    uint32_t difference;
    __asm__("ssub8 %1, %0, %2\n\tsel %0, %2, %0" : "+r"(a), "=&r"(difference) : "r"(b));
    return a;
#else
    return ~wick_max4(~a, ~b);
#endif
}

/* One byte in all four places. */
static inline uint32_t wick_splat4(int8_t x) {
    return (uint32_t)(uint8_t)x * 0x01010101u;
}

#endif
