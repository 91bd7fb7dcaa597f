/* SPDX-License-Identifier: 0BSD */
/* A port that keeps checksums: guard.h. In the memory under it, block after block: its bytes, then
   the CRC-32 over them, begun with the block's number. */
#include <stddef.h>
#include <string.h>

#include <wick/guard.h>
#include <wick/nvm.h>

enum { MOST_STRIDE = WICK_GUARD_MOST_BLOCK + WICK_GUARD_MOST_UNIT };

uint32_t wick_guard_stride(uint32_t block, uint32_t unit) {
    return (block + WICK_GUARD_SUM_BYTES + unit - 1u) / unit * unit;
}

uint32_t wick_guard_bytes(uint32_t block, uint32_t unit, uint32_t bytes) {
    return (bytes + block - 1u) / block * wick_guard_stride(block, unit);
}

static int blank(const uint8_t *p, uint32_t bytes) {
    for (uint32_t i = 1; i < bytes; i++)
        if (p[i] != p[0])
            return 0;
    return 1;
}

/* Block number i to `bytes`. What was never written has no checksum. */
static int read_block(wick_guard *guard, uint32_t i, uint8_t *bytes) {
    uint32_t all = guard->block + WICK_GUARD_SUM_BYTES;
    if (guard->under->nvm_read(guard->under->ctx, i * guard->stride, bytes, all) != 0)
        return -1;
    if (wick_get32(bytes + guard->block) == wick_crc32(i, bytes, guard->block) || blank(bytes, all))
        return 0;
    guard->refused++;
    return -1;
}

static int guard_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    wick_guard *guard = ctx;
    uint8_t block[WICK_GUARD_MOST_BLOCK + WICK_GUARD_SUM_BYTES];
    uint8_t *to = dst;
    while (bytes != 0) {
        uint32_t skip = offset % guard->block, part = guard->block - skip;
        part = part < bytes ? part : bytes;
        if (read_block(guard, offset / guard->block, block) != 0)
            return -1;
        memcpy(to, block + skip, (size_t)part);
        to += part;
        offset += part;
        bytes -= part;
    }
    return 0;
}

static int guard_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    const wick_guard *guard = ctx;
    const wick_port *under = guard->under;
    uint8_t block[MOST_STRIDE];
    const uint8_t *from = src;
    if (offset % guard->block != 0)
        return -1;
    for (uint32_t i = offset / guard->block; bytes != 0; i++) {
        uint32_t part = bytes < guard->block ? bytes : guard->block;
        memset(block, 0, sizeof block); /* the rest of a last block is nobody's */
        memcpy(block, from, (size_t)part);
        wick_put32(block + guard->block, wick_crc32(i, block, guard->block));
        if (under->nvm_write(under->ctx, i * guard->stride, block, guard->stride) != 0)
            return -1;
        from += part;
        bytes -= part;
    }
    return 0;
}

static const wick_port *under_of(void *ctx) {
    return ((const wick_guard *)ctx)->under;
}

static int guard_barrier(void *ctx) {
    return under_of(ctx)->nvm_barrier(under_of(ctx)->ctx);
}

static uint32_t guard_capacitor_mv(void *ctx) {
    return under_of(ctx)->capacitor_mv(under_of(ctx)->ctx);
}

static int guard_time_ms(void *ctx, uint32_t *ms) {
    return under_of(ctx)->time_ms(under_of(ctx)->ctx, ms);
}

static void guard_sleep(void *ctx, uint32_t ms) {
    under_of(ctx)->sleep(under_of(ctx)->ctx, ms);
}

static int guard_result(void *ctx, const wick_result *result) {
    return under_of(ctx)->result(under_of(ctx)->ctx, result);
}

wick_rt_status wick_guard_make(wick_guard *guard, const wick_port *under, uint32_t block,
                               uint32_t unit, wick_port *port) {
    if (block < 8 || block > WICK_GUARD_MOST_BLOCK || (block & (block - 1u)) != 0 || unit == 0 ||
        unit > WICK_GUARD_MOST_UNIT || (unit & (unit - 1u)) != 0)
        return WICK_RT_ARGUMENT;
    *guard = (wick_guard){under, block, wick_guard_stride(block, unit), 0};
    *port = (wick_port){.ctx = guard,
                        .nvm_read = guard_read,
                        .nvm_write = guard_write,
                        .nvm_barrier = guard_barrier,
                        .capacitor_mv = under->capacitor_mv ? guard_capacitor_mv : NULL,
                        .time_ms = under->time_ms ? guard_time_ms : NULL,
                        .sleep = under->sleep ? guard_sleep : NULL,
                        .result = guard_result};
    return WICK_RT_OK;
}

wick_rt_status wick_guard_clear(const wick_guard *guard, uint32_t bytes) {
    static const uint8_t zeros[MOST_STRIDE] = {0};
    const wick_port *under = guard->under;
    uint32_t blocks = (bytes + guard->block - 1u) / guard->block;
    for (uint32_t i = 0; i < blocks; i++)
        if (under->nvm_write(under->ctx, i * guard->stride, zeros, guard->stride) != 0)
            return WICK_RT_NVM;
    return under->nvm_barrier(under->ctx) == 0 ? WICK_RT_OK : WICK_RT_NVM;
}
