/* SPDX-License-Identifier: 0BSD */
/* The proof on real machine code: the emitted firmware as Thumb code in Unicorn, its power cut
   before each NVM store, between the words of STM too, or in each operation of the flash, and after
   each N instructions. thumbcut ELF
   CORE INPUT MODULE [--mapped] [--lazy] [--seed S] [--part I/N] [--stores all|N]
              [--instructions STEP] [--sampled-instructions N] [--series N]
              [--replay ID] [--patience SECONDS]
   An uninterrupted run is recorded first: the NVM at each commit, and the machine, from which cases
   start. Then, for each case: on to the cut; a cut before a store leaves the memory as it was, or
   the word torn; one in an operation of the flash leaves it in each variant of flash_emulation.h,
   and so does an instruction while an operation is in flight (a seeded one); SRAM and registers are
   filled with noise, the guest boots and goes on until it stands where the recorded run stood, with
   the same NVM; every sixteenth case, and those around the delivery, go on to the end. What was
   committed before the cut must be found, and the policy then chooses another module, so that
   asking it again would show. --lazy: random voltage readings. Prints one JSON object; exit status
   0 = no difference, 1 = some, 4 = failure. Ids: "u:<store>:<variant>" (1 = torn; of flash
   flash_variant), "i:<instruction>". */
#include "thumb_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COMMITS = 8192, TO_THE_END = 16 };

/* What is compared: all but records and variables, or of that only what is in NVM at the end
   however often spans were divided. */
typedef enum compared { ALL = 1, KEPT = 2 } compared;

/* The recorded run after a message. */
typedef struct snapshot {
    uc_context *context;
    mailbox box;
    uint8_t *nvm, *sram, *stack;
    uint8_t *view; /* [box.nvm_bytes] the NVM as the engine sees it; NULL: not looked at */
    uint64_t stores, instructions;
} snapshot;

static struct {
    snapshot at[MOST_COMMITS];
    snapshot cursor; /* of a cut after an instruction, from which the next one goes on */
    uint32_t count;
    uint64_t stores, instructions, delivery_store, delivery_instruction;
    int16_t logits[MAILBOX_CLASSES];
    uint32_t label, deliveries;
    uint64_t seed;
    int lazy, verbose;
    uint8_t *skip; /* [box->nvm_bytes] a bit for each way to compare: not with that */
    uint8_t places[FLASH_BYTES /
                   16]; /* a bit for each halfword of flash: the power was cut before it */
    uint64_t n_places;
    uint64_t stride; /* instructions between two cuts */
} run;

typedef struct tally {
    uint64_t cuts, differences;
    char first[48];
} tally;

static void take(uc_engine *processor, snapshot *s) {
    if (!s->context) {
        if (uc_context_alloc(processor, &s->context) != UC_ERR_OK)
            machine_fail("no snapshot of the registers");
        s->nvm = machine_allocate(m.nvm_bytes);
        s->sram = machine_allocate(m.bss_end - SRAM_AT);
        s->stack = machine_allocate(STACK_BYTES);
    }
    if (uc_context_save(processor, s->context) != UC_ERR_OK)
        machine_fail("no snapshot of the registers");
    s->box = *m.box;
    memcpy(s->nvm, m.nvm, m.nvm_bytes);
    memcpy(s->sram, m.sram, m.bss_end - SRAM_AT);
    memcpy(s->stack, m.sram + SRAM_BYTES - STACK_BYTES, STACK_BYTES);
    s->stores = m.stores;
    s->instructions = m.instructions;
}

static void restore(uc_engine *processor, const snapshot *s) {
    if (uc_context_restore(processor, s->context) != UC_ERR_OK)
        machine_fail("the registers cannot be restored");
    *m.box = s->box;
    memcpy(m.nvm, s->nvm, m.nvm_bytes);
    memcpy(m.sram, s->sram, m.bss_end - SRAM_AT);
    memcpy(m.sram + SRAM_BYTES - STACK_BYTES, s->stack, STACK_BYTES);
    m.stores = s->stores;
    m.instructions = s->instructions;
    m.cut = 0;
    m.in_block = 0;
}

static void skip(uint32_t offset, uint32_t bytes) {
    for (uint32_t i = offset; i < offset + bytes && i < m.box->nvm_bytes; i++)
        run.skip[i] = ALL | KEPT;
}

