/* SPDX-License-Identifier: 0BSD */
/* The proof on the PC: the emitted firmware on emulated memory whose power fails before every
   single write. powercut INPUT MODULE [--exhaustive] [--seeded N] [--seed S] [--part I/N] [--atomic
   B] [--write-unit B] [--ecc B] [--mapped]
              [--voltage unknown|random|high|low] [--rounds N] [--pairs all|N]
              [--plant-war] [--replay ID]
   INPUT holds the quantized input tensor. Prints one JSON object; exit status 0 = no difference, 1
   = some, 4 = failure. An uninterrupted run is recorded first: the memory after each commit and
   every unit written; the same input again (other parity, used memory) must give the same answer.
   Then
   - exhaustive: for every unit, every barrier and every variant of nvm_emulation.h, the memory as
   that failure leaves it, SRAM poisoned, boot, and on until all of the memory equals the recorded
   one at the same commit; nothing that was committed before the failure may be lost, and once a
   module is committed the policy answers differently: it must not be asked again;
   - seeded, every other one with readings that join spans: power really fails (longjmp out of the
   write) at a random unit, half the time once more during recovery, and the run goes on to the end;
   - pairs: of every such failure, the recovery from it fails too, before each of its units and in
   every variant (all), or so many pairs chosen by the seed;
   - both of them `--rounds` times, with other random bits;
   - in mid-run, every single flipped bit of either record copy;
   - a failure before every unit of storing the next input: one of the two is whole, none is mixed.
   A replay id names one of these cases: "e:<unit>:<variant>", "s:<case>", "f:<copy>:<bit>",
   "n:<unit>:<variant>" or "p:<unit>:<variant>:<unit>:<variant>", with "@<round>" behind it. */
#include "model.h"
#include "powercut_cases.h"
#include "powercut_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wick/engine.h>

/* One exhaustive case: the power fails before unit `unit`. */
static int run_exhaustive_case(uint32_t unit, cut_variant variant, const uint8_t *at_barrier,
                               uint32_t barrier, char *id, size_t id_size) {
    snprintf(id, id_size, "e:%u:%d", unit, (int)variant);
    put_image(at_barrier);
    nvm_emulation_fail(&rig.nvm, rig.nvm.image, rig.nvm.history + barrier,
                       rig.nvm.history_count - barrier, unit - barrier, variant,
                       case_seed(unit, (uint64_t)variant));
    if (variant == CUT_UNREADABLE)
        nvm_emulation_refuse(&rig.nvm, rig.nvm.history + unit);
    get_ready(unit, variant);
    /* Right before the delivery it must come after all, so this case goes on to the end. */
    int undelivered = unit == rig.delivery_unit;
    return boot_and_recover(id, undelivered, undelivered);
}

static void run_exhaustive(uint32_t part, uint32_t parts, tally *writes, tally *barriers) {
    uint8_t *durable = allocate(rig.nvm.bytes); /* blank memory to begin with */
    uint32_t barrier = 0;
    for (uint32_t unit = 0; unit <= rig.nvm.history_count; unit++)
        for (int v = CUT_ALL_VARIANTS; v-- > 0;) { /* so that `durable` only grows */
            if (unit % parts != part || !can_fail(unit, (cut_variant)v))
                continue;
            barrier = advance_to_barrier(durable, barrier, durable_units(unit, (cut_variant)v));
            char id[CASE_ID];
            int same = run_exhaustive_case(unit, (cut_variant)v, durable, barrier, id, sizeof id);
            count_case(v < CUT_BARRIER ? writes : barriers, same, id);
        }
    free(durable);
}

