/* SPDX-License-Identifier: 0BSD */
/* The proof on the PC where the memory is flash: the emitted firmware on its log (wick/flash.h), on
   emulated flash whose power fails in every single operation, programs of units and erasures of
   pages, in every variant of flash_emulation.h. Usage, cases and report are powercut.c's, but that
   - exhaustive cases lie in operations instead of before writes, and none before barriers;
   - the memory that is compared is the one that the engine sees through the log;
   - the flash has been in use, and its pages take turns;
   - flips are those of both records' entries in the log, headers included;
   - to program a unit that was not erased since is a difference, wherever it happens.
   Replay ids: "e:<operation>:<variant>", "s:<case>", "f:<copy>:<bit>", "n:<operation>:<variant>",
   "p:<operation>:<variant>:<operation of the recovery>:<variant>". */
#include "flash_emulation.h"
#include "flash_use.h"
#include "model.h"
#include "powercut_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wick/flash.h>

static flash_emulation chip;
static wick_flash flash;
static const wick_flash_shape shape = MODEL_FLASH_SHAPE;
static uint16_t where[MODEL_FLASH_BLOCKS];
static wick_flash_page pages[MODEL_FLASH_PAGES];
static wick_port bare;
static uint8_t *used, *used_state; /* the chip to begin with */
static flash_op *recorded;         /* the uninterrupted run */
static uint32_t n_recorded;        /* operations */
static uint32_t *barriers, n_barriers;
static uint64_t violations; /* of all cases */

typedef struct chip_state {
    uint8_t *image, *state;
    uint32_t ops, since; /* operations that are done; those before the last barrier or erasure */
} chip_state;

static chip_state new_state(void) {
    chip_state s = {allocate(chip.bytes), allocate(chip.bytes / chip.unit), 0, 0};
    memcpy(s.image, used, chip.bytes);
    memcpy(s.state, used_state, chip.bytes / chip.unit);
    return s;
}

static void free_state(chip_state *s) {
    free(s->image);
    free(s->state);
}

/* On to the state before operation `op` of the recorded run. */
static void go_to(chip_state *s, uint32_t op) {
    while (s->ops < op) {
        flash_apply(&chip, s->image, s->state, &recorded[s->ops]);
        if (recorded[s->ops++].erase)
            s->since = s->ops;
    }
    uint32_t barrier = barrier_before(barriers, n_barriers, op);
    s->since = barrier > s->since ? barrier : s->since;
}

/* The chip as it is in that state, or as the power failing in its next operation leaves it. */
static void put_state(const chip_state *s) {
    memcpy(chip.image, s->image, chip.bytes);
    memcpy(chip.state, s->state, chip.bytes / chip.unit);
    chip.cut_at = 0;
    flash_start(&chip);
}

static void put_failure(const chip_state *s, flash_variant variant, uint64_t seed) {
    put_state(s);
    flash_fail(&chip, chip.image, chip.state, recorded, s->since, s->ops, variant, seed);
}

/* ---- the rig's memory ---- */

static int program(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    int status = flash_emulation_program(context, offset, src, bytes);
    rig.nvm.history_count = chip.count;
    return status;
}

static int erase(void *context, uint32_t offset) {
    int status = flash_emulation_erase(context, offset);
    rig.nvm.history_count = chip.count;
    return status;
}

static void mount(void) {
    memset(&flash, 0xA5, sizeof flash);
    memset(where, 0xA5, sizeof where);
    memset(pages, 0xA5, sizeof pages);
    if (wick_flash_make(&flash, &bare, erase, &shape, where, pages, &rig.port) != WICK_RT_OK)
        fail("the log refuses its shape");
}

static void look(void) {
    for (uint32_t at = 0; at < rig.nvm.bytes; at += shape.block_bytes)
        if (rig.port.nvm_read(rig.port.ctx, at, rig.nvm.image + at, shape.block_bytes) != 0)
            memset(rig.nvm.image + at, 0xEE, shape.block_bytes);
}

/* Counts the case; units that were programmed twice in it are a difference, too. */
static int fair(int same, const char *id) {
    if (chip.violations && rig.verbose)
        fprintf(stderr, "%s: %u units were programmed without being erased\n", id, chip.violations);
    violations += chip.violations;
    same = same && chip.violations == 0;
    chip.violations = 0;
    return same;
}

