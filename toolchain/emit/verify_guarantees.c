/* What a verification run shows of each guarantee (docs/guarantees.md). */
#include "emit/verify.h"

#include <stdio.h>
#include <string.h>

/* A test of the test suite is a file's name; tests/house/test_guarantees.sh checks that there is
   one, and that docs/guarantees.md names the same. */
const char *const wick_guarantee_tests[WICK_GUARANTEES] = {
    "`selftest`; `wick verify --rig all`; `test_powercut`, `test_flash`, `slow_mutations`, `slow_thumb`, "
    "`slow_thumb_flash`, `slow_killed`, `slow_rigs`, `slow_emit_msp430`, `slow_end_to_end`, "
    "`slow_random_cuts`, `long_power_cuts`",
    "`slow_spin` (no livelock), `test_bad_cases` (stuck sensors), `test_powercut` (divided spans), "
    "`test_plan`, `test_plan_esr`, `test_admission`",
    "`wick verify`; `test_powercut`, `slow_mutations`",
    "`selftest`; `wick verify`; `test_powercut`, `slow_mutations`, `slow_thumb`",
    "`wick verify`; `test_record`, `test_engine`, `test_bad_cases`, `test_image`, `slow_slots`, "
    "`slow_mutations`",
    "`selftest` (with checksums), `wick verify`; `test_record`, `test_bad_cases`, `test_guard`, "
    "`slow_guard`, `test_engine_field`, `slow_mutations`",
    "`slow_runtime_builds`, `slow_stack`",
    "`wick verify`; `test_engine`, `test_engine_field`, `test_bad_cases`, `slow_mutations`",
    "`test_latency`, `test_plan_lazy`, `slow_plan_cli`"};

typedef struct totals {
    int64_t cuts, pairs, seeded, resets, differences, flips, flip_differences, next,
        next_differences, qemu_wrong, other, other_differences;
    int worst_commits, variants;
    bool host, exhaustive, qemu, equal, foreign, damage, all_modules;
} totals;

static totals sum(const wick_plan *plan, const wick_verify_result *result) {
    totals t = {.equal = true, .foreign = true, .damage = true};
    uint32_t seen = 0;
    for (int i = 0; i < result->n_cases; i++) {
        const wick_verify_case *c = &result->cases[i];
        t.host |= c->host_run;
        seen |= 1u << (c->module - 1);
        t.exhaustive |= c->exhaustive_cuts > 0;
        t.qemu |= c->qemu_run;
        t.cuts += c->exhaustive_cuts + c->barrier_cuts;
        t.seeded += c->seeded_cuts;
        t.pairs += c->pair_cuts;
        t.variants = c->variants;
        t.differences += c->exhaustive_differences + c->pair_differences + c->seeded_differences;
        t.flips += c->record_flips;
        t.next += c->next_cuts;
        t.next_differences += c->next_differences;
        t.flip_differences += c->record_flip_differences;
        t.resets += c->qemu_resets;
        t.qemu_wrong += c->qemu_wrong;
        t.equal &= (!c->host_run || c->host_equal) && (!c->qemu_run || c->qemu_equal);
        t.foreign &= c->foreign_refused;
        t.damage &= c->damage_noticed;
        if (c->worst_commits > t.worst_commits)
            t.worst_commits = c->worst_commits;
    }
    for (int i = 0; i < result->n_rigs; i++) {
        t.other += result->rigs[i].experiments;
        t.other_differences += result->rigs[i].differences;
    }
    t.all_modules = seen == (1u << plan->model.n_modules) - 1;
    return t;
}

static void set(wick_guarantee *g, const char *id, const char *text, const char *status) {
    *g = (wick_guarantee){.id = id, .text = text, .status = status};
}

static const char *proven(bool ran, bool holds) {
    return !holds ? "BROKEN" : ran ? "proven here" : "tested in the suite";
}

void wick_verify_guarantees(const wick_plan *plan, const wick_verify_options *options,
                            const wick_verify_result *result, wick_guarantee out[WICK_GUARANTEES]) {
    totals t = sum(plan, result);
    size_t size = sizeof out[0].evidence;
    bool clean = t.differences == 0 && t.qemu_wrong == 0 && t.other_differences == 0 && t.equal;
    set(&out[0], "G1", "any power failures: the same answer, byte for byte",
        proven(t.exhaustive && t.seeded > 0 && t.all_modules, clean));
    char every[80] = "";
    if (t.exhaustive)
        snprintf(every, sizeof every,
                 plan->device->nvm.page_bytes
                     ? ", in every operation on the flash in %d variants"
                     : ", before every NVM write in %d variants and every barrier",
                 t.variants);
    snprintf(out[0].evidence, size,
             "%lld cuts%s, %lld pairs of cuts, %lld seeded runs to the end, %lld resets on the "
             "emulated Cortex-M4, %lld cuts of machine code%s: %lld differences",
             (long long)t.cuts, every, (long long)t.pairs, (long long)t.seeded, (long long)t.resets,
             (long long)t.other, t.all_modules ? "" : ", not of every module",
             (long long)(t.differences + t.qemu_wrong + t.other_differences));
    set(&out[1], "G2", "every boot with the declared energy: done within the declared boots",
        "modelled");
    snprintf(out[1].evidence, size,
             "at most %u boots of %.1f µJ each: every span, with a boot before it, needs at most "
             "%.1f µJ on %s (modelled)",
             plan->model.n_spans + 8u, plan->charge_uj, plan->worst_span_uj, plan->device->name);
    set(&out[2], "G3", "a failure costs at most one span",
        proven(t.exhaustive && t.all_modules, t.worst_commits <= 1));
    snprintf(out[2].evidence, size, "at most %d commit until the memory had caught up",
             t.worst_commits);
    set(&out[3], "G4",
        "a result appears whole or not at all, and is sent at least once, with an id",
        proven(t.exhaustive && t.seeded > 0 && t.all_modules, clean));
    snprintf(out[3].evidence, size, "every delivered result compared, in every cut above");
    set(&out[4], "G5", "another model's memory is never resumed",
        proven(t.host, t.foreign || !t.host));
    snprintf(out[4].evidence, size, "memory in mid-run offered to a model with another identity%s",
             t.host ? "" : " (not run)");
    set(&out[5], "G6", "a corrupted record is noticed, never used",
        proven(t.host, (t.flip_differences == 0 && t.damage) || !t.host));
    snprintf(out[5].evidence, size, "%lld single bit flips of the records, both copies damaged",
             (long long)t.flips);
    set(&out[6], "G7", "no heap, no recursion, a declared stack bound", "tested in the suite");
    snprintf(out[6].evidence, size, "symbols and call graph of the runtime; stack bound %lld bytes",
             (long long)plan->totals.stack_bytes);
    set(&out[7], "G8", "every input is answered or reported as dropped, its age known or unknown",
        proven(t.host, t.next_differences == 0));
    snprintf(
        out[7].evidence, size,
        "%lld cuts while the next input was stored: one of the two is whole; the record carries "
        "the input's number, a gap in the numbers is a dropped input",
        (long long)t.next);
    set(&out[8], "G9", "a worst-case latency under a stated minimum harvest",
        "tested in the suite");
    snprintf(out[8].evidence, size,
             "modelled: `wick plan --harvest-min 0.5mW --deadline 30s` states it for this device; "
             "test_latency: the simulators never exceed it");
    if (options->plant_war)
        snprintf(out[0].evidence, size, "a fault was planted: %lld differences were found",
                 (long long)t.differences);
}
