/* SPDX-License-Identifier: 0BSD */
/* The proof on the PC: the emitted firmware on emulated memory whose power fails before every
   single write. powercut INPUT MODULE [--exhaustive] [--seeded N] [--seed S] [--part I/N] [--atomic
   B] [--mapped] [--plant-war]
              [--replay ID]
   INPUT holds the quantized input tensor. Prints one JSON object; exit status 0 = no difference, 1
   = some, 4 = failure. An uninterrupted run is recorded first: the memory after each commit and
   every unit written. Then
   - exhaustive: for every unit and every variant of nvm_emulation.h, the memory as that failure
   leaves it, SRAM poisoned, boot, and on until all of the memory equals the recorded one at the
   same commit;
   - seeded: power really fails (longjmp out of the write) at a random unit, half the time once more
   during recovery, and the run goes on to the end. A replay id names one of these cases:
   "e:<unit>:<variant>" or "s:<case>". */
#include "model.h"
#include "nvm_emulation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wick/engine.h>

enum { MAX_COMMITS = 1 << 20, MAX_CLASSES = 65535 };

typedef struct rig {
    nvm_emulation nvm;
    wick_model model; /* a copy, so that a fault can be planted */
    wick_port port;
    wick_policy policy;
    wick_engine engine;
    int8_t *scratch;
    int8_t *input;
    uint32_t input_bytes;
    /* what was delivered since `deliveries` was cleared */
    uint32_t deliveries, wrong_deliveries;
    int8_t *logits; /* expected; filled by the recorded run */
    int have_logits;
    /* the recorded run: memory and number of units after each commit */
    uint8_t **images;
    uint32_t *units_at;
    uint32_t delivered_at; /* the commit after which the result counts as delivered */
    uint32_t commits, first_sequence;
    uint32_t
        worst_commits; /* most commits that a recovery needed until the memory was as recorded */
    /* Formatting writes both record copies. A cut between the two leaves a complete, idle memory
       whose sequence numbers are one behind: there the records are compared by what the engine
       makes of them, not byte by byte. */
    uint32_t sequence; /* of the commit that images[0] shows */
    int skip_records;
    uint64_t seed;
    int verbose;
} rig;

static rig r;

static void fail(const char *what) {
    fprintf(stderr, "powercut: %s\n", what);
    exit(4);
}

static void *allocate(size_t bytes) {
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory)
        fail("out of memory");
    return memory;
}

static int on_result(void *context, const wick_result *result) {
    (void)context;
    r.deliveries++;
    if (!r.have_logits) {
        memcpy(r.logits, result->logits, result->n_classes);
        r.have_logits = 1;
    } else if (result->epoch != 1 || result->module != r.policy.module ||
               memcmp(r.logits, result->logits, result->n_classes) != 0) {
        r.wrong_deliveries++;
    }
    return 0;
}

/* Power comes back: nothing in SRAM survives. */
static wick_rt_status power_up(void) {
    memset(&r.engine, 0xA5, sizeof r.engine);
    memset(r.scratch, 0x5A, r.model.scratch_bytes + 8u);
    wick_rt_status status =
        wick_engine_boot(&r.engine, &r.model, &r.port, &r.policy, r.scratch, r.model.scratch_bytes);
    r.engine.situation = NULL;
    /* The very first record was torn before any other existed: nothing is lost by starting afresh.
     */
    if (status == WICK_RT_CORRUPT)
        status = wick_engine_format(&r.engine);
    return status;
}

typedef enum progress { COMMITTED, FINISHED, BROKEN } progress;

/* To the next commit. */
static progress advance(void) {
    wick_rt_status status;
    if (r.engine.record.phase == WICK_PHASE_IDLE) {
        if (r.engine.record.epoch != 0)
            return FINISHED;
        status = wick_engine_submit(&r.engine, r.input, r.input_bytes, NULL);
    } else {
        status = wick_engine_step(&r.engine);
    }
    return status < 0 ? BROKEN : COMMITTED;
}

static int is_boot_ok(wick_rt_status status) {
    return status >= 0 && status != WICK_RT_FOREIGN;
}

