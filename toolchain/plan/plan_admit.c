/* Admission: which budget is short, by how much, and what would do. */
#include "plan/plan_memo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <wick/engine.h>
#include <wick/guard.h>

/* What planning works with while it looks for a packing. */
typedef struct admission {
    const wick_qnet *net;
    const wick_device *device; /* with the chosen capacitor */
    const wick_plan_options *options;
    const char *file;
    wick_plan_costs costs;
    wick_plan_memo *memo;
    wick_pack_floor floor;
    wick_cost boot;
    int64_t scratch_limit;
    double charge_uj;
    wick_plan_draw boot_draw, needed; /* the costliest smallest span or the input, with its boot */
    const char *needed_by;
    double min_uf;
    bool short_of_charge, short_of_sram;
} admission;

/* Rounded up to three digits, so that the number that is printed does. */
static double round_up(double value) {
    double digit = pow(10, floor(log10(value)) - 2);
    return ceil(value / digit * (1 - 1e-12)) * digit;
}

/* With a capacitor of `scale` times the chosen one's size. What is short is relaxed, so that the
   other budgets can still be examined. */
static wick_pack_limits limits_for(const admission *a, double scale) {
    bool speed = a->options->optimise == WICK_OPTIMISE_SPEED;
    double charge = a->charge_uj * scale;
    double boot_uj = a->boot_draw.uj * a->device->capacitor.efficiency;
    return (wick_pack_limits){.span_uj = a->options->margin * charge - boot_uj,
                              .uj_per_v2 =
                                  wick_plan_uj_per_v2(a->device, a->options->margin) * scale,
                              .usable_uj = charge - a->boot.energy_uj,
                              .scratch = a->short_of_sram ? INT64_MAX : a->scratch_limit,
                              .max_span_outputs = a->options->max_span_outputs,
                              .latency_weight = speed ? 1 : a->options->latency_weight,
                              .active_uj_per_us = a->device->active_mw / 1e3,
                              .features = a->options->features};
}

static bool packs_with(const admission *a, double uf) {
    wick_pack_limits limits = limits_for(a, uf / a->device->capacitor.uf);
    limits.any = true;
    wick_packing packing;
    bool ok = wick_pack(&a->costs, &limits, a->memo, &packing);
    if (ok)
        wick_packing_free(&packing);
    return ok;
}

/* The smallest step bounds the capacitor from below; the 16-bit span count may ask for more. */
static double find_min_uf(const admission *a) {
    double uf = round_up(wick_plan_uf_for(a->device, a->options->margin, a->needed));
    for (int i = 0; i < 200 && !packs_with(a, uf); i++)
        uf = round_up(uf * 1.05);
    return uf;
}

static void refuse_charge(const admission *a, wick_diag *diag) {
    double margin = a->options->margin;
    double wake = wick_plan_wake_v_for(a->device, margin, a->needed);
    double needed_uj =
        wick_plan_asked_uj(a->device, wick_plan_uj_per_v2(a->device, margin), a->needed);
    char hint[300], voltage[120] = "no wake voltage up to the capacitor's limit would do";
    if (wake <= a->device->capacitor.max_v)
        snprintf(voltage, sizeof voltage, "waking at %.2f V instead of %.2f V would do",
                 ceil(wake * 100 - 1e-9) / 100, a->device->capacitor.on_v);
    snprintf(hint, sizeof hint,
             "the smallest capacitor that would do is %g uF instead of %g uF; %s", a->min_uf,
             a->device->capacitor.uf, voltage);
    bool step = a->needed.uj == a->floor.step.uj;
    wick_fail(diag, WICK_NO_FIT, a->file, a->needed_by, hint,
              "%s needs %.1f uJ with its boot and commit%s; one charge gives %.1f uJ, %.0f %% of "
              "which may be used: %.1f uJ short",
              step ? "the smallest step" : "this", needed_uj,
              a->device->capacitor.esr_ohm > 0 ? ", series resistance included" : "", a->charge_uj,
              margin * 100, needed_uj - margin * a->charge_uj);
}