static void find_compared(void) {
    const mailbox *box = m.box;
    if (box->n_kept > MAILBOX_KEPT)
        machine_fail("the model has more tensors than this machine remembers");
    run.skip = machine_allocate(box->nvm_bytes);
    memset(run.skip, KEPT, box->nvm_bytes);
    for (uint32_t k = 0; k < box->n_kept; k++)
        for (uint32_t i = 0; i < box->kept[k].bytes; i++)
            if (box->kept[k].offset + i < box->nvm_bytes)
                run.skip[box->kept[k].offset + i] = 0;
    skip(box->record_offset[0], box->record_bytes);
    skip(box->record_offset[1], box->record_bytes);
    skip(box->beside_offset, box->beside_bytes);
}

/* Before the first message there is no snapshot: cases begin with a blank memory. */
static void start_at(uc_engine *processor, int first, uint32_t commit) {
    if (!first) {
        restore(processor, &run.at[commit]);
        return;
    }
    uint64_t random = run.seed;
    machine_blank();
    memset(&m.box->at, 0, sizeof m.box->at);
    m.box->lazy_seed = 0;
    machine_reset(processor, &random);
    m.stores = m.instructions = 0;
    m.cut = 0;
}

/* A first boot, from which the rig learns what there is; the run begins with another one. */
static void describe(void) {
    uint64_t random = run.seed;
    machine_reset(m.plain, &random);
    if (!machine_run(m.plain, 0) || m.message == GUEST_BROKEN)
        machine_fail("the first boot broke off");
    machine_describe(run.seed);
    find_compared();
}

static void record(void) {
    int delivered = 0;
    describe();
    start_at(m.counting, 1, 0);
    m.cut_at = 0;
    for (;;) {
        if (!machine_run(m.counting, 0) || m.message == GUEST_BROKEN)
            machine_fail("the uninterrupted run broke off");
        if (m.message == GUEST_DONE)
            break;
        if (m.message == GUEST_RESULT) {
            if (delivered++)
                machine_fail("the uninterrupted run delivered twice");
            memcpy(run.logits, m.box->logits, sizeof run.logits);
            run.label = m.box->label;
            run.delivery_store = m.stores;
            run.delivery_instruction = m.instructions;
            continue;
        }
        if (run.count == MOST_COMMITS)
            machine_fail("the run does not end");
        snapshot *s = &run.at[run.count++];
        take(m.counting, s);
        s->view = machine_allocate(m.box->nvm_bytes);
        memcpy(s->view, machine_view(), m.box->nvm_bytes);
    }
    if (!delivered || machine_is_misused())
        machine_fail("the uninterrupted run delivered nothing, or misused the flash");
    run.stores = m.stores;
    run.instructions = m.instructions;
}

static int complain(const char *id, const char *what) {
    if (run.verbose)
        fprintf(stderr, "%s: %s (epoch %u, segment %u, span %u, phase %u, status %d)\n", id, what,
                m.box->at.epoch, m.box->at.segment, m.box->at.span, m.box->at.phase,
                (int32_t)m.box->status);
    return 0;
}

static int same_memory(const snapshot *want, compared what) {
    const uint8_t *view = machine_view();
    if (memcmp(view, want->view, m.box->nvm_bytes) == 0)
        return 1;
    for (uint32_t i = 0; i < m.box->nvm_bytes; i++)
        if (view[i] != want->view[i] && !(run.skip[i] & what))
            return 0;
    return 1;
}

/* The recorded commit after which the run stood as the guest does now, or NULL. */
static const snapshot *stands_at(uint32_t from) {
    for (uint32_t i = from; i < run.count && i < from + 4u; i++)
        if (memcmp(&run.at[i].box.at, &m.box->at, sizeof m.box->at) == 0)
            return &run.at[i];
    return NULL;
}

/* The guest has delivered: is it what the recorded run delivered? */
static int right_result(void) {
    return m.box->epoch == 1 && m.box->answered_by == m.box->module && m.box->label == run.label &&
           memcmp(m.box->logits, run.logits, m.box->n_classes * sizeof *run.logits) == 0;
}

/* Boots on m.nvm and goes on. `last`: the recorded commit before the cut; `what`: at the end. 1 =
   as the recorded run. */
