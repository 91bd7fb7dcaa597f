/* SPDX-License-Identifier: 0BSD */
#include "nvm_emulation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILL = 0xEE };

uint64_t mix64(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void *grow(void *old, uint32_t *cap, size_t element) {
    *cap = *cap ? *cap * 2 : 1024;
    void *memory = realloc(old, *cap * element);
    if (!memory) {
        fprintf(stderr, "powercut: out of memory\n");
        exit(4);
    }
    return memory;
}

int nvm_emulation_read(void *context, uint32_t offset, void *dst, uint32_t bytes) {
    nvm_emulation *e = context;
    if (offset > e->bytes || bytes > e->bytes - offset)
        return -1;
    if (e->n_refused)
        for (uint32_t i = 0; i < bytes; i++)
            if (e->refused[offset + i])
                return -1;
    memcpy(dst, e->image + offset, bytes);
    return 0;
}

/* The bits of a torn unit: atomic words are old or new as a whole, other bytes mix bit by bit. */
static void tear(uint8_t *image, const struct unit_log *unit, uint32_t atomic, uint64_t *random) {
    for (uint32_t i = 0; i < unit->bytes;) {
        uint32_t word = atomic > 1 ? atomic - (unit->offset + i) % atomic : 1;
        if (word > unit->bytes - i)
            word = unit->bytes - i;
        uint64_t bits = mix64(random);
        for (uint32_t b = 0; b < word; b++) {
            uint8_t mask = atomic > 1 ? (bits & 1 ? 0xFF : 0) : (uint8_t)(bits >> 8);
            image[unit->offset + i + b] =
                (uint8_t)((image[unit->offset + i + b] & ~mask) | (unit->after[i + b] & mask));
        }
        i += word;
    }
}

static int reorders(cut_variant variant) {
    return variant == CUT_REORDER || variant == CUT_BARRIER;
}

/* What a cut spoils of the memory around the unit in flight: [*first, end). */
static uint32_t spoilt_end(const nvm_emulation *e, const struct unit_log *unit, uint32_t *first) {
    uint32_t whole = e->ecc > e->write_unit ? e->ecc : e->write_unit;
    uint32_t last = unit->offset + unit->bytes;
    last += (whole - last % whole) % whole;
    *first = unit->offset - unit->offset % whole;
    return last < e->bytes ? last : e->bytes;
}

void nvm_emulation_refuse(nvm_emulation *e, const struct unit_log *unit) {
    if (e->atomic > 1)
        return;
    uint32_t first, end = spoilt_end(e, unit, &first);
    for (uint32_t at = first; at < end; at++) {
        e->n_refused += !e->refused[at];
        e->refused[at] = 1;
    }
}

void nvm_emulation_allow(nvm_emulation *e, uint32_t offset, uint32_t bytes) {
    for (uint32_t at = offset; e->n_refused && at < offset + bytes; at++) {
        e->n_refused -= e->refused[at];
        e->refused[at] = 0;
    }
}

/* The write unit in flight, as far as it lies in the memory: anything, or half erased. */
static void spoil(const nvm_emulation *e, uint8_t *image, const struct unit_log *unit,
                  cut_variant variant, uint64_t *random) {
    uint32_t first, end = spoilt_end(e, unit, &first);
    int programming = variant == CUT_ERASED && (mix64(random) & 1);
    for (uint32_t at = first; at < end; at++) {
        uint8_t bits = (uint8_t)mix64(random);
        if (variant == CUT_GARBAGE || variant == CUT_UNREADABLE) {
            image[at] = bits;
            continue;
        }
        int in_unit = at >= unit->offset && at < unit->offset + unit->bytes;
        if (programming)
            image[at] = (uint8_t)(bits | (in_unit ? unit->after[at - unit->offset] : image[at]));
        else
            image[at] = (uint8_t)(bits | image[at]);
    }
}

/* What the unit in flight and, in a weak failure, those just before it hold. `units` are those
   since the last barrier, all of them in `image`, `count` in number. */
static void fail_in_flight(const nvm_emulation *e, uint8_t *image, const struct unit_log *units,
                           uint32_t count, const struct unit_log *unit, cut_variant variant,
                           uint64_t *random) {
    if (variant == CUT_WEAK || variant == CUT_BARRIER_WEAK) {
        uint32_t weak = 1u + (uint32_t)(mix64(random) & 3);
        uint32_t first = weak < count ? count - weak : 0;
        for (uint32_t i = count; i-- > first;)
            memcpy(image + units[i].offset, units[i].before, units[i].bytes);
        for (uint32_t i = first; i < count; i++)
            tear(image, &units[i], e->atomic, random);
    }
    if (variant == CUT_CLEAN || !unit)
        return;
    if (e->atomic == 1 &&
        (variant == CUT_GARBAGE || variant == CUT_ERASED || variant == CUT_UNREADABLE))
        spoil(e, image, unit, variant, random);
    else
        tear(image, unit, e->atomic, random);
}

void nvm_emulation_fail(const nvm_emulation *emulation, uint8_t *image,
                        const struct unit_log *units, uint32_t count, uint32_t k,
                        cut_variant variant, uint64_t seed) {
    uint64_t random = seed;
    for (uint32_t i = 0; i < k; i++) {
        int lost = reorders(variant) && (mix64(&random) & 3) == 0;
        if (!lost)
            memcpy(image + units[i].offset, units[i].after, units[i].bytes);
    }
    int in_flight = variant < CUT_BARRIER && k < count;
    fail_in_flight(emulation, image, units, k, in_flight ? &units[k] : NULL, variant, &random);
}

static void power_fails(nvm_emulation *e, const struct unit_log *unit) {
    uint64_t random = e->seed;
    if (reorders(e->variant))
        for (uint32_t i = e->log_count; i-- > 0;)
            if ((mix64(&random) & 3) == 0)
                memcpy(e->image + e->log[i].offset, e->log[i].before, e->log[i].bytes);
    fail_in_flight(e, e->image, e->log, e->log_count, unit, e->variant, &random);
    e->log_count = 0;
    if (e->variant == CUT_UNREADABLE)
        nvm_emulation_refuse(e, unit);
    longjmp(e->power_off, 1);
}

/* One unit arrives, or the power fails. */
static void put_unit(nvm_emulation *e, struct unit_log *unit) {
    memcpy(unit->before, e->image + unit->offset, unit->bytes);
    if (++e->writes == e->cut_at && e->variant < CUT_BARRIER)
        power_fails(e, unit);
    memcpy(e->image + unit->offset, unit->after, unit->bytes);
    nvm_emulation_allow(e, unit->offset, unit->bytes);
    if (e->log_count == e->log_cap)
        e->log = grow(e->log, &e->log_cap, sizeof *e->log);
    e->log[e->log_count++] = *unit;
    if (e->record) {
        if (e->history_count == e->history_cap)
            e->history = grow(e->history, &e->history_cap, sizeof *e->history);
        e->history[e->history_count++] = *unit;
    }
}

int nvm_emulation_write(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    nvm_emulation *e = context;
    const uint8_t *from = src;
    if (offset > e->bytes || bytes > e->bytes - offset || offset % e->write_unit != 0)
        return -1;
    uint32_t whole = bytes + (e->write_unit - bytes % e->write_unit) % e->write_unit;
    if (whole > e->bytes - offset)
        return -1;
    for (uint32_t done = 0; e->wear && done < whole; done += e->write_unit)
        e->wear[(offset + done) / e->write_unit]++;
    for (uint32_t done = 0; done < whole;) {
        struct unit_log unit = {offset + done, e->unit - (offset + done) % e->unit, {0}, {0}};
        if (unit.bytes > whole - done)
            unit.bytes = whole - done;
        for (uint32_t i = 0; i < unit.bytes; i++)
            unit.after[i] = done + i < bytes ? from[done + i] : FILL;
        put_unit(e, &unit);
        done += unit.bytes;
    }
    return 0;
}

int nvm_emulation_barrier(void *context) {
    nvm_emulation *e = context;
    if (e->cut_at && e->variant >= CUT_BARRIER && e->writes + 1 >= e->cut_at && e->log_count)
        power_fails(e, NULL);
    e->log_count = 0;
    if (e->record) {
        if (e->barrier_count == e->barrier_cap)
            e->barriers = grow(e->barriers, &e->barrier_cap, sizeof *e->barriers);
        e->barriers[e->barrier_count++] = e->history_count;
    }
    return 0;
}