/* ---- cases ---- */

static int run_exhaustive_case(const chip_state *s, flash_variant variant, char *id) {
    snprintf(id, CASE_ID, "e:%u:%d", s->ops, (int)variant);
    put_failure(s, variant, case_seed(s->ops, (uint64_t)variant));
    get_ready(s->ops, CUT_CLEAN);
    int undelivered = s->ops == rig.delivery_unit;
    return fair(boot_and_recover(id, undelivered, undelivered), id);
}

static void run_exhaustive(uint32_t part, uint32_t parts, tally *t) {
    chip_state s = new_state();
    char id[CASE_ID];
    for (uint32_t op = part; op < n_recorded; op += parts) {
        go_to(&s, op);
        for (int v = 0; v < FLASH_VARIANTS; v++) {
            int same = run_exhaustive_case(&s, (flash_variant)v, id);
            count_case(t, same, id);
        }
    }
    free_state(&s);
}

/* The power fails in operation s->ops, and again in operation number `second` of the recovery. */
static int run_pair_case(const chip_state *s, int v1, uint32_t second, int v2, char *id) {
    snprintf(id, CASE_ID, "p:%u:%d:%u:%d", s->ops, v1, second, v2);
    put_failure(s, (flash_variant)v1, case_seed(s->ops, (uint64_t)v1));
    get_ready(s->ops, CUT_CLEAN);
    chip.cut_at = chip.ops + second + 1;
    chip.variant = (flash_variant)v2;
    chip.seed = case_seed((uint64_t)s->ops << 24 ^ second, (uint64_t)(v1 * 16 + v2));
    if (setjmp(chip.power_off) == 0)
        (void)boot_and_recover(id, 1, 0);
    chip.cut_at = 0;
    return fair(boot_and_recover(id, 1, rig.durable <= rig.delivered_at), id);
}

/* Operations of the recovery from a failure in s->ops, up to where the memory is as recorded. */
static uint32_t recovery(const chip_state *s, int variant) {
    char id[CASE_ID];
    uint64_t before = chip.ops;
    snprintf(id, sizeof id, "e:%u:%d", s->ops, variant);
    put_failure(s, (flash_variant)variant, case_seed(s->ops, (uint64_t)variant));
    get_ready(s->ops, CUT_CLEAN);
    (void)boot_and_recover(id, 0, 0);
    return (uint32_t)(chip.ops - before);
}

static void all_pairs(uint32_t part, uint32_t parts, tally *t) {
    chip_state s = new_state();
    char id[CASE_ID];
    for (uint32_t op = part; op < n_recorded; op += parts) {
        go_to(&s, op);
        for (int v1 = 0; v1 < FLASH_VARIANTS; v1++) {
            uint32_t units = recovery(&s, v1);
            for (uint32_t second = 0; second <= units; second++)
                for (int v2 = 0; v2 < FLASH_VARIANTS; v2++) {
                    int same = run_pair_case(&s, v1, second, v2, id);
                    count_case(t, same, id);
                }
        }
    }
    free_state(&s);
}

static void some_pairs(uint32_t pairs, uint32_t part, uint32_t parts, tally *t) {
    char id[CASE_ID];
    for (uint32_t number = part; number < pairs; number += parts) {
        chip_state s = new_state();
        uint64_t random = case_seed(number, 30);
        go_to(&s, (uint32_t)(mix64(&random) % n_recorded));
        int v1 = (int)(mix64(&random) % FLASH_VARIANTS),
            v2 = (int)(mix64(&random) % FLASH_VARIANTS);
        uint32_t second = (uint32_t)(mix64(&random) % (recovery(&s, v1) + 1u));
        int same = run_pair_case(&s, v1, second, v2, id);
        count_case(t, same, id);
        free_state(&s);
    }
}

/* Failures one after the other, up to three, wherever they fall, or in every 16th case so many that
   the pages turn around; every other case with readings that join spans. */