/* The device browns out at the wake voltage already, however large the capacitor. */
static wick_status refuse_resistance(const admission *a, wick_diag *diag) {
    return wick_fail(diag, WICK_NO_FIT, a->file, a->needed_by,
                     "a capacitor with less series resistance, a higher on_v, or less power",
                     "under this load the terminals stand at off_v while the capacitor still "
                     "has %.3f V, and the device wakes at %.3f V",
                     a->needed.off_v, a->device->capacitor.on_v);
}

/* budget: what the options allow; 0: all that the device has. */
static void refuse_bytes(const char *file, const char *place, const char *memory, int64_t needed,
                         int64_t available, int64_t budget, wick_diag *diag) {
    wick_fail(diag, WICK_NO_FIT, file, place, "choose a larger device or a smaller network",
              "%lld bytes of %s are needed, the %s %lld: %lld short", (long long)needed, memory,
              budget > 0 ? "budget is" : "device has", (long long)available,
              (long long)(needed - available));
}

static wick_status accept_checksums(const wick_device *device, int block, wick_diag *diag) {
    int64_t unit = wick_device_unit_bytes(device);
    if (block == 0 || unit <= WICK_GUARD_MOST_UNIT)
        return WICK_OK;
    return wick_fail(diag, WICK_UNSUPPORTED, device->path, "nvm",
                     "plan without them: a cache line or page that holds parts of several blocks "
                     "would damage all of them at a cut",
                     "checksums of blocks need memory that is written in at most %d bytes, this is "
                     "in %lld",
                     WICK_GUARD_MOST_UNIT, (long long)unit);
}

static void ask(admission *a, wick_plan_draw draw, const char *by) {
    if (a->needed_by &&
        wick_plan_uf_for(a->device, 1, draw) <= wick_plan_uf_for(a->device, 1, a->needed))
        return;
    a->needed = draw;
    a->needed_by = by;
}

/* What is short is a finding; another status than OK: no budget would do. */
static wick_status examine(admission *a, wick_diag *diag, wick_diag *findings) {
    int64_t fixed = wick_plan_fixed_ram(a->device);
    int64_t logits = wick_plan_align(wick_plan_logit_bytes(a->net), 4);
    a->boot_draw = wick_plan_draw_of(a->device, a->boot);
    a->floor = wick_pack_smallest(&a->costs, a->boot_draw);
    if (a->floor.scratch < logits)
        a->floor.scratch = logits;
    a->scratch_limit = a->device->sram_bytes - fixed;
    a->short_of_sram = a->scratch_limit < a->floor.scratch;
    ask(a, a->floor.step, a->net->info[a->floor.step_layer].name);
    wick_plan_draw submit[WICK_PLAN_SUBMIT_PARTS];
    wick_plan_submit_draws(&a->costs, a->boot_draw, submit);
    for (int i = 0; i < WICK_PLAN_SUBMIT_PARTS; i++)
        ask(a, submit[i], i ? "storing the input" : "the boot");
    double least_uf = wick_plan_uf_for(a->device, a->options->margin, a->needed);
    if (isinf(least_uf))
        return refuse_resistance(a, diag);
    a->short_of_charge = least_uf > a->device->capacitor.uf * WICK_PLAN_SLACK;
    a->min_uf = find_min_uf(a);
    if (a->short_of_sram)
        refuse_bytes(a->file, a->net->info[a->floor.scratch_layer].name, "SRAM",
                     a->floor.scratch + fixed, a->device->sram_bytes, a->options->sram_bytes,
                     findings);
    if (a->short_of_charge)
        refuse_charge(a, findings);
    return WICK_OK;
}