/* The uninterrupted run. */
static void record_run(void) {
    r.images = allocate(sizeof *r.images * (r.model.n_spans + 64u));
    r.units_at = allocate(sizeof *r.units_at * (r.model.n_spans + 64u));
    r.nvm.record = 1;
    if (power_up() != WICK_RT_FRESH)
        fail("blank memory was not recognised as such");
    r.first_sequence = r.engine.record.sequence;
    for (;;) {
        if (r.commits == r.model.n_spans + 64u)
            fail("the run does not end");
        r.images[r.commits] = allocate(r.nvm.bytes);
        memcpy(r.images[r.commits], r.nvm.image, r.nvm.bytes);
        r.units_at[r.commits++] = r.nvm.history_count;
        if (r.deliveries == 0)
            r.delivered_at = r.commits;
        progress p = advance();
        if (p == BROKEN)
            fail("the uninterrupted run broke off");
        if (p == FINISHED)
            break;
    }
    r.nvm.record = 0;
    if (!r.have_logits || r.deliveries != 1 || r.wrong_deliveries)
        fail("the uninterrupted run did not deliver exactly one result");
}

static const char *tensor_at(uint32_t offset, char *text, size_t size) {
    for (uint32_t t = 0; t < r.model.n_tensors; t++) {
        const wick_place *place = &r.model.tensors[t];
        for (uint32_t copy = 0; copy < (place->stride ? 2u : 1u); copy++) {
            uint32_t start = place->offset + copy * place->stride;
            if (offset >= start && offset < start + place->bytes) {
                snprintf(text, size, "tensor %u byte %u", t, offset - start);
                return text;
            }
        }
    }
    return "record or gap";
}

static void explain(const char *id, const char *what, const uint8_t *want) {
    if (!r.verbose)
        return;
    fprintf(stderr, "%s: %s\n", id, what);
    uint32_t shown = 0;
    for (uint32_t i = 0; want && i < r.nvm.bytes && shown < 8; i++)
        if (r.nvm.image[i] != want[i]) {
            char text[64];
            fprintf(stderr, "  nvm[%u] is %02x, uninterrupted %02x (%s)\n", i, r.nvm.image[i],
                    want[i], tensor_at(i, text, sizeof text));
            shown++;
        }
}

static int in_record(uint32_t offset) {
    for (int copy = 0; copy < 2; copy++)
        if (offset - r.model.record_offset[copy] < r.model.record_bytes)
            return 1;
    return 0;
}

static int as_recorded(const uint8_t *want) {
    if (!r.skip_records)
        return memcmp(r.nvm.image, want, r.nvm.bytes) == 0;
    for (uint32_t i = 0; i < r.nvm.bytes; i++)
        if (r.nvm.image[i] != want[i] && !in_record(i))
            return 0;
    return 1;
}

/* After a boot on damaged memory: on until the memory equals the recorded one (to_end = 0), or to
   the end. 1 = as the uninterrupted run. */
static int recover(const char *id, int to_end, int must_deliver) {
    const uint8_t *last = r.images[r.commits - 1];
    for (uint32_t steps = 0; steps < r.commits + 8u; steps++) {
        uint32_t index = r.engine.record.sequence - r.sequence;
        if (!to_end && index < r.commits && as_recorded(r.images[index])) {
            if (steps > r.worst_commits)
                r.worst_commits = steps;
            return r.wrong_deliveries == 0;
        }
        progress p = advance();
        if (p == BROKEN) {
            explain(id, "the engine reports an error", NULL);
            return 0;
        }
        if (p == FINISHED) {
            int same =
                as_recorded(last) && r.wrong_deliveries == 0 && (!must_deliver || r.deliveries > 0);
            if (!same)
                explain(id, r.wrong_deliveries ? "a wrong result was delivered" : "the end differs",
                        last);
            return same;
        }
    }
    explain(id, "no end after as many commits as the uninterrupted run has", NULL);
    return 0;
}

static int boot_and_recover(const char *id, int to_end, int must_deliver) {
    wick_rt_status status = power_up();
    if (!is_boot_ok(status)) {
        explain(id, "the boot fails", NULL);
        return 0;
    }
    r.sequence = r.first_sequence;
    r.skip_records = 0;
    if (r.engine.record.epoch == 0 && r.engine.record.sequence != r.first_sequence) {
        r.sequence = r.engine.record.sequence;
        r.skip_records = 1;
    }
    return recover(id, to_end, must_deliver);
}

