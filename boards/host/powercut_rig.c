/* SPDX-License-Identifier: 0BSD */
#include "powercut_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POISON = 0x5A, MOST_WAITS = 1000 };

powercut_rig rig;

void fail(const char *what) {
    fprintf(stderr, "powercut: %s\n", what);
    exit(4);
}

void *allocate(size_t bytes) {
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory)
        fail("out of memory");
    return memory;
}

void put_image(const uint8_t *image) {
    memcpy(rig.nvm.image, image, rig.nvm.bytes);
    nvm_emulation_allow(&rig.nvm, 0, rig.nvm.bytes);
}

void put_blank(void) {
    memset(rig.nvm.image, 0, rig.nvm.bytes);
    nvm_emulation_allow(&rig.nvm, 0, rig.nvm.bytes);
}

static int is_expected(const wick_result *result) {
    for (uint16_t c = 0; c < result->n_classes; c++)
        if (wick_result_logit(result, c) != rig.logits[c])
            return 0;
    return 1;
}

int on_result(void *context, const wick_result *result) {
    (void)context;
    /* Of a chain the exits on the way: each is the module of a run of its own. */
    if (rig.model.chain && result->module > rig.module)
        return 0;
    if (rig.deliveries++ == 0)
        rig.delivered_unit = rig.nvm.history_count;
    if (!rig.have_logits) {
        for (uint16_t c = 0; c < result->n_classes; c++)
            rig.logits[c] = wick_result_logit(result, c);
        rig.label = result->label;
        rig.have_logits = 1;
        rig.delivery_unit = rig.nvm.history_count;
    }
    if (result->epoch != rig.epoch || result->module != rig.module || result->label != rig.label ||
        !is_expected(result))
        rig.wrong_deliveries++;
    return 0;
}

uint32_t on_voltage(void *context) {
    (void)context;
    if (rig.voltage == VOLTAGE_UNKNOWN)
        return 0;
    if (rig.voltage == VOLTAGE_RANDOM)
        return mix64(&rig.voltage_random) & 1 ? UINT32_MAX : 0;
    return rig.voltage == VOLTAGE_HIGH ? UINT32_MAX : 1;
}

wick_rt_status power_up(void) {
    memset(&rig.engine, 0xA5, sizeof rig.engine);
    rig.engine.situation = NULL;
    rig.engine.power_off = NULL;
    rig.engine.app = rig.app;
    rig.engine.window_ms = rig.engine.wait_ms = 0;
    rig.engine.eager = rig.engine.trust_unknown = 0;
    memset(rig.scratch, POISON, rig.model.scratch_bytes + POWERCUT_GUARD);
    if (rig.mount)
        rig.mount();
    wick_rt_status status = wick_engine_boot(&rig.engine, &rig.model, &rig.port, &rig.policy,
                                             rig.scratch, rig.model.scratch_bytes);
    /* The very first record was torn before any other existed: nothing is lost by starting afresh.
     */
    if (status == WICK_RT_CORRUPT && rig.durable == 0)
        status = wick_engine_format(&rig.engine);
    /* A module that is committed stands: from now on the policy would choose another one. */
    rig.policy.module = rig.module;
    if (status >= 0 && rig.engine.record.segment != 0 && !rig.model.chain)
        rig.policy.module = (uint8_t)(rig.module % rig.model.n_modules + 1u);
    return status;
}

/* Kernels must not write beyond the scratch memory that the model declares. */
static int guard_is_whole(void) {
    for (uint32_t i = 0; i < POWERCUT_GUARD; i++)
        if (rig.scratch[rig.model.scratch_bytes + i] != POISON)
            return 0;
    return 1;
}

progress advance(void) {
    wick_rt_status status;
    if (rig.engine.record.phase == WICK_PHASE_IDLE) {
        if (rig.engine.record.epoch == rig.epoch)
            return FINISHED;
        status = wick_engine_submit(&rig.engine, rig.input, rig.input_bytes, NULL);
    } else {
        /* Waiting for a charge that never comes: the engine must not wait for ever. */
        for (int waits = 0;
             (status = wick_engine_step(&rig.engine)) == WICK_RT_WAIT && waits < MOST_WAITS;
             waits++)
            continue;
        if (status == WICK_RT_WAIT)
            return BROKEN;
    }
    return status < 0 || !guard_is_whole() ? BROKEN : COMMITTED;
}