/* One seeded case: real power failures, then on to the end. */
static int run_seeded_case(uint32_t number, char *id, size_t id_size) {
    static uint64_t random; /* static: survives the longjmp */
    static int cuts_left;
    static voltage_reading reading;
    snprintf(id, id_size, "s:%u", number);
    reading = rig.voltage;
    random = case_seed(number, 7);
    uint32_t unit = (uint32_t)(mix64(&random) % rig.nvm.history_count);
    uint32_t commit = commit_of_unit(unit);
    uint32_t before = commit ? rig.units_at[commit - 1] : 0;
    if (commit)
        put_image(rig.images[commit - 1]);
    else
        put_blank();
    rig.deliveries = rig.wrong_deliveries = 0;
    rig.nvm.log_count = 0;
    rig.nvm.writes = 0;
    rig.nvm.cut_at = unit - before + 1;
    rig.nvm.variant = (cut_variant)(mix64(&random) % CUT_ALL_VARIANTS);
    rig.nvm.seed = mix64(&random);
    rig.undelivered = 0;
    rig.voltage_random = random;
    rig.durable = commit;
    cuts_left = 1 + (int)(mix64(&random) & 1);
    if (setjmp(rig.nvm.power_off)) {
        rig.nvm.cut_at = 0;
        if (--cuts_left > 0) {
            uint32_t span = rig.nvm.history_count / rig.commits + 1;
            rig.nvm.cut_at = rig.nvm.writes + 1 + mix64(&random) % (2 * span);
            rig.nvm.variant = (cut_variant)(mix64(&random) % CUT_ALL_VARIANTS);
            rig.nvm.seed = mix64(&random);
        }
    }
    if (number & 1u) /* spans are joined, though they were not in the recorded run */
        rig.voltage = VOLTAGE_RANDOM;
    int same = boot_and_recover(id, 1, rig.durable <= rig.delivered_at);
    rig.voltage = reading;
    return same;
}

static void run_seeded(uint32_t cases, uint32_t part, uint32_t parts, tally *t) {
    for (uint32_t number = part; number < cases; number += parts) {
        char id[CASE_ID];
        int same = run_seeded_case(number, id, sizeof id);
        count_case(t, same, id);
    }
}

/* In the middle of the run: a flipped bit of a record copy must be noticed (the run goes on from
   the other copy). */
static int run_flip_case(uint32_t copy, uint32_t bit, char *id, size_t id_size) {
    uint32_t middle = rig.commits / 2;
    snprintf(id, id_size, "f:%u:%u", copy, bit);
    put_image(rig.images[middle]);
    rig.nvm.image[rig.model.record_offset[copy] + bit / 8] ^= (uint8_t)(1u << bit % 8);
    rig.deliveries = rig.wrong_deliveries = 0;
    rig.undelivered = 0;
    rig.durable = middle; /* one commit may be lost */
    return boot_and_recover(id, 0, 0);
}

/* Every single bit of both copies; both copies damaged must be reported, and another model's memory
   must not be resumed. */
static void check_records(tally *flips, int *foreign_resumed, int *damage_missed) {
    uint32_t middle = rig.commits / 2;
    char id[CASE_ID];
    for (uint32_t copy = 0; copy < 2; copy++)
        for (uint32_t bit = 0; bit < rig.model.record_bytes * 8u; bit++) {
            int same = run_flip_case(copy, bit, id, sizeof id);
            count_case(flips, same, id);
        }
    put_image(rig.images[middle]);
    for (int copy = 0; copy < 2; copy++)
        rig.nvm.image[rig.model.record_offset[copy] + rig.model.record_bytes - 1u] ^= 1u;
    *damage_missed = wick_engine_boot(&rig.engine, &rig.model, &rig.port, &rig.policy, rig.scratch,
                                      rig.model.scratch_bytes) != WICK_RT_CORRUPT;
    put_image(rig.images[middle]);
    wick_model other = rig.model;
    other.id[0] ^= 1u;
    *foreign_resumed = wick_engine_boot(&rig.engine, &other, &rig.port, &rig.policy, rig.scratch,
                                        other.scratch_bytes) != WICK_RT_FOREIGN;
    /* Formatted once for good: nothing of the other model is left. */
    *foreign_resumed |= wick_engine_boot(&rig.engine, &other, &rig.port, &rig.policy, rig.scratch,
                                         other.scratch_bytes) != WICK_RT_IDLE;
}

/* On to the end of the current input. 1 = one right answer. */
static int answers_current(void) {
    progress p = COMMITTED;
    rig.deliveries = rig.wrong_deliveries = 0;
    for (uint32_t steps = 0; steps < rig.commits + 8u && p == COMMITTED; steps++)
        p = advance();
    return p == FINISHED && rig.deliveries == 1 && rig.wrong_deliveries == 0;
}

/* The same input once more, as the next one: its place has the other parity, and every byte that
   the first one left is inverted. A tensor that is read before this input wrote it would show. */