static uint32_t commit_of_unit(uint32_t unit) {
    uint32_t low = 0, high = r.commits - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (r.units_at[middle] > unit)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static uint32_t barrier_before(uint32_t unit) {
    uint32_t found = 0;
    for (uint32_t low = 0, high = r.nvm.barrier_count; low < high;) {
        uint32_t middle = (low + high) / 2;
        if (r.nvm.barriers[middle] <= unit) {
            found = r.nvm.barriers[middle];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found;
}

static uint64_t case_seed(uint64_t number, uint64_t variant) {
    uint64_t state = r.seed ^ (number * UINT64_C(0x9e3779b97f4a7c15)) ^ (variant << 56);
    return mix64(&state);
}

/* One exhaustive case: the power fails before unit `unit`. */
static int run_exhaustive_case(uint32_t unit, cut_variant variant, const uint8_t *at_barrier,
                               uint32_t barrier, char *id, size_t id_size) {
    snprintf(id, id_size, "e:%u:%d", unit, (int)variant);
    memcpy(r.nvm.image, at_barrier, r.nvm.bytes);
    nvm_emulation_fail(&r.nvm, r.nvm.image, r.nvm.history + barrier, r.nvm.history_count - barrier,
                       unit - barrier, 0, variant, case_seed(unit, (uint64_t)variant));
    r.deliveries = r.wrong_deliveries = 0;
    r.nvm.cut_at = 0;
    return boot_and_recover(id, 0, 0);
}

typedef struct tally {
    uint64_t cases, differences;
    char first[64];
} tally;

static void count_case(tally *t, int same, const char *id) {
    t->cases++;
    if (!same && t->differences++ == 0)
        snprintf(t->first, sizeof t->first, "%s", id);
}

static void run_exhaustive(uint32_t part, uint32_t parts, tally *t) {
    uint8_t *at_barrier = allocate(r.nvm.bytes); /* blank memory to begin with */
    uint32_t barrier = 0;
    for (uint32_t unit = 0; unit < r.nvm.history_count; unit++) {
        uint32_t durable = barrier_before(unit);
        for (; barrier < durable; barrier++)
            memcpy(at_barrier + r.nvm.history[barrier].offset, r.nvm.history[barrier].after,
                   r.nvm.history[barrier].bytes);
        if (unit % parts != part)
            continue;
        for (int v = 0; v < CUT_VARIANTS; v++) {
            char id[64];
            int same =
                run_exhaustive_case(unit, (cut_variant)v, at_barrier, barrier, id, sizeof id);
            count_case(t, same, id);
        }
    }
    free(at_barrier);
}

/* One seeded case: real power failures, then on to the end. */
static int run_seeded_case(uint32_t number, char *id, size_t id_size) {
    static uint64_t random; /* static: survives the longjmp */
    static int cuts_left;
    snprintf(id, id_size, "s:%u", number);
    random = case_seed(number, 7);
    uint32_t unit = (uint32_t)(mix64(&random) % r.nvm.history_count);
    uint32_t commit = commit_of_unit(unit);
    uint32_t before = commit ? r.units_at[commit - 1] : 0;
    if (commit)
        memcpy(r.nvm.image, r.images[commit - 1], r.nvm.bytes);
    else
        memset(r.nvm.image, 0, r.nvm.bytes);
    r.deliveries = r.wrong_deliveries = 0;
    r.nvm.log_count = 0;
    r.nvm.writes = 0;
    r.nvm.cut_at = unit - before + 1;
    r.nvm.variant = (cut_variant)(mix64(&random) % CUT_VARIANTS);
    r.nvm.seed = mix64(&random);
    cuts_left = 1 + (int)(mix64(&random) & 1);
    if (setjmp(r.nvm.power_off)) {
        r.nvm.cut_at = 0;
        if (--cuts_left > 0) {
            uint32_t span = r.nvm.history_count / r.commits + 1;
            r.nvm.cut_at = r.nvm.writes + 1 + mix64(&random) % (2 * span);
            r.nvm.variant = (cut_variant)(mix64(&random) % CUT_VARIANTS);
            r.nvm.seed = mix64(&random);
        }
    }
    return boot_and_recover(id, 1, commit <= r.delivered_at);
}

static void run_seeded(uint32_t cases, uint32_t part, uint32_t parts, tally *t) {
    for (uint32_t number = part; number < cases; number += parts) {
        char id[64];
        int same = run_seeded_case(number, id, sizeof id);
        count_case(t, same, id);
    }
}

/* In the middle of the run: every single flipped bit of either record copy must be noticed (the run
   ends as the recorded one), both copies damaged must be reported, and another model's memory must
   not be resumed. */
static void check_records(tally *flips, int *foreign_resumed, int *damage_missed) {
    uint32_t middle = r.commits / 2;
    for (int copy = 0; copy < 2; copy++)
        for (uint32_t bit = 0; bit < r.model.record_bytes * 8u; bit++) {
            char id[64];
            snprintf(id, sizeof id, "flip of record %d bit %u", copy, bit);
            memcpy(r.nvm.image, r.images[middle], r.nvm.bytes);
            r.nvm.image[r.model.record_offset[copy] + bit / 8] ^= (uint8_t)(1u << bit % 8);
            r.deliveries = r.wrong_deliveries = 0;
            int same = boot_and_recover(id, 0, 0);
            count_case(flips, same, id);
        }
    memcpy(r.nvm.image, r.images[middle], r.nvm.bytes);
    for (int copy = 0; copy < 2; copy++)
        r.nvm.image[r.model.record_offset[copy] + r.model.record_bytes - 1u] ^= 1u;
    *damage_missed = wick_engine_boot(&r.engine, &r.model, &r.port, &r.policy, r.scratch,
                                      r.model.scratch_bytes) != WICK_RT_CORRUPT;
    memcpy(r.nvm.image, r.images[middle], r.nvm.bytes);
    wick_model other = r.model;
    other.id[0] ^= 1u;
    *foreign_resumed = wick_engine_boot(&r.engine, &other, &r.port, &r.policy, r.scratch,
                                        other.scratch_bytes) != WICK_RT_FOREIGN;
}

/* The test of the test: moves a tensor that one span reads and one step writes onto its source. An
   uninterrupted run does not notice; a failure in the middle of the write does. */
static void plant_write_after_read(void) {
    wick_place *places = allocate(sizeof *places * r.model.n_tensors);
    memcpy(places, r.model.tensors, sizeof *places * r.model.n_tensors);
    const wick_segment *module = &r.model.segments[r.policy.module];
    for (uint32_t s = module->first_span; s < (uint32_t)module->first_span + module->n_spans; s++) {
        const wick_span *span = &r.model.spans[s];
        for (uint32_t i = span->first_step; i < (uint32_t)span->first_step + span->n_steps; i++) {
            const wick_layer *layer = &r.model.layers[r.model.steps[i].layer];
            const wick_place *src = &places[layer->operands[0].tensor];
            int whole = r.model.steps[i].count == places[layer->dst].bytes;
            int first = i == span->first_step;
            if (layer->n_operands == 1 && whole && first &&
                src->bytes >= places[layer->dst].bytes && layer->dst != module->result &&
                !src->stride && layer->operands[0].tensor != r.model.segments[0].result) {
                places[layer->dst].offset = src->offset;
                r.model.tensors = places;
                return;
            }
        }
    }
    fail("no layer of this module lends itself to the planted fault");
}

static void read_input(const char *path) {
    r.input_bytes = r.model.tensors[r.model.input_tensor].bytes;
    r.input = allocate(r.input_bytes + 1u);
    FILE *file = fopen(path, "rb");
    if (!file || fread(r.input, 1, r.input_bytes + 1u, file) != r.input_bytes)
        fail("the input file does not have the input tensor's size");
    fclose(file);
}

static void print_tally(const char *name, const tally *t) {
    printf(", \"%s\": {\"cuts\": %llu, \"differences\": %llu, \"replay\": ", name,
           (unsigned long long)t->cases, (unsigned long long)t->differences);
    if (t->differences)
        printf("\"%s\"}", t->first);
    else
        printf("null}");
}

static int run_replay(const char *id) {
    char again[64];
    uint32_t number;
    int variant;
    r.verbose = 1;
    if (sscanf(id, "e:%u:%d", &number, &variant) == 2 && number < r.nvm.history_count &&
        variant >= 0 && variant < CUT_VARIANTS) {
        uint8_t *at_barrier = allocate(r.nvm.bytes);
        uint32_t barrier = barrier_before(number);
        for (uint32_t i = 0; i < barrier; i++)
            memcpy(at_barrier + r.nvm.history[i].offset, r.nvm.history[i].after,
                   r.nvm.history[i].bytes);
        int same = run_exhaustive_case(number, (cut_variant)variant, at_barrier, barrier, again,
                                       sizeof again);
        free(at_barrier);
        return same;
    }
    if (sscanf(id, "s:%u", &number) == 1)
        return run_seeded_case(number, again, sizeof again);
    fail("the replay id is neither e:<unit>:<variant> nor s:<case>");
    return 0;
}

int main(int argc, char **argv) {
    const char *replay = NULL;
    uint32_t seeded = 0, part = 0, parts = 1;
    int exhaustive = 0, plant = 0, mapped = 0;
    if (argc < 3)
        fail("usage: powercut INPUT MODULE [options], see the head of powercut.c");
    r.model = wick_model_data;
    r.nvm.unit = 4;
    r.nvm.atomic = 1;
    r.seed = 1;
    for (int i = 3; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--exhaustive"))
            exhaustive = 1;
        else if (!strcmp(argv[i], "--mapped"))
            mapped = 1;
        else if (!strcmp(argv[i], "--plant-war"))
            plant = 1;
        else if (!strcmp(argv[i], "--replay") && i++)
            replay = value;
        else if (!strcmp(argv[i], "--seeded") && i++)
            seeded = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--seed") && i++)
            r.seed = strtoull(value, NULL, 10);
        else if (!strcmp(argv[i], "--atomic") && i++)
            r.nvm.atomic = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--part") && i++ && sscanf(value, "%u/%u", &part, &parts) == 2)
            continue;
        else
            fail("unknown option");
    }
    r.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = (uint8_t)atoi(argv[2])};
    if (r.policy.module < 1 || r.policy.module > r.model.n_modules || parts < 1 || part >= parts ||
        r.nvm.atomic < 1 || r.nvm.atomic > 8)
        fail("module, part or atomic size out of range");
    if (r.nvm.atomic > r.nvm.unit)
        r.nvm.unit = r.nvm.atomic;
    r.nvm.bytes = r.model.nvm_bytes;
    r.nvm.image = allocate(r.nvm.bytes);
    r.scratch = allocate(r.model.scratch_bytes + 8u);
    r.logits = allocate(r.model.n_classes);
    read_input(argv[1]);
    r.port = (wick_port){.ctx = &r.nvm,
                         .nvm_read = nvm_emulation_read,
                         .nvm_write = nvm_emulation_write,
                         .nvm_barrier = nvm_emulation_barrier,
                         .nvm_mapped = mapped ? (const int8_t *)r.nvm.image : NULL,
                         .result = on_result};
    if (plant)
        plant_write_after_read();
    record_run();
    if (replay) {
        int same = run_replay(replay);
        printf("{\"replay\": \"%s\", \"differs\": %s}\n", replay, same ? "false" : "true");
        return same ? 0 : 1;
    }
    tally all = {0}, some = {0}, flips = {0};
    int foreign_resumed = 0, damage_missed = 0;
    if (part == 0)
        check_records(&flips, &foreign_resumed, &damage_missed);
    if (exhaustive)
        run_exhaustive(part, parts, &all);
    if (seeded)
        run_seeded(seeded, part, parts, &some);
    printf("{\"module\": %u, \"writes\": %u, \"commits\": %u, \"nvm_bytes\": %u, \"logits\": [",
           r.policy.module, r.nvm.history_count, r.commits, r.nvm.bytes);
    for (uint32_t c = 0; c < r.model.n_classes; c++)
        printf(c ? ", %d" : "%d", r.logits[c]);
    printf("]");
    print_tally("exhaustive", &all);
    print_tally("seeded", &some);
    print_tally("record_flips", &flips);
    printf(", \"worst_commits\": %u, \"foreign_resumed\": %d, \"damage_missed\": %d}\n",
           r.worst_commits, foreign_resumed, damage_missed);
    return all.differences || some.differences || flips.differences || foreign_resumed ||
                   damage_missed
               ? 1
               : 0;
}
