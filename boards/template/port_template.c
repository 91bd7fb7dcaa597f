/* SPDX-License-Identifier: 0BSD */
/* A port to start from: everything that a board gives the engine. Copy this file, replace the body
   of each function, and keep the promises in the comments: the guarantees rest on them. As it
   stands it works on a plain array, which is right for trying things out and for a part of
   non-volatile memory that the linker places, such as the FRAM of an MSP430 or a memory-mapped
   MRAM. */
#include "model.h"

#include <stddef.h>
#include <string.h>

/* The region. On a board: an address range of the NVM, MODEL_MEMORY_BYTES long and aligned to the
   memory's write unit, that no start-up code clears and that a firmware update may leave as it is
   (a model of another build is noticed and never resumed). */
static int8_t region[MODEL_MEMORY_BYTES];

/* Copies `bytes` from the region. Not called for tensors when nvm_mapped is set. Returns non-zero
   when the memory reports a fault (ECC); must not trap. */
static int nvm_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    (void)ctx;
    memcpy(dst, region + offset, bytes);
    return 0;
}

/* Writes `bytes`. A power failure may cut it anywhere. Offsets are multiples of the memory's write
   unit, a last partial unit may be filled up with anything. Write errors return non-zero. Flash:
   programs whole units that are erased, in the order of the calls. */
static int nvm_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    (void)ctx;
    memcpy(region + offset, src, bytes);
    return 0;
}

/* Returns only when everything written before is durable: bus transfers finished, write buffers and
   caches drained (on Cortex-M: DSB; with a data cache: clean it; with DMA: wait for it). */
static int nvm_barrier(void *ctx) {
    (void)ctx;
    return 0;
}

#if MODEL_FLASH_PAGES
/* Erases the page that begins at `offset`; returns when it is done. */
int wick_board_erase(void *ctx, uint32_t offset);
int wick_board_erase(void *ctx, uint32_t offset) {
    (void)ctx;
    memset(region + offset, 0xFF, MODEL_MEMORY_BYTES / MODEL_FLASH_PAGES);
    return 0;
}
#endif

/* Capacitor voltage in mV, from an ADC or a comparator; 0 = unknown. */
static uint32_t capacitor_mv(void *ctx) {
    (void)ctx;
    return 0;
}

/* Milliseconds of a clock that keeps running through power failures (an RTC with its own supply):
   set *ms and return 1. Return 0 when there is none: ages are then unknown. */
static int time_ms(void *ctx, uint32_t *ms) {
    (void)ctx;
    (void)ms;
    return 0;
}

/* Sleeps until there is more charge or `ms` have passed. */
static void sleep_ms(void *ctx, uint32_t ms) {
    (void)ctx;
    (void)ms;
}

/* Sends a result. It is called again after a power failure that hits before the delivery was
   committed, so the receiver drops repeats of the same (epoch, module). The logits are only valid
   during the call; wick_result_logit reads them whatever their width, MODEL_LOGIT_SCALES (model.h)
   says what they stand for. Return non-zero when it could not be sent: the engine offers it again.
 */
static int send_result(void *ctx, const wick_result *result) {
    (void)ctx;
    (void)result;
    return 0;
}

extern const wick_port wick_board_port;
const wick_port wick_board_port = {
    NULL,         nvm_read, nvm_write, nvm_barrier, MODEL_NVM_MAPPED ? region : NULL,
    capacitor_mv, time_ms,  sleep_ms,  send_result};