static int run_next_input(void) {
    put_image(rig.images[rig.commits - 1]);
    for (uint32_t i = 0; i < rig.nvm.bytes; i++)
        if (!in_record(i))
            rig.nvm.image[i] = (uint8_t)~rig.nvm.image[i];
    rig.durable = rig.commits;
    if (!boot_finds_commits("n:all"))
        return 0;
    rig.epoch = 2;
    int same = answers_current();
    rig.epoch = 1;
    if (!same)
        explain("n:all", "the next input's answer differs", NULL);
    return same;
}

/* Neither input is lost or mixed: the current one is complete, or the next one is, and nothing else
   has changed. */
static int is_one_input(const uint8_t *before, int submitted) {
    const wick_place *place = &rig.model.tensors[rig.model.input_tensor];
    uint32_t epoch = rig.engine.record.epoch;
    if (epoch != 2 && (epoch != 1 || submitted))
        return 0;
    for (uint32_t i = 0; i < rig.nvm.bytes; i++) {
        uint32_t at = i - place->offset; /* the place of even epochs */
        int other =
            at < place->stride ||
            (spoils_gaps() && at - place->stride >= place->bytes); /* not the current input */
        if (!other && !in_record(i) && !counts_boots(i) && rig.nvm.image[i] != before[i])
            return 0;
        if (epoch == 2 && at < place->bytes && (int8_t)rig.nvm.image[i] != ~rig.input[at])
            return 0;
    }
    return 1;
}

/* Power fails before unit `unit` of storing another input (the first one inverted), when the first
   has just been stored; beyond its last unit: not at all. *units: how many there are. Half-way the
   first input is answered too. */
static int run_next_case(uint32_t unit, cut_variant variant, uint32_t *units, char *id,
                         size_t id_size) {
    static int submitted; /* static: survives the longjmp */
    const uint8_t *before = rig.images[1];
    int8_t *other = allocate(rig.input_bytes);
    for (uint32_t i = 0; i < rig.input_bytes; i++)
        other[i] = (int8_t)~rig.input[i];
    snprintf(id, id_size, "n:%u:%d", unit, (int)variant);
    put_image(before);
    rig.durable = 2;
    submitted = 0;
    int boots = boot_finds_commits(id);
    rig.nvm.log_count = 0;
    rig.nvm.writes = 0;
    rig.nvm.cut_at = unit + 1u;
    rig.nvm.variant = variant;
    rig.nvm.seed = case_seed(unit, 16u + (uint64_t)variant);
    if (boots && setjmp(rig.nvm.power_off) == 0)
        submitted = wick_engine_submit(&rig.engine, other, rig.input_bytes, NULL) == WICK_RT_OK;
    *units = (uint32_t)rig.nvm.writes;
    rig.nvm.cut_at = 0;
    free(other);
    if (!boot_finds_commits(id))
        return 0;
    int whole = is_one_input(before, submitted);
    if (!whole)
        explain(id, "an input is lost or mixed with another one", before);
    if (whole && unit == rig.input_bytes / (2 * rig.nvm.unit) && !answers_current()) {
        explain(id, "the next input has changed the current one's answer", NULL);
        return 0;
    }
    return whole;
}

static void check_next_input(tally *t) {
    uint32_t units = 0;
    char id[CASE_ID];
    count_case(t, run_next_input(), "n:all");
    for (uint32_t unit = 0; unit <= units; unit++)
        for (int v = 0; v < CUT_VARIANTS; v++) {
            uint32_t written;
            int same = run_next_case(unit, (cut_variant)v, &written, id, sizeof id);
            count_case(t, same, id);
            units = written;
        }
}

