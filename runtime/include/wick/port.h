/* SPDX-License-Identifier: 0BSD */
/* The port: what a board gives the engine. Every function returns 0 on success unless it says
 * otherwise. */
#ifndef WICK_PORT_H
#define WICK_PORT_H

#include <stddef.h>
#include <stdint.h>

/* What leaves the device: sent at least once, so the receiver drops repeats of the same (epoch,
 * module). */
typedef struct wick_result {
    uint32_t epoch; /* number of the input, from 1 */
    uint8_t module; /* 1 = largest */
    uint16_t label; /* argmax of the logits, the first when several are equal */
    uint16_t n_classes;
    uint32_t age_ms; /* of the input when it is delivered; UINT32_MAX = unknown */
    /* [n_classes], valid during the call. One of the two, by the width that the model gives them;
       the other is NULL. */
    const int8_t *logits;
    const int16_t *wide_logits;
} wick_result;

/* Logit c, whatever its width: real value / the model's scale, with the zero point. */
static inline int16_t wick_result_logit(const wick_result *result, uint16_t c) {
    return result->wide_logits ? result->wide_logits[c] : result->logits[c];
}

/* How far the largest logit is ahead of the second largest; UINT16_MAX with one class. */
static inline uint16_t wick_result_margin(const wick_result *result) {
    int32_t most = INT32_MIN, second = INT32_MIN;
    for (uint16_t c = 0; c < result->n_classes; c++) {
        int32_t logit = wick_result_logit(result, c);
        if (logit > most) {
            second = most;
            most = logit;
        } else if (logit > second) {
            second = logit;
        }
    }
    return result->n_classes < 2 ? UINT16_MAX : (uint16_t)(most - second);
}

typedef struct wick_port {
    void *ctx; /* first argument of every call */
    /* Non-volatile memory, `offset` from the start of wick's region. Writes may be cut between or
       within write units by a power failure; a read of damaged memory may fail (ECC): both return
       non-zero, nothing traps. */
    int (*nvm_read)(void *ctx, uint32_t offset, void *dst, uint32_t bytes);
    int (*nvm_write)(void *ctx, uint32_t offset, const void *src, uint32_t bytes);
    /* Everything written before is durable when it returns (caches cleaned, FIFOs drained, DMA
     * finished). */
    int (*nvm_barrier)(void *ctx);
    /* The region where the CPU can load from it directly; NULL otherwise, then inputs are copied to
     * scratch. */
    const int8_t *nvm_mapped;
    /* Capacitor voltage in mV; 0 = unknown. NULL: never known, as 0. Called before every span. */
    uint32_t (*capacitor_mv)(void *ctx);
    /* Milliseconds of a clock that survives power failures; returns 0 and leaves *ms when there is
       none: the age of anything from before the failure is then unknown. Returns 1 when *ms is set.
     */
    int (*time_ms)(void *ctx, uint32_t *ms);
    /* Sleeps until there is more charge or `ms` have passed. NULL: the application does that when
       the engine returns WAIT. */
    void (*sleep)(void *ctx, uint32_t ms);
    /* Delivers a result. The engine repeats it after a power failure that hits before the delivery
     * was committed. */
    int (*result)(void *ctx, const wick_result *result);
} wick_port;

#endif