/* rig.nvm.image is what the engine sees. */
static void look(void) {
    if (rig.look)
        rig.look();
}

static int is_boot_ok(wick_rt_status status) {
    return status >= 0 && status != WICK_RT_FOREIGN;
}

void record_run(void) {
    rig.images = allocate(sizeof *rig.images * (rig.model.n_spans + 64u));
    rig.units_at = allocate(sizeof *rig.units_at * (rig.model.n_spans + 64u));
    rig.nvm.record = 1;
    rig.epoch = 1;
    if (power_up() != WICK_RT_FRESH)
        fail("blank memory was not recognised as such");
    rig.first_sequence = rig.engine.record.sequence;
    size_t units = rig.nvm.bytes / rig.nvm.write_unit + 1u;
    rig.nvm.wear = allocate(units * sizeof *rig.nvm.wear);
    for (;;) {
        if (rig.commits == rig.model.n_spans + 64u)
            fail("the run does not end");
        look();
        rig.images[rig.commits] = allocate(rig.nvm.bytes);
        memcpy(rig.images[rig.commits], rig.nvm.image, rig.nvm.bytes);
        rig.units_at[rig.commits++] = rig.nvm.history_count;
        if (rig.deliveries == 0)
            rig.delivered_at = rig.commits;
        progress p = advance();
        if (p == BROKEN)
            fail("the uninterrupted run broke off");
        if (p == FINISHED)
            break;
    }
    rig.nvm.record = 0;
    for (size_t i = 0; i < units; i++)
        if (rig.nvm.wear[i] > rig.most_writes)
            rig.most_writes = rig.nvm.wear[i];
    free(rig.nvm.wear);
    rig.nvm.wear = NULL;
    if (!rig.have_logits || rig.deliveries != 1 || rig.wrong_deliveries)
        fail("the uninterrupted run did not deliver exactly one result");
}