static int run_seeded_case(uint32_t number, char *id) {
    static int cuts_left; /* static: survives the longjmp */
    static uint64_t random;
    static voltage_reading reading;
    chip_state s = new_state();
    snprintf(id, CASE_ID, "s:%u", number);
    random = case_seed(number, 7);
    reading = rig.voltage;
    go_to(&s, (uint32_t)(mix64(&random) % n_recorded));
    put_failure(&s, (flash_variant)(mix64(&random) % FLASH_VARIANTS), mix64(&random));
    get_ready(s.ops, CUT_CLEAN);
    free_state(&s);
    rig.voltage_random = random;
    cuts_left = number % 16 ? (int)(mix64(&random) % 3) : (int)(2 * shape.pages);
    rig.often = 1;
    (void)setjmp(chip.power_off);
    chip.cut_at = 0;
    if (cuts_left-- > 0) {
        chip.cut_at = chip.ops + 1 + mix64(&random) % (n_recorded / rig.commits * 2 + 1);
        chip.variant = (flash_variant)(mix64(&random) % FLASH_VARIANTS);
        chip.seed = mix64(&random);
    }
    if (number & 1u)
        rig.voltage = VOLTAGE_RANDOM;
    int same = boot_and_recover(id, 1, rig.durable <= rig.delivered_at);
    rig.voltage = reading;
    rig.often = 0;
    return fair(same, id);
}

static uint32_t middle_op(void) {
    return rig.units_at[rig.commits / 2];
}

/* A flipped bit of a record's entry: of its data it is noticed, and the other copy counts; of its
   header it ends the page's log there, and the engine goes on from an earlier commit. */
