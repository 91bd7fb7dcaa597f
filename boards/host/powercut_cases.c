/* SPDX-License-Identifier: 0BSD */
#include "powercut_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t commit_of_unit(uint32_t unit) {
    uint32_t low = 0, high = rig.commits - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (rig.units_at[middle] > unit)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint32_t barrier_before(const uint32_t *barriers, uint32_t count, uint32_t unit) {
    uint32_t found = 0;
    for (uint32_t low = 0, high = count; low < high;) {
        uint32_t middle = (low + high) / 2;
        if (barriers[middle] <= unit) {
            found = barriers[middle];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found;
}

static void apply(uint8_t *image, const struct unit_log *units, uint32_t first, uint32_t end) {
    for (uint32_t i = first; i < end; i++)
        memcpy(image + units[i].offset, units[i].after, units[i].bytes);
}

int is_cut(const uint32_t *barriers, uint32_t n_barriers, uint32_t unit, uint32_t count,
           cut_variant variant) {
    if (variant < CUT_BARRIER)
        return unit < count;
    return unit > 0 && barrier_before(barriers, n_barriers, unit) == unit;
}

uint32_t durable_before(const uint32_t *barriers, uint32_t n_barriers, uint32_t unit,
                        cut_variant variant) {
    return barrier_before(barriers, n_barriers, variant < CUT_BARRIER ? unit : unit - 1u);
}

uint32_t advance_to_barrier(uint8_t *image, uint32_t barrier, uint32_t durable) {
    apply(image, rig.nvm.history, barrier, durable);
    return durable;
}

int can_fail(uint32_t unit, cut_variant variant) {
    return is_cut(rig.nvm.barriers, rig.nvm.barrier_count, unit, rig.nvm.history_count, variant);
}

uint32_t durable_units(uint32_t unit, cut_variant variant) {
    return durable_before(rig.nvm.barriers, rig.nvm.barrier_count, unit, variant);
}

uint64_t case_seed(uint64_t number, uint64_t variant) {
    uint64_t state = rig.seed ^ (number * UINT64_C(0x9e3779b97f4a7c15)) ^ (variant << 56) ^
                     (uint64_t)rig.round << 32;
    return mix64(&state);
}

void count_case(tally *t, int same, const char *id) {
    t->cases++;
    if (!same && t->differences++ == 0) {
        if (rig.round)
            snprintf(t->first, sizeof t->first, "%.48s@%u", id, rig.round);
        else
            snprintf(t->first, sizeof t->first, "%s", id);
    }
}

/* The memory after a first failure, and the units that the recovery from it wrote. */
typedef struct first_failure {
    uint32_t unit;
    cut_variant variant;
    uint8_t *image;      /* as it left the memory */
    uint8_t *at_barrier; /* and the recovery's units up to `barrier` */
    uint32_t barrier;
    int recovers;
    int undelivered;    /* nothing was delivered before the failure */
    uint32_t delivered; /* units of the recovery before its first delivery */
    struct unit_log *units;
    uint32_t count, cap;
    uint32_t *barriers, barrier_count, barrier_cap;
} first_failure;

static void swap_records(first_failure *f) {
    first_failure other = *f;
    f->units = rig.nvm.history, f->count = rig.nvm.history_count, f->cap = rig.nvm.history_cap;
    f->barriers = rig.nvm.barriers, f->barrier_count = rig.nvm.barrier_count;
    f->barrier_cap = rig.nvm.barrier_cap;
    rig.nvm.history = other.units, rig.nvm.history_count = other.count;
    rig.nvm.history_cap = other.cap, rig.nvm.barriers = other.barriers;
    rig.nvm.barrier_count = other.barrier_count, rig.nvm.barrier_cap = other.barrier_cap;
}

void get_ready(uint32_t unit, cut_variant variant) {
    rig.deliveries = rig.wrong_deliveries = 0;
    rig.nvm.cut_at = 0;
    rig.undelivered = unit <= rig.delivery_unit;
    rig.voltage_random = case_seed(unit, 64u + (uint64_t)variant);
    rig.durable = commit_of_unit(variant < CUT_BARRIER ? unit : unit - 1u);
}

/* Fails before `unit` and records the recovery. `committed`: the run's units up to `barrier`, which
   are durable. */
static void fail_first(first_failure *f, uint32_t unit, cut_variant variant,
                       const uint8_t *committed, uint32_t barrier) {
    char id[CASE_ID];
    snprintf(id, sizeof id, "p:%u:%d", unit, (int)variant);
    f->unit = unit;
    f->variant = variant;
    memcpy(f->image, committed, rig.nvm.bytes);
    nvm_emulation_fail(&rig.nvm, f->image, rig.nvm.history + barrier,
                       rig.nvm.history_count - barrier, unit - barrier, variant,
                       case_seed(unit, (uint64_t)variant));
    put_image(f->image);
    if (variant == CUT_UNREADABLE)
        nvm_emulation_refuse(&rig.nvm, rig.nvm.history + unit);
    get_ready(unit, variant);
    f->count = f->barrier_count = 0;
    rig.nvm.log_count = 0;
    swap_records(f);
    rig.nvm.record = 1;
    f->recovers = boot_and_recover(id, 0, 0);
    rig.nvm.record = 0;
    swap_records(f);
    f->undelivered = rig.undelivered;
    f->delivered = rig.deliveries ? rig.delivered_unit : UINT32_MAX;
    memcpy(f->at_barrier, f->image, rig.nvm.bytes);
    f->barrier = 0;
}

/* What cannot be read when the recovery fails too: of the first failure what the recovery has not
   written, and of the second. */
static void refuse_both(const first_failure *f, uint32_t unit, cut_variant variant) {
    if (f->variant == CUT_UNREADABLE)
        nvm_emulation_refuse(&rig.nvm, rig.nvm.history + f->unit);
    for (uint32_t i = 0; i < unit && rig.nvm.n_refused; i++)
        nvm_emulation_allow(&rig.nvm, f->units[i].offset, f->units[i].bytes);
    if (variant == CUT_UNREADABLE)
        nvm_emulation_refuse(&rig.nvm, f->units + unit);
}

/* Second units are taken in rising order. */
static int fail_again(first_failure *f, uint32_t unit, cut_variant variant, char *id) {
    snprintf(id, CASE_ID, "p:%u:%d:%u:%d", f->unit, (int)f->variant, unit, (int)variant);
    uint32_t barrier = durable_before(f->barriers, f->barrier_count, unit, variant);
    if (barrier < f->barrier) { /* the barrier before has already been passed */
        memcpy(f->at_barrier, f->image, rig.nvm.bytes);
        f->barrier = 0;
    }
    apply(f->at_barrier, f->units, f->barrier, barrier);
    f->barrier = barrier;
    put_image(f->at_barrier);
    nvm_emulation_fail(&rig.nvm, rig.nvm.image, f->units + barrier, f->count - barrier,
                       unit - barrier, variant,
                       case_seed((uint64_t)f->unit << 24 ^ unit,
                                 (uint64_t)(f->variant * CUT_ALL_VARIANTS + variant + 32)));
    refuse_both(f, unit, variant);
    get_ready(f->unit, f->variant);
    rig.undelivered = f->undelivered && unit <= f->delivered;
    rig.voltage_random ^= unit;
    return f->recovers && boot_and_recover(id, 0, 0);
}

static void every_second(first_failure *f, tally *t) {
    char id[CASE_ID];
    for (uint32_t unit = 0; unit <= f->count; unit++)
        for (int v = CUT_ALL_VARIANTS; v-- > 0;)
            if (is_cut(f->barriers, f->barrier_count, unit, f->count, (cut_variant)v)) {
                int same = fail_again(f, unit, (cut_variant)v, id);
                count_case(t, same, id);
            }
}

static void make_first(first_failure *f) {
    memset(f, 0, sizeof *f);
    f->image = allocate(rig.nvm.bytes);
    f->at_barrier = allocate(rig.nvm.bytes);
}

static void free_first(first_failure *f) {
    free(f->image);
    free(f->at_barrier);
    free(f->units);
    free(f->barriers);
}

static void all_pairs(uint32_t part, uint32_t parts, tally *t) {
    first_failure f;
    uint8_t *committed = allocate(rig.nvm.bytes);
    uint32_t barrier = 0;
    make_first(&f);
    for (uint32_t unit = 0; unit <= rig.nvm.history_count; unit++)
        for (int v = CUT_ALL_VARIANTS; v-- > 0;) {
            if (unit % parts != part || !can_fail(unit, (cut_variant)v))
                continue;
            barrier = advance_to_barrier(committed, barrier, durable_units(unit, (cut_variant)v));
            fail_first(&f, unit, (cut_variant)v, committed, barrier);
            every_second(&f, t);
        }
    free(committed);
    free_first(&f);
}

static cut_variant any_variant(uint32_t unit, uint64_t *random) {
    cut_variant variant = (cut_variant)(mix64(random) % CUT_ALL_VARIANTS);
    return can_fail(unit, variant) ? variant : CUT_REORDER;
}

/* Groups of second failures after one first failure, which has to be recorded but once. */
enum { GROUP = 16 };

static void some_pairs(uint32_t pairs, uint32_t part, uint32_t parts, tally *t) {
    first_failure f;
    char id[CASE_ID];
    uint8_t *committed = allocate(rig.nvm.bytes);
    make_first(&f);
    for (uint32_t group = part; group < (pairs + GROUP - 1u) / GROUP; group += parts) {
        uint64_t random = case_seed(group, 30);
        uint32_t unit = (uint32_t)(mix64(&random) % rig.nvm.history_count);
        cut_variant variant = any_variant(unit, &random);
        memset(committed, 0, rig.nvm.bytes);
        uint32_t barrier = advance_to_barrier(committed, 0, durable_units(unit, variant));
        fail_first(&f, unit, variant, committed, barrier);
        uint32_t wanted = pairs - group * GROUP < GROUP ? pairs - group * GROUP : GROUP;
        for (uint32_t i = 0; i < wanted; i++) {
            /* In rising order: one from each of `wanted` parts of the recovery. */
            uint64_t low = (uint64_t)f.count * i / wanted,
                     high = (uint64_t)f.count * (i + 1u) / wanted;
            uint32_t second = (uint32_t)(low + (high > low ? mix64(&random) % (high - low) : 0));
            cut_variant again = (cut_variant)(mix64(&random) % CUT_ALL_VARIANTS);
            if (!is_cut(f.barriers, f.barrier_count, second, f.count, again))
                again = CUT_REORDER;
            int same = fail_again(&f, second, again, id);
            count_case(t, same, id);
        }
    }
    free(committed);
    free_first(&f);
}

void run_pairs(uint32_t pairs, uint32_t part, uint32_t parts, tally *t) {
    if (pairs == ALL_PAIRS)
        all_pairs(part, parts, t);
    else
        some_pairs(pairs, part, parts, t);
}

int replay_pair(const char *id) {
    uint32_t unit, second;
    int v1, v2, same = 0;
    int fields = sscanf(id, "p:%u:%d:%u:%d", &unit, &v1, &second, &v2);
    if (fields != 4 || v1 < 0 || v1 >= CUT_ALL_VARIANTS || v2 < 0 || v2 >= CUT_ALL_VARIANTS ||
        !can_fail(unit, (cut_variant)v1))
        fail("the replay id is not p:<unit>:<variant>:<unit>:<variant> of this run");
    first_failure f;
    char again[CASE_ID];
    uint8_t *committed = allocate(rig.nvm.bytes);
    make_first(&f);
    fail_first(&f, unit, (cut_variant)v1, committed,
               advance_to_barrier(committed, 0, durable_units(unit, (cut_variant)v1)));
    if (is_cut(f.barriers, f.barrier_count, second, f.count, (cut_variant)v2))
        same = fail_again(&f, second, (cut_variant)v2, again);
    free(committed);
    free_first(&f);
    return same;
}