static int recover(const char *id, uint32_t last, int to_end, int must_deliver, compared what,
                   uint64_t random) {
    int delivered = 0;
    m.cut = 0;
    m.cut_at = 0;
    m.box->lazy_seed = run.lazy ? (uint32_t)(machine_random(&random) | 1u) : 0;
    machine_reset(m.plain, &random);
    /* Failures in a row divide spans: many more commits than recorded. */
    for (uint32_t messages = 0; messages < 64u * run.count + 32u; messages++) {
        if (!machine_run(m.plain, 0) || m.message == GUEST_BROKEN)
            return complain(id, m.astray ? "the guest does not come to an end" : "the guest fails");
        if (m.message == GUEST_RESULT) {
            delivered = 1;
            if (!right_result())
                return complain(id, "a wrong result was delivered");
            continue;
        }
        if (m.message == GUEST_DONE) {
            if (!same_memory(&run.at[run.count - 1], what))
                return complain(id, "the end differs");
            return !must_deliver || delivered ? 1 : complain(id, "the result was not delivered");
        }
        if (m.message == GUEST_BOOTED && (int32_t)(m.box->sequence - run.at[last].box.sequence) < 0)
            return complain(id, "the boot does not find what was committed");
        const snapshot *same = to_end ? NULL : stands_at(last);
        if (same && same_memory(same, ALL))
            return 1;
        /* Without joined spans a whole part later it must stand there. */
        if (same && !run.lazy && m.message == GUEST_COMMITTED)
            return complain(id, "the memory differs");
    }
    return complain(id, "no end");
}

/* Whatever it came to: flash was programmed as flash may be. */
static int fair(int same, const char *id) {
    return machine_is_misused() ? complain(id, "units were programmed that were not erased") : same;
}

