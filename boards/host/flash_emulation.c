/* SPDX-License-Identifier: 0BSD */
#include "flash_emulation.h"

#include <stdlib.h>
#include <string.h>

static uint64_t draw(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int flash_make(flash_emulation *f, uint32_t bytes, uint32_t page, uint32_t unit, uint64_t seed) {
    memset(f, 0, sizeof *f);
    f->bytes = bytes;
    f->page = page;
    f->unit = unit;
    f->image = malloc(bytes);
    f->state = calloc(bytes / unit, 1);
    f->erasures = calloc(bytes / page, sizeof *f->erasures);
    if (!f->image || !f->state || !f->erasures)
        return -1;
    for (uint32_t i = 0; i < bytes; i++)
        f->image[i] = (uint8_t)draw(&seed);
    return 0;
}

void flash_free(flash_emulation *f) {
    free(f->image);
    free(f->state);
    free(f->erasures);
    free(f->history);
    free(f->barriers);
    memset(f, 0, sizeof *f);
}

void flash_start(flash_emulation *f) {
    f->count = f->barrier_count = f->since = 0;
}

int flash_apply(const flash_emulation *f, uint8_t *image, uint8_t *state, const flash_op *op) {
    uint32_t first = op->offset / f->unit;
    if (op->erase) {
        memset(image + op->offset, 0xFF, f->page);
        memset(state + first, FLASH_IS_ERASED, f->page / f->unit);
        return 0;
    }
    int was_erased = state[first] == FLASH_IS_ERASED;
    /* Programmed twice, its error-correcting code is that of neither. */
    for (uint32_t i = 0; i < f->unit; i++)
        image[op->offset + i] =
            was_erased ? op->data[i] : (uint8_t)(image[op->offset + i] & op->data[i] & 0xA5);
    state[first] = 0;
    return was_erased ? 0 : -1;
}

/* One unit, on its way between what it is and `to`. */
static void spoil(const flash_emulation *f, uint8_t *image, uint8_t *state, uint32_t offset,
                  const uint8_t *to, flash_variant variant, uint64_t *random) {
    state[offset / f->unit] = 0;
    if (variant == FLASH_UNREADABLE && (draw(random) & 3) != 0)
        state[offset / f->unit] = FLASH_IS_REFUSED;
    /* Anything, be it what another unit holds. */
    uint32_t other = (uint32_t)(draw(random) % (f->bytes / f->unit)) * f->unit;
    if (variant == FLASH_GARBAGE && (draw(random) & 1)) {
        memmove(image + offset, image + other, f->unit);
        return;
    }
    for (uint32_t i = 0; i < f->unit; i++) {
        uint8_t bits = (uint8_t)draw(random), *at = image + offset + i;
        if (variant == FLASH_GARBAGE || variant == FLASH_UNREADABLE)
            *at = bits;
        else if (variant == FLASH_BLANK)
            *at = 0xFF;
        else
            *at = (uint8_t)((*at & bits) | (to[i] & ~bits));
    }
}

/* Half erased: each unit old, erased or in between, and none of them to be trusted. */
static void spoil_page(const flash_emulation *f, uint8_t *image, uint8_t *state, uint32_t offset,
                       flash_variant variant, uint64_t *random) {
    uint8_t erased[FLASH_MOST_UNIT];
    memset(erased, 0xFF, sizeof erased);
    for (uint32_t at = offset; at < offset + f->page; at += f->unit) {
        uint64_t how = draw(random) & 3;
        if (variant != FLASH_BLANK && how == 0)
            state[at / f->unit] &= (uint8_t)~FLASH_IS_ERASED; /* as it was */
        else
            spoil(f, image, state, at, erased, how == 1 ? FLASH_BLANK : variant, random);
    }
}

void flash_fail(const flash_emulation *f, uint8_t *image, uint8_t *state, const flash_op *ops,
                uint32_t since, uint32_t at, flash_variant variant, uint64_t seed) {
    uint64_t random = seed;
    uint32_t first = at;
    if (variant == FLASH_LOST)
        first = since;
    if (variant == FLASH_WEAK)
        first = at - since < 4 ? since : at - 1u - (uint32_t)(draw(&random) & 3);
    for (uint32_t i = first; i < at; i++) {
        uint8_t *unit = image + ops[i].offset;
        if (variant == FLASH_LOST && (draw(&random) & 1))
            continue;
        memset(unit, 0xFF, f->unit);
        if (variant == FLASH_WEAK)
            spoil(f, image, state, ops[i].offset, ops[i].data, FLASH_TORN, &random);
    }
    if (variant == FLASH_CLEAN)
        return;
    if (ops[at].erase)
        spoil_page(f, image, state, ops[at].offset, variant, &random);
    else
        spoil(f, image, state, ops[at].offset, ops[at].data, variant, &random);
}

static int grow(void **list, uint32_t count, uint32_t *cap, size_t element) {
    if (count < *cap)
        return 0;
    uint32_t larger = *cap ? *cap * 2 : 1024;
    void *memory = realloc(*list, larger * element);
    if (!memory)
        return -1;
    *list = memory;
    *cap = larger;
    return 0;
}

static int operate(flash_emulation *f, const flash_op *op) {
    void *list = f->history;
    if (grow(&list, f->count, &f->cap, sizeof *f->history) != 0)
        return -1;
    f->history = list;
    f->history[f->count] = *op;
    if (++f->ops == f->cut_at) {
        flash_fail(f, f->image, f->state, f->history, f->since, f->count, f->variant, f->seed);
        flash_start(f);
        longjmp(f->power_off, 1);
    }
    f->count++;
    if (flash_apply(f, f->image, f->state, op) != 0)
        f->violations++;
    if (op->erase) {
        f->since = f->count;
        f->erasures[op->offset / f->page]++;
    }
    return 0;
}

int flash_emulation_read(void *context, uint32_t offset, void *dst, uint32_t bytes) {
    const flash_emulation *f = context;
    if (offset > f->bytes || bytes > f->bytes - offset)
        return -1;
    for (uint32_t u = offset / f->unit; bytes && u <= (offset + bytes - 1) / f->unit; u++)
        if (f->state[u] & FLASH_IS_REFUSED)
            return -1;
    memcpy(dst, f->image + offset, bytes);
    return 0;
}

int flash_emulation_program(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    flash_emulation *f = context;
    if (offset > f->bytes || bytes > f->bytes - offset)
        return -1;
    if (offset % f->unit || bytes % f->unit) {
        f->violations++;
        return -1;
    }
    for (uint32_t done = 0; done < bytes; done += f->unit) {
        flash_op op = {.offset = offset + done};
        memcpy(op.data, (const uint8_t *)src + done, f->unit);
        if (operate(f, &op) != 0)
            return -1;
    }
    return 0;
}

int flash_emulation_erase(void *context, uint32_t offset) {
    flash_emulation *f = context;
    if (offset >= f->bytes || offset % f->page)
        return -1;
    flash_op op = {.offset = offset, .erase = 1};
    return operate(f, &op);
}

int flash_emulation_barrier(void *context) {
    flash_emulation *f = context;
    void *list = f->barriers;
    if (grow(&list, f->barrier_count, &f->barrier_cap, sizeof *f->barriers) != 0)
        return -1;
    f->barriers = list;
    f->barriers[f->barrier_count++] = f->count;
    f->since = f->count;
    return 0;
}