static void adopt(wick_plan *plan, const admission *a, const wick_packing *packing) {
    wick_step *steps = wick_new(plan->arena, wick_step, packing->n_steps);
    wick_span *spans = wick_new(plan->arena, wick_span, packing->n_spans);
    memcpy(steps, packing->steps, (size_t)packing->n_steps * sizeof *steps);
    memcpy(spans, packing->spans, (size_t)packing->n_spans * sizeof *spans);
    plan->model.steps = steps;
    plan->model.n_steps = (uint16_t)packing->n_steps;
    plan->model.spans = spans;
    plan->model.n_spans = (uint16_t)packing->n_spans;
    plan->model.arena_bytes = (uint32_t)packing->arena_bytes;
    plan->min_capacitor_uf = a->min_uf;
    wick_plan_complete_segments(plan, packing->first_span, packing->span_count);
    wick_plan_lay_out(plan, packing->places);
    plan->model.scratch_bytes = wick_model_scratch_bytes(&plan->model, a->device->nvm.mapped);
    wick_plan_complete(plan, packing->first_span, packing->span_count);
}

/* Of flash: the log must have pages left that take turns, and its heads room for the table. */
static void examine_flash(const wick_plan *plan, wick_diag *diag) {
    const wick_device *device = plan->device;
    int64_t blocks = plan->model.nvm_bytes / plan->model.write_unit;
    int64_t live = wick_plan_flash_live(plan), most = wick_device_flash_live(device);
    if (blocks > wick_device_flash_blocks(device))
        wick_fail(diag, WICK_NO_FIT, plan->model_path, NULL,
                  "choose a network of fewer or smaller tensors, or flash of larger pages",
                  "the engine's memory has %lld blocks of %u bytes, a page's table %lld",
                  (long long)blocks, plan->model.write_unit,
                  (long long)wick_device_flash_blocks(device));
    if (live > most)
        refuse_bytes(plan->model_path, NULL, "flash's log", live, most, 0, diag);
}

/* The budgets that are known once the plan stands. */
static void examine_plan(const wick_plan *plan, wick_diag *diag) {
    const wick_device *device = plan->device;
    if (device->nvm.page_bytes)
        examine_flash(plan, diag);
    if (plan->totals.memory_bytes > device->nvm.bytes)
        refuse_bytes(plan->model_path, NULL, "NVM", plan->totals.memory_bytes, device->nvm.bytes,
                     plan->options.nvm_bytes, diag);
    if (plan->totals.flash_bytes > device->flash_bytes)
        refuse_bytes(plan->model_path, NULL, "flash", plan->totals.flash_bytes, device->flash_bytes,
                     plan->options.flash_bytes, diag);
}

/* Flash that kernels and constants leave to the tables of steps and spans. */
static int64_t room_for(int64_t steps, int64_t spans) {
    return steps * (int64_t)sizeof(wick_step) + spans * (int64_t)sizeof(wick_span);
}

/* What the plans of one call share. */
typedef struct asked {
    const wick_qnet *net;
    const wick_device *device;
    const wick_plan_options *options;
    const char *model_path;
    wick_plan_prices *prices;
    wick_plan_memo memo;
} asked;

static int64_t kernel_scratch(const wick_device *device) {
    return (device->sram_bytes - wick_plan_fixed_ram(device)) / 2;
}

/* A plan whose kernels leave `room` bytes of flash, but not yet steps. *tight: with more flash
   other kernels would have been taken. */
static wick_plan *begin(asked *q, int64_t room, bool *tight) {
    wick_plan *plan = wick_plan_new(q->net, q->device, q->options, q->model_path);
    if (!q->prices)
        q->prices = wick_plan_price_kernels(q->net, plan->device, kernel_scratch(plan->device));
    *tight = wick_plan_choose_kernels(
        plan, q->prices, plan->device->flash_bytes - wick_plan_fixed_flash(plan) - room);
    return plan;
}