static int run_replay(const char *id) {
    char again[CASE_ID];
    uint32_t number;
    int variant;
    rig.verbose = 1;
    const char *round = strchr(id, '@');
    if (round)
        rig.round = (uint32_t)strtoul(round + 1, NULL, 10);
    if (sscanf(id, "e:%u:%d", &number, &variant) == 2 && variant >= 0 &&
        variant < CUT_ALL_VARIANTS && can_fail(number, (cut_variant)variant)) {
        uint8_t *at_barrier = allocate(rig.nvm.bytes);
        uint32_t barrier =
            advance_to_barrier(at_barrier, 0, durable_units(number, (cut_variant)variant));
        int same = run_exhaustive_case(number, (cut_variant)variant, at_barrier, barrier, again,
                                       sizeof again);
        free(at_barrier);
        return same;
    }
    uint32_t bit, units;
    if (!strncmp(id, "p:", 2))
        return replay_pair(id);
    if (sscanf(id, "s:%u", &number) == 1)
        return run_seeded_case(number, again, sizeof again);
    if (sscanf(id, "f:%u:%u", &number, &bit) == 2 && number < 2 &&
        bit < rig.model.record_bytes * 8u)
        return run_flip_case(number, bit, again, sizeof again);
    if (!strcmp(id, "n:all"))
        return run_next_input();
    if (sscanf(id, "n:%u:%d", &number, &variant) == 2 && variant >= 0 && variant < CUT_VARIANTS)
        return run_next_case(number, (cut_variant)variant, &units, again, sizeof again);
    fail(
        "the replay id is none of e:<unit>:<variant>, s:<case>, f:<copy>:<bit>, n:<unit>:<variant>, "
        "p:<unit>:<variant>:<unit>:<variant>");
    return 0;
}

static void set_up(const powercut_options *a, const char *input) {
    if (rig.nvm.atomic > rig.nvm.unit)
        rig.nvm.unit = rig.nvm.atomic;
    rig.nvm.bytes = rig.model.nvm_bytes;
    rig.nvm.image = allocate(rig.nvm.bytes);
    rig.nvm.refused = allocate(rig.nvm.bytes);
    powercut_set_up(input);
    rig.port = (wick_port){.ctx = &rig.nvm,
                           .nvm_read = nvm_emulation_read,
                           .nvm_write = nvm_emulation_write,
                           .nvm_barrier = nvm_emulation_barrier,
                           .nvm_mapped = a->mapped ? (const int8_t *)rig.nvm.image : NULL,
                           .capacitor_mv = on_voltage,
                           .result = on_result};
    if (a->plant)
        plant_write_after_read();
}

int main(int argc, char **argv) {
    rig.model = wick_model_data;
    rig.nvm.unit = 4;
    rig.nvm.atomic = rig.nvm.write_unit = rig.nvm.ecc = 1;
    rig.seed = 1;
    powercut_options a = powercut_parse(argc, argv);
    set_up(&a, argv[1]);
    rig.voltage_random = rig.seed;
    record_run();
    if (a.replay) {
        int same = run_replay(a.replay);
        printf("{\"replay\": \"%s\", \"differs\": %s}\n", a.replay, same ? "false" : "true");
        return same ? 0 : 1;
    }
    tally all = {0}, barriers = {0}, some = {0}, flips = {0}, next = {0}, pairs = {0};
    int foreign_resumed = 0, damage_missed = 0;
    if (a.part == 0) {
        check_records(&flips, &foreign_resumed, &damage_missed);
        check_next_input(&next);
    }
    for (rig.round = 0; rig.round < a.rounds; rig.round++) {
        if (a.exhaustive)
            run_exhaustive(a.part, a.parts, &all, &barriers);
        if (a.pairs)
            run_pairs(a.pairs, a.part, a.parts, &pairs);
    }
    rig.round = 0;
    if (a.seeded)
        run_seeded(a.seeded, a.part, a.parts, &some);
    printf(
        "{\"module\": %u, \"variants\": %d, \"writes\": %u, \"commits\": %u, \"nvm_bytes\": %u, \"most_writes\": %u, \"logits\": [",
        rig.module, (int)CUT_VARIANTS, rig.nvm.history_count, rig.commits, rig.nvm.bytes,
        rig.most_writes);
    for (uint32_t c = 0; c < rig.model.n_classes; c++)
        printf(c ? ", %d" : "%d", rig.logits[c]);
    printf("]");
    powercut_print("exhaustive", &all);
    powercut_print("barriers", &barriers);
    powercut_print("pairs", &pairs);
    powercut_print("seeded", &some);
    powercut_print("record_flips", &flips);
    powercut_print("next_input", &next);
    printf(", \"worst_commits\": %u, \"foreign_resumed\": %d, \"damage_missed\": %d}\n",
           rig.worst_commits, foreign_resumed, damage_missed);
    return all.differences || barriers.differences || pairs.differences || some.differences ||
                   flips.differences || next.differences || foreign_resumed || damage_missed
               ? 1
               : 0;
}