static const char *tensor_at(uint32_t offset, char *text, size_t size) {
    for (uint32_t t = 0; t < rig.model.n_tensors; t++) {
        const wick_place *place = &rig.model.tensors[t];
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

void explain(const char *id, const char *what, const uint8_t *want) {
    if (!rig.verbose)
        return;
    fprintf(stderr, "%s: %s\n", id, what);
    uint32_t shown = 0;
    for (uint32_t i = 0; want && i < rig.nvm.bytes && shown < 8; i++)
        if (rig.nvm.image[i] != want[i]) {
            char text[64];
            fprintf(stderr, "  nvm[%u] is %02x, uninterrupted %02x (%s)\n", i, rig.nvm.image[i],
                    want[i], tensor_at(i, text, sizeof text));
            shown++;
        }
}

/* What a write of `bytes` may change: whole write units. */
static uint32_t in_units(uint32_t bytes) {
    return (bytes + rig.nvm.write_unit - 1u) / rig.nvm.write_unit * rig.nvm.write_unit;
}

int in_record(uint32_t offset) {
    for (int copy = 0; copy < 2; copy++)
        if (offset - rig.model.record_offset[copy] < in_units(rig.model.record_bytes))
            return 1;
    return 0;
}

int counts_boots(uint32_t offset) {
    uint32_t end = rig.model.tally_offset + in_units(WICK_TALLY_BYTES);
    return rig.model.tally_offset != 0 && offset >= rig.model.vars_offset[0] && offset < end;
}

enum { COMPARED = 256 /* bytes at once */ };
enum { RECORD_FLAGS_AT = 26, RECORD_CRC_AT = WICK_RECORD_BYTES - 4 };

static int same_record(const uint8_t *a, const uint8_t *b) {
    return memcmp(a, b, RECORD_FLAGS_AT) == 0 &&
           memcmp(a + RECORD_FLAGS_AT + 1, b + RECORD_FLAGS_AT + 1,
                  RECORD_CRC_AT - RECORD_FLAGS_AT - 1) == 0;
}

int spoils_gaps(void) {
    return rig.nvm.ecc > rig.nvm.write_unit;
}

int only_the_end_tells(void) {
    return spoils_gaps() || rig.voltage != VOLTAGE_UNKNOWN;
}

static int as_recorded(const uint8_t *want) {
    if (spoils_gaps())
        return 1;
    look();
    for (int copy = 0; copy < 2 && !rig.skip_records; copy++) {
        uint32_t at = rig.model.record_offset[copy];
        if (!same_record(rig.nvm.image + at, want + at))
            return 0;
    }
    for (uint32_t i = 0; i < rig.nvm.bytes;) {
        uint32_t next = i / COMPARED * COMPARED + COMPARED;
        next = next < rig.nvm.bytes ? next : rig.nvm.bytes;
        if (memcmp(rig.nvm.image + i, want + i, next - i) == 0) {
            i = next;
            continue;
        }
        for (; i < next; i++)
            if (rig.nvm.image[i] != want[i] && !in_record(i) && !counts_boots(i))
                return 0;
    }
    return 1;
}

/* What is needed beyond its segment: input, features, logits. Of the rest, tensors that stayed in
   SRAM are in NVM only where a commit fell that needed them, or a span was divided. */
static int keeps(const uint8_t *want) {
    look();
    for (uint32_t t = 0; t < rig.model.n_tensors; t++) {
        const wick_place *place = &rig.model.tensors[t];
        for (uint32_t copy = 0; copy < (place->stride ? 2u : 1u); copy++) {
            uint32_t at = place->offset + copy * place->stride;
            if (place->last_reader == UINT16_MAX &&
                memcmp(rig.nvm.image + at, want + at, place->bytes) != 0)
                return 0;
        }
    }
    return 1;
}

/* Bits of the modules that answer when the policy wants rig.module. */
static uint32_t modules_on_the_way(void) {
    uint32_t bit = 1u << (rig.module - 1u);
    return rig.model.chain ? (1u << rig.model.n_modules) - bit : bit;
}

/* The end of the input: the same values, and a record that says the same, though after another
   number of commits where spans were divided or joined. */
static int ends_as(const uint8_t *want) {
    rig.skip_records = 1;
    return (rig.model.arena_bytes ? keeps(want) : as_recorded(want)) &&
           rig.engine.record.phase == WICK_PHASE_IDLE && rig.engine.record.epoch == rig.epoch &&
           rig.engine.record.modules_sent == modules_on_the_way() &&
           rig.engine.record.modules_done == rig.engine.record.modules_sent;
}

/* After a boot on damaged memory: on until the memory equals the recorded one (to_end = 0), or to
   the end. 1 = as the uninterrupted run. */
static int recover(const char *id, int to_end, int must_deliver) {
    const uint8_t *last = rig.images[rig.commits - 1];
    /* Boots that achieved nothing make the engine divide spans: at most in four parts here. */
    for (uint32_t steps = 0; steps < 4u * (rig.model.n_spans + 8u); steps++) {
        uint32_t index = rig.engine.record.sequence - rig.sequence;
        if (!to_end && index < rig.commits && as_recorded(rig.images[index])) {
            if (steps > rig.worst_commits)
                rig.worst_commits = steps;
            return rig.wrong_deliveries == 0;
        }
        progress p = advance();
        if (p == BROKEN) {
            explain(id, "the engine reports an error", NULL);
            return 0;
        }
        if (p == FINISHED) {
            int same = to_end && ends_as(last) && rig.wrong_deliveries == 0 &&
                       (!must_deliver || rig.deliveries > 0);
            if (!same)
                explain(id,
                        rig.wrong_deliveries              ? "a wrong result was delivered"
                        : must_deliver && !rig.deliveries ? "the result was not delivered"
                                                          : "the end differs",
                        last);
            return same;
        }
    }
    explain(id, "no end after four times the commits of an eager run", NULL);
    return 0;
}

int boot_finds_commits(const char *id) {
    wick_rt_status status = power_up();
    uint32_t index = rig.engine.record.sequence - rig.first_sequence;
    if (!is_boot_ok(status)) {
        explain(id, "the boot fails", NULL);
        return 0;
    }
    if (rig.durable != 0 && (index + 1u < rig.durable ||
                             (index >= rig.commits && !rig.often && !only_the_end_tells()))) {
        explain(id, "the boot does not find what was committed", NULL);
        return 0;
    }
    return 1;
}

int boot_and_recover(const char *id, int to_end, int must_deliver) {
    if (!boot_finds_commits(id))
        return 0;
    rig.sequence = rig.first_sequence;
    rig.skip_records = 0;
    if (rig.durable == 0 && rig.engine.record.sequence != rig.first_sequence) {
        rig.sequence = rig.engine.record.sequence;
        rig.skip_records = 1;
    }
    if (only_the_end_tells())
        return recover(id, 1, must_deliver || rig.undelivered);
    return recover(id, to_end, must_deliver);
}