static int run_flip_case(const chip_state *s, uint32_t copy, uint32_t bit, char *id) {
    snprintf(id, CASE_ID, "f:%u:%u", copy, bit);
    put_state(s);
    mount();
    uint32_t at = where[rig.model.record_offset[copy] / shape.block_bytes] * shape.unit_bytes;
    chip.image[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
    rig.deliveries = rig.wrong_deliveries = 0;
    rig.undelivered = 0;
    int header = bit < 8u * WICK_FLASH_ENTRY_BYTES;
    rig.durable = header ? 0 : rig.commits / 2;
    return fair(boot_and_recover(id, header, 0), id);
}

static wick_rt_status boot_with(const wick_model *model) {
    mount();
    return wick_engine_boot(&rig.engine, model, &rig.port, &rig.policy, rig.scratch,
                            model->scratch_bytes);
}

static void check_records(tally *flips, int *foreign_resumed, int *damage_missed) {
    chip_state s = new_state();
    char id[CASE_ID];
    go_to(&s, middle_op());
    for (uint32_t copy = 0; copy < 2; copy++)
        for (uint32_t bit = 0; bit < (WICK_FLASH_ENTRY_BYTES + rig.model.record_bytes) * 8u;
             bit++) {
            int same = run_flip_case(&s, copy, bit, id);
            count_case(flips, same, id);
        }
    put_state(&s);
    mount();
    for (int copy = 0; copy < 2; copy++)
        chip.image[where[rig.model.record_offset[copy] / shape.block_bytes] * shape.unit_bytes +
                   WICK_FLASH_ENTRY_BYTES + rig.model.record_bytes - 1u] ^= 1u;
    *damage_missed = boot_with(&rig.model) != WICK_RT_CORRUPT;
    put_state(&s);
    wick_model other = rig.model;
    other.id[0] ^= 1u;
    *foreign_resumed = boot_with(&other) != WICK_RT_FOREIGN;
    *foreign_resumed |= boot_with(&other) != WICK_RT_IDLE;
    free_state(&s);
}

/* Neither input is lost or mixed: the current one is complete, or the next one (the first inverted)
   is, and nothing else has changed. */
static int is_one_input(const uint8_t *before, int submitted) {
    const wick_place *place = &rig.model.tensors[rig.model.input_tensor];
    uint32_t epoch = rig.engine.record.epoch;
    if (epoch != 2 && (epoch != 1 || submitted))
        return 0;
    look();
    for (uint32_t i = 0; i < rig.nvm.bytes; i++) {
        uint32_t at = i - place->offset; /* the place of even epochs */
        if (at >= place->stride && !in_record(i) && !counts_boots(i) &&
            rig.nvm.image[i] != before[i])
            return 0;
        if (epoch == 2 && at < place->bytes && (int8_t)rig.nvm.image[i] != ~rig.input[at])
            return 0;
    }
    return 1;
}

/* The power fails in operation `op` of storing the next input, or, beyond the last, not at all. */
static int run_next_case(const chip_state *s, uint32_t op, int variant, uint32_t *ops, char *id) {
    static int submitted; /* static: survives the longjmp */
    int8_t *other = allocate(rig.input_bytes);
    for (uint32_t i = 0; i < rig.input_bytes; i++)
        other[i] = (int8_t)~rig.input[i];
    snprintf(id, CASE_ID, "n:%u:%d", op, variant);
    put_state(s);
    rig.durable = 2;
    submitted = 0;
    int boots = boot_finds_commits(id);
    uint64_t before = chip.ops;
    chip.cut_at = chip.ops + op + 1;
    chip.variant = (flash_variant)variant;
    chip.seed = case_seed(op, 16u + (uint64_t)variant);
    if (boots && setjmp(chip.power_off) == 0)
        submitted = wick_engine_submit(&rig.engine, other, rig.input_bytes, NULL) == WICK_RT_OK;
    *ops = (uint32_t)(chip.ops - before);
    chip.cut_at = 0;
    free(other);
    return fair(boot_finds_commits(id) && is_one_input(rig.images[1], submitted), id);
}

/* The same input once more, on the used flash. */
static int run_next_input(const chip_state *s) {
    progress p = COMMITTED;
    put_state(s);
    rig.durable = rig.commits;
    if (!boot_finds_commits("n:all"))
        return 0;
    rig.epoch = 2;
    rig.deliveries = rig.wrong_deliveries = 0;
    for (uint32_t steps = 0; steps < rig.commits + 8u && p == COMMITTED; steps++)
        p = advance();
    rig.epoch = 1;
    return fair(p == FINISHED && rig.deliveries == 1 && rig.wrong_deliveries == 0, "n:all");
}

static void check_next_input(tally *t) {
    chip_state s = new_state();
    uint32_t ops = 0;
    char id[CASE_ID];
    go_to(&s, rig.units_at[1]);
    for (uint32_t op = 0; op <= ops; op++)
        for (int v = 0; v < FLASH_VARIANTS; v++) {
            uint32_t written;
            int same = run_next_case(&s, op, v, &written, id);
            count_case(t, same, id);
            ops = written;
        }
    go_to(&s, n_recorded);
    int same = run_next_input(&s);
    count_case(t, same, "n:all");
    free_state(&s);
}

static int run_replay(const char *text) {
    char id[CASE_ID];
    uint32_t op, second;
    int v1, v2, same = -1;
    chip_state s = new_state();
    rig.verbose = 1;
    const char *round = strchr(text, '@');
    if (round)
        rig.round = (uint32_t)strtoul(round + 1, NULL, 10);
    if (sscanf(text, "p:%u:%d:%u:%d", &op, &v1, &second, &v2) == 4 && op < n_recorded) {
        go_to(&s, op);
        same = run_pair_case(&s, v1 % FLASH_VARIANTS, second, v2 % FLASH_VARIANTS, id);
    } else if (sscanf(text, "e:%u:%d", &op, &v1) == 2 && op < n_recorded) {
        go_to(&s, op);
        same = run_exhaustive_case(&s, (flash_variant)(v1 % FLASH_VARIANTS), id);
    } else if (sscanf(text, "s:%u", &op) == 1) {
        same = run_seeded_case(op, id);
    } else if (sscanf(text, "f:%u:%u", &op, &second) == 2 && op < 2) {
        go_to(&s, middle_op());
        same = run_flip_case(&s, op, second, id);
    } else if (sscanf(text, "n:%u:%d", &op, &v1) == 2) {
        go_to(&s, rig.units_at[1]);
        same = run_next_case(&s, op, v1 % FLASH_VARIANTS, &second, id);
    } else if (!strcmp(text, "n:all")) {
        go_to(&s, n_recorded);
        same = run_next_input(&s);
    } else {
        fail("the replay id is none of those at the head of powercut_flash.c");
    }
    free_state(&s);
    return same;
}

/* ---- the run ---- */

/* As boots of another life leave it. */
static void use_pages(void) {
    const char *wrong = flash_use(&chip, &shape, where, pages, rig.model.record_offset, rig.seed);
    if (wrong)
        fail(wrong);
    used = allocate(chip.bytes);
    used_state = allocate(chip.bytes / chip.unit);
    memcpy(used, chip.image, chip.bytes);
    memcpy(used_state, chip.state, chip.bytes / chip.unit);
    flash_start(&chip);
    rig.nvm.history_count = 0;
}

static void set_up(const powercut_options *a, const char *input) {
    if (flash_make(&chip, MODEL_MEMORY_BYTES, shape.page_bytes, shape.unit_bytes, rig.seed) != 0)
        fail("out of memory");
    rig.nvm.bytes = rig.model.nvm_bytes;
    rig.nvm.write_unit = shape.block_bytes;
    rig.nvm.image = allocate(rig.nvm.bytes);
    rig.nvm.refused = allocate(rig.nvm.bytes);
    rig.mount = mount;
    rig.look = look;
    bare = (wick_port){.ctx = &chip,
                       .nvm_read = flash_emulation_read,
                       .nvm_write = program,
                       .nvm_barrier = flash_emulation_barrier,
                       .capacitor_mv = on_voltage,
                       .result = on_result};
    powercut_set_up(input);
    use_pages();
    if (a->plant)
        plant_write_after_read();
}

/* Keeps the history of the run, and counts the pages that it opened behind the format. */
static void record(void) {
    uint32_t opened = 0;
    record_run();
    n_recorded = chip.count;
    recorded = chip.history;
    barriers = chip.barriers;
    n_barriers = chip.barrier_count;
    for (uint32_t op = rig.units_at[0]; op < n_recorded; op++)
        opened += (uint32_t)recorded[op].erase;
    rig.most_writes = opened;
    chip.history = NULL;
    chip.barriers = NULL;
    chip.cap = chip.barrier_cap = 0;
    flash_start(&chip);
    if (chip.violations)
        fail("the uninterrupted run programs units that are not erased");
}

static int report(const tally *all, const tally *pairs, const tally *some, const tally *flips,
                  const tally *next, int foreign_resumed, int damage_missed) {
    const tally none = {0};
    printf("{\"module\": %u, \"variants\": %d, \"writes\": %u, \"commits\": %u, \"nvm_bytes\": %u, "
           "\"most_writes\": %u, \"logits\": [",
           rig.module, (int)FLASH_VARIANTS, n_recorded, rig.commits, chip.bytes, rig.most_writes);
    for (uint32_t c = 0; c < rig.model.n_classes; c++)
        printf(c ? ", %d" : "%d", rig.logits[c]);
    printf("]");
    powercut_print("exhaustive", all);
    powercut_print("barriers", &none);
    powercut_print("pairs", pairs);
    powercut_print("seeded", some);
    powercut_print("record_flips", flips);
    powercut_print("next_input", next);
    printf(", \"worst_commits\": %u, \"foreign_resumed\": %d, \"damage_missed\": %d, "
           "\"programmed_twice\": %llu}\n",
           rig.worst_commits, foreign_resumed, damage_missed, (unsigned long long)violations);
    return all->differences || pairs->differences || some->differences || flips->differences ||
           next->differences || foreign_resumed || damage_missed;
}

int main(int argc, char **argv) {
    rig.model = wick_model_data;
    rig.nvm.unit = 4;
    rig.nvm.atomic = rig.nvm.write_unit = rig.nvm.ecc = 1;
    rig.seed = 1;
    powercut_options a = powercut_parse(argc, argv);
    set_up(&a, argv[1]);
    rig.voltage_random = rig.seed;
    record();
    if (a.replay) {
        int same = run_replay(a.replay);
        printf("{\"replay\": \"%s\", \"differs\": %s}\n", a.replay, same ? "false" : "true");
        return same ? 0 : 1;
    }
    tally all = {0}, some = {0}, flips = {0}, next = {0}, pairs = {0};
    int foreign_resumed = 0, damage_missed = 0;
    if (a.part == 0) {
        check_records(&flips, &foreign_resumed, &damage_missed);
        check_next_input(&next);
    }
    for (rig.round = 0; rig.round < a.rounds; rig.round++) {
        char id[CASE_ID];
        if (a.exhaustive)
            run_exhaustive(a.part, a.parts, &all);
        if (a.pairs == ALL_PAIRS)
            all_pairs(a.part, a.parts, &pairs);
        else
            some_pairs(a.pairs, a.part, a.parts, &pairs);
        for (uint32_t n = a.part; rig.round == 0 && n < a.seeded; n += a.parts) {
            int same = run_seeded_case(n, id);
            count_case(&some, same, id);
        }
    }
    return report(&all, &pairs, &some, &flips, &next, foreign_resumed, damage_missed);
}