/* Completes the plan, or tells what keeps it from fitting and frees it. */
static wick_status finish(asked *q, wick_plan *plan, wick_plan **out, wick_diag *diag) {
    wick_plan_pack_weights(plan);
    admission a = {.net = q->net,
                   .device = plan->device,
                   .options = q->options,
                   .file = q->model_path,
                   .costs = wick_plan_costs_of(plan),
                   .memo = &q->memo,
                   .boot = plan->boot,
                   .charge_uj = plan->charge_uj};
    wick_diag findings = {0};
    wick_status possible = examine(&a, diag, &findings);
    if (possible != WICK_OK) {
        wick_diag_free(&findings);
        wick_plan_free(plan);
        return possible;
    }
    wick_packing packing;
    wick_pack_limits limits =
        limits_for(&a, a.short_of_charge ? a.min_uf / a.device->capacitor.uf : 1);
    if (wick_pack(&a.costs, &limits, a.memo, &packing)) {
        adopt(plan, &a, &packing);
        wick_packing_free(&packing);
        examine_plan(plan, &findings);
    } else {
        char hint[120];
        snprintf(hint, sizeof hint, "the smallest capacitor that would do is %g uF", a.min_uf);
        wick_fail(&findings, WICK_NO_FIT, a.file, NULL, hint,
                  "more than 65,535 spans would be needed");
    }
    wick_status status = findings.count ? WICK_NO_FIT : wick_plan_check(plan, diag);
    for (size_t i = 0; i < findings.count; i++)
        wick_fail(diag, WICK_NO_FIT, findings.items[i].file, findings.items[i].place,
                  findings.items[i].hint, "%s", findings.items[i].reason);
    wick_diag_free(&findings);
    if (status == WICK_OK)
        *out = plan;
    else
        wick_plan_free(plan);
    return status;
}

/* What kernels are chosen for: energy, or of SPEED time. */
static double objective(const wick_plan *plan) {
    double us = 0;
    if (plan->options.optimise != WICK_OPTIMISE_SPEED)
        return plan->expected_uj;
    for (int s = 0; s < plan->n_segments; s++)
        us += plan->segments[s].cost.time_us;
    return us;
}

static bool same_kernels(const wick_plan *a, const wick_plan *b) {
    bool same = true;
    for (int l = 0; l < a->net->n_layers; l++)
        same = same && a->layers[l].kernel == b->layers[l].kernel;
    return same;
}

/* The plan again, now that the number of steps and spans is known, about: larger kernels may take
   the flash that is left. */
static wick_plan *improve(asked *q, wick_plan *first) {
    bool tight;
    int64_t room = room_for(first->model.n_steps, first->model.n_spans);
    wick_plan *second = begin(q, room, &tight);
    if (same_kernels(first, second)) { /* the same plan */
        wick_plan_free(second);
        return first;
    }
    wick_status status = finish(q, second, &second, NULL);
    if (status == WICK_NO_FIT) { /* other kernels, more steps */
        second = begin(q, room * 5 / 4, &tight);
        status = finish(q, second, &second, NULL);
    }
    if (status != WICK_OK)
        return first;
    bool better = objective(second) < objective(first);
    wick_plan_free(better ? first : second);
    return better ? second : first;
}

wick_status wick_plan_make(const wick_qnet *net, const wick_device *device,
                           const wick_plan_options *options, const char *model_path,
                           wick_plan **out, wick_diag *diag) {
    enum { ROOM = 2000 }; /* steps and spans are not known yet */
    bool tight;
    *out = NULL;
    WICK_TRY(wick_plan_accepts(net, model_path, diag));
    WICK_TRY(wick_plan_offers(net, device, model_path, diag));
    WICK_TRY(accept_checksums(device, options->checksum_block, diag));
    asked q = {.net = net,
               .device = device,
               .options = options,
               .model_path = model_path,
               .memo = wick_plan_memo_new(net->n_layers)};
    wick_plan *plan = begin(&q, room_for(ROOM, ROOM), &tight);
    wick_status status = finish(&q, plan, out, diag);
    if (status == WICK_OK && tight)
        *out = improve(&q, *out);
    wick_plan_prices_free(q.prices);
    wick_plan_memo_free(&q.memo);
    return status;
}