static uint32_t commit_before_store(uint64_t store) {
    uint32_t low = 0, high = run.count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (run.at[middle].stores < store)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static uint32_t commit_before_instruction(uint64_t instruction) {
    uint32_t low = 0, high = run.count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (run.at[middle].instructions <= instruction)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Where the run has just told of a commit: as in the recorded run? */
static int as_recorded(void) {
    for (uint32_t i = 0; i < run.count; i++)
        if (run.at[i].instructions == m.instructions)
            return run.at[i].stores == m.stores && memcmp(run.at[i].nvm, m.nvm, m.nvm_bytes) == 0;
    return 0;
}

/* Runs until so many instructions are done, from the last such place or the commit before it,
   whichever is nearer. 1 = it came there. */
static int go_to_instruction(int first, uint32_t commit, uint64_t instruction) {
    snapshot *cursor = &run.cursor;
    uint64_t nearest = first ? 0 : run.at[commit].instructions;
    if (cursor->context && cursor->instructions <= instruction &&
        cursor->instructions + run.stride >= nearest)
        restore(m.counting, cursor);
    else
        start_at(m.counting, first, commit);
    m.cut_at = 0;
    while (m.instructions < instruction) {
        if (!machine_run(m.counting, instruction - m.instructions))
            return 0;
        int committed = m.message == GUEST_BOOTED || m.message == GUEST_COMMITTED;
        if (committed && !as_recorded())
            machine_fail("the run from one cut to the next is not the recorded one");
    }
    if (m.instructions != instruction)
        machine_fail("the processor did not stop where it was told to");
    if (m.in_block == 0) /* Unicorn forgets conditions of a block in which it was stopped */
        take(m.counting, cursor);
    return 1;
}

static int store_case(uint64_t store, uint32_t variant, char *id, size_t size) {
    uint64_t random = run.seed ^ store * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)variant << 60;
    snprintf(id, size, "u:%llu:%u", (unsigned long long)store, variant);
    int first = store <= run.at[0].stores;
    uint32_t last = commit_before_store(store);
    start_at(m.processor, first, last);
    m.cut_at = store;
    while (!m.cut)
        if (!machine_run(m.processor, 0))
            return complain(id, "the guest does not come to the cut");
    machine_fail_store(variant, &random);
    if (first)
        memset(&m.box->at, 0, sizeof m.box->at);
    int near = store + 64 > run.delivery_store && store <= run.delivery_store + 64;
    return fair(recover(id, last, near || store % TO_THE_END == 0, store <= run.delivery_store, ALL,
                        random),
                id);
}

/* Boots, and goes on until the power fails again before store `store` of this boot. 1 = it did, 0 =
   the end came first, -1 = a difference. */
static int recover_to_cut(const char *id, uint64_t store, uint64_t *random, int *delivered) {
    m.cut = 0;
    m.stores = 0;
    m.cut_at = store;
    m.box->lazy_seed = run.lazy ? (uint32_t)(machine_random(random) | 1u) : 0;
    machine_reset(m.processor, random);
    for (;;) {
        if (!machine_run(m.processor, 0) || m.message == GUEST_BROKEN)
            return complain(id,
                            m.astray ? "the guest does not come to an end" : "the guest fails") -
                   1;
        if (m.cut || m.message == GUEST_DONE)
            return m.cut;
        if (m.message == GUEST_RESULT && !right_result())
            return complain(id, "a wrong result was delivered") - 1;
        *delivered |= m.message == GUEST_RESULT;
    }
}

static int series_case(uint64_t number, char *id, size_t size) {
    uint64_t random = run.seed ^ number * UINT64_C(0x9e3779b97f4a7c15) ^ UINT64_C(6) << 60;
    uint64_t store = 1u + machine_random(&random) % run.stores;
    uint32_t last = commit_before_store(store), again = number % 16 ? 1u + number % 3 : m.many;
    int first = store <= run.at[0].stores, delivered = store > run.delivery_store;
    snprintf(id, size, "r:%llu", (unsigned long long)number);
    start_at(m.processor, first, last);
    m.cut_at = store;
    while (!m.cut)
        if (!machine_run(m.processor, 0))
            return complain(id, "the guest does not come to the cut");
    if (first)
        memset(&m.box->at, 0, sizeof m.box->at);
    for (int cut = 1; cut; again--) {
        machine_fail_store((uint32_t)(machine_random(&random) % m.variants), &random);
        if (again == 0)
            break;
        store = 1u + machine_random(&random) % (2u * run.stores / run.count + 1u);
        cut = recover_to_cut(id, store, &random, &delivered);
        if (cut < 0)
            return 0;
    }
    return fair(recover(id, last, 1, !delivered, KEPT, random), id);
}

static void note_place(void) {
    uint32_t pc = 0;
    uc_reg_read(m.counting, UC_ARM_REG_PC, &pc);
    pc = (pc & ~1u) % FLASH_BYTES / 2u;
    run.n_places += !(run.places[pc / 8u] >> pc % 8u & 1u);
    run.places[pc / 8u] |= (uint8_t)(1u << pc % 8u);
}

static int instruction_case(uint64_t instruction, char *id, size_t size) {
    uint64_t random = run.seed ^ instruction * UINT64_C(0x9e3779b97f4a7c15) ^ UINT64_C(5) << 60;
    snprintf(id, size, "i:%llu", (unsigned long long)instruction);
    int first = instruction < run.at[0].instructions;
    uint32_t last = commit_before_instruction(instruction);
    if (!go_to_instruction(first, last, instruction))
        return complain(id, "the guest does not come to the cut");
    note_place();
    machine_fail_instruction(&random);
    if (first)
        memset(&m.box->at, 0, sizeof m.box->at);
    int near =
        instruction + 64 > run.delivery_instruction && instruction <= run.delivery_instruction + 64;
    return fair(recover(id, last, near || instruction % TO_THE_END == 0,
                        instruction < run.delivery_instruction, ALL, random),
                id);
}

static void count(tally *t, int same, const char *id) {
    t->cuts++;
    if (!same && t->differences++ == 0)
        snprintf(t->first, sizeof t->first, "%s", id);
}

typedef struct arguments {
    const char *replay;
    uint64_t part, parts, stores, step, sampled, series;
    uint32_t patience; /* seconds of processor time after which a guest is astray */
} arguments;

static void run_cases(const arguments *a, tally *stores, tally *instructions, tally *series) {
    char id[48];
    uint64_t random = run.seed ^ UINT64_C(0x7468756d62);
    for (uint64_t i = 0; i < (a->stores < run.stores ? a->stores : run.stores); i++) {
        uint64_t store = a->stores < run.stores ? machine_random(&random) % run.stores : i;
        for (uint32_t variant = 0; variant < m.variants && i % a->parts == a->part; variant++) {
            int same = store_case(store + 1u, variant, id, sizeof id);
            count(stores, same, id);
        }
    }
    for (uint64_t i = a->step; a->step && i < run.instructions; i += a->step)
        if (i / a->step % a->parts == a->part) {
            int same = instruction_case(i, id, sizeof id);
            count(instructions, same, id);
        }
    for (uint64_t i = 0; i < a->sampled; i++) {
        uint64_t at = 1u + machine_random(&random) % (run.instructions - 1u);
        if (i % a->parts == a->part) {
            int same = instruction_case(at, id, sizeof id);
            count(instructions, same, id);
        }
    }
    for (uint64_t i = a->part; i < a->series; i += a->parts) {
        int same = series_case(i, id, sizeof id);
        count(series, same, id);
    }
}

static void print_tally(const char *name, const tally *t) {
    printf(", \"%s\": {\"cuts\": %llu, \"differences\": %llu, \"replay\": ", name,
           (unsigned long long)t->cuts, (unsigned long long)t->differences);
    printf(t->differences ? "\"%s\"}" : "null}", t->first);
}

static uint64_t number(const char *text) {
    return strtoull(text, NULL, 10);
}

static arguments parse(int argc, char **argv) {
    arguments a = {.parts = 1, .patience = 60}; /* a whole inference of a large model takes less */
    if (argc < 5)
        machine_fail("usage: thumbcut ELF CORE INPUT MODULE [options], see the head of thumbcut.c");
    machine_make(argv[1], argv[2]);
    m.box->module = (uint32_t)number(argv[4]);
    run.seed = 1;
    for (int i = 5; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--mapped"))
            m.box->mapped = 1;
        else if (!strcmp(argv[i], "--lazy"))
            run.lazy = 1;
        else if (!strcmp(argv[i], "--seed") && i++)
            run.seed = number(value);
        else if (!strcmp(argv[i], "--stores") && i++)
            a.stores = !strcmp(value, "all") ? UINT64_MAX : number(value);
        else if (!strcmp(argv[i], "--instructions") && i++)
            a.step = number(value);
        else if (!strcmp(argv[i], "--sampled-instructions") && i++)
            a.sampled = number(value);
        else if (!strcmp(argv[i], "--series") && i++)
            a.series = number(value);
        else if (!strcmp(argv[i], "--replay") && i++)
            a.replay = value;
        else if (!strcmp(argv[i], "--patience") && i++)
            a.patience = (uint32_t)number(value);
        else if (!strcmp(argv[i], "--part") && i++) {
            unsigned part, parts;
            if (sscanf(value, "%u/%u", &part, &parts) != 2 || parts == 0 || part >= parts)
                machine_fail("--part is I/N");
            a.part = part, a.parts = parts;
        } else
            machine_fail("unknown option");
    }
    FILE *file = fopen(argv[3], "rb");
    if (!file || fread(m.input, 1, INPUT_BYTES, file) == 0)
        machine_fail("the input cannot be read");
    fclose(file);
    return a;
}

int main(int argc, char **argv) {
    arguments a = parse(argc, argv);
    if (a.patience == 0)
        machine_fail("--patience is at least one second");
    machine_watch(a.patience);
    record();
    if (a.replay) {
        unsigned long long at;
        unsigned variant;
        int same = 0;
        char id[48];
        run.verbose = 1;
        if (sscanf(a.replay, "u:%llu:%u", &at, &variant) == 2 && at >= 1 && at <= run.stores &&
            variant < m.variants)
            same = store_case(at, variant, id, sizeof id);
        else if (sscanf(a.replay, "i:%llu", &at) == 1 && at >= 1 && at < run.instructions)
            same = instruction_case(at, id, sizeof id);
        else if (sscanf(a.replay, "r:%llu", &at) == 1)
            same = series_case(at, id, sizeof id);
        else
            machine_fail("the replay id is none of those at the head of thumbcut.c");
        printf("{\"replay\": \"%s\", \"differs\": %s}\n", a.replay, same ? "false" : "true");
        return same ? 0 : 1;
    }
    tally stores = {0}, instructions = {0}, series = {0};
    run.stride = a.step * a.parts;
    run_cases(&a, &stores, &instructions, &series);
    printf(
        "{\"core\": \"%s\", \"module\": %s, \"stores\": %llu, \"instructions\": %llu, \"logits\": [",
        argv[2], argv[4], (unsigned long long)run.stores, (unsigned long long)run.instructions);
    for (uint32_t c = 0; c < m.box->n_classes; c++)
        printf(c ? ", %d" : "%d", run.logits[c]);
    printf("]");
    print_tally("store_cuts", &stores);
    print_tally("instruction_cuts", &instructions);
    print_tally("series", &series);
    printf(", \"instruction_places\": %llu}\n", (unsigned long long)run.n_places);
    return stores.differences || instructions.differences || series.differences ? 1 : 0;
}
