/* Admission: which budget is short, by how much, and what would do. */
#include "plan/plan_parts.h"

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
    wick_pack_floor floor;
    wick_cost boot;
    int64_t scratch_limit;
    double charge_uj, needed_uj; /* by the costliest smallest span or the input, with its boot */
    double min_uf;
    bool short_of_charge, short_of_sram;
} admission;

/* Rounded up to three digits, so that the number that is printed does. */
static double round_up(double value) {
    double digit = pow(10, floor(log10(value)) - 2);
    return ceil(value / digit * (1 - 1e-12)) * digit;
}

/* Usable energy grows in proportion to the capacitance. */
static double uf_for(const admission *a, double needed_uj) {
    return needed_uj * a->device->capacitor.uf / (a->options->margin * a->charge_uj);
}

/* With a capacitor of `scale` times the chosen one's size. What is short is relaxed, so that the
   other budgets can still be examined. */
static wick_pack_limits limits_for(const admission *a, double scale) {
    bool speed = a->options->optimise == WICK_OPTIMISE_SPEED;
    double charge = a->charge_uj * scale;
    return (wick_pack_limits){.span_uj = a->options->margin * charge - a->boot.energy_uj,
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
    bool ok = wick_pack(&a->costs, &limits, &packing);
    if (ok)
        wick_packing_free(&packing);
    return ok;
}

/* The smallest step bounds the capacitor from below; the 16-bit span count may ask for more. */
static double find_min_uf(const admission *a) {
    double uf = round_up(uf_for(a, a->needed_uj));
    for (int i = 0; i < 200 && !packs_with(a, uf); i++)
        uf = round_up(uf * 1.05);
    return uf;
}

static void refuse_charge(const admission *a, wick_diag *diag) {
    double off = a->device->capacitor.off_v, efficiency = a->device->capacitor.efficiency;
    double wake = sqrt(off * off + 2 * a->needed_uj /
                                       (a->options->margin * efficiency * a->device->capacitor.uf));
    char hint[300], voltage[120] = "no wake voltage up to the capacitor's limit would do";
    if (wake <= a->device->capacitor.max_v)
        snprintf(voltage, sizeof voltage, "waking at %.2f V instead of %.2f V would do",
                 ceil(wake * 100 - 1e-9) / 100, a->device->capacitor.on_v);
    snprintf(hint, sizeof hint,
             "the smallest capacitor that would do is %g uF instead of %g uF; %s", a->min_uf,
             a->device->capacitor.uf, voltage);
    double smallest = a->floor.step_uj + a->boot.energy_uj;
    bool input = a->needed_uj > smallest;
    wick_fail(diag, WICK_NO_FIT, a->file,
              input ? "storing the input" : a->net->info[a->floor.step_layer].name, hint,
              "%s needs %.1f uJ with its boot and commit; one charge gives %.1f uJ, %.0f %% of "
              "which may be used: %.1f uJ short",
              input ? "this" : "the smallest step", a->needed_uj, a->charge_uj,
              a->options->margin * 100, a->needed_uj - a->options->margin * a->charge_uj);
}

/* budget: what the options allow; 0: all that the device has. */
static void refuse_bytes(const char *file, const char *place, const char *memory, int64_t needed,
                         int64_t available, int64_t budget, wick_diag *diag) {
    wick_fail(diag, WICK_NO_FIT, file, place, "choose a larger device or a smaller network",
              "%lld bytes of %s are needed, the %s %lld: %lld short", (long long)needed, memory,
              budget > 0 ? "budget is" : "device has", (long long)available,
              (long long)(needed - available));
}

/* Memory that must be erased: what each write would take, were it driven. */
static wick_status refuse_flash(const wick_device *device, wick_diag *diag) {
    wick_cost page = wick_device_cost(device, wick_device_write_work(device, 1));
    return wick_fail(
        diag, WICK_UNSUPPORTED, device->path, "nvm.kind",
        "use a device with FRAM or MRAM, such as one of these with a serial FRAM beside "
        "it (m33-fram)",
        "its flash must be erased in pages of %lld bytes before it is written, which the "
        "engine does not do; each commit alone would take %.0f µs and %.1f µJ and one of "
        "the page's %.3g erase cycles",
        (long long)device->nvm.page_bytes, page.time_us, page.energy_uj,
        device->nvm.endurance_cycles);
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

static void examine(admission *a, wick_diag *diag) {
    int64_t fixed = (int64_t)sizeof(wick_engine) + WICK_ENGINE_STACK_BYTES;
    int64_t logits = wick_plan_align(a->net->n_classes, 4);
    a->floor = wick_pack_smallest(&a->costs);
    if (a->floor.scratch < logits)
        a->floor.scratch = logits;
    a->scratch_limit = a->device->sram_bytes - fixed;
    a->short_of_sram = a->scratch_limit < a->floor.scratch;
    double submit = wick_plan_submit_cost(&a->costs).energy_uj;
    a->needed_uj = a->boot.energy_uj + (submit > a->floor.step_uj ? submit : a->floor.step_uj);
    a->short_of_charge = a->needed_uj > a->options->margin * a->charge_uj * WICK_PLAN_SLACK;
    a->min_uf = find_min_uf(a);
    if (a->short_of_sram)
        refuse_bytes(a->file, a->net->info[a->floor.scratch_layer].name, "SRAM",
                     a->floor.scratch + fixed, a->device->sram_bytes, a->options->sram_bytes, diag);
    if (a->short_of_charge)
        refuse_charge(a, diag);
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

/* The budgets that are known once the plan stands. */
static void examine_plan(const wick_plan *plan, wick_diag *diag) {
    const wick_device *device = plan->device;
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

/* A plan whose kernels leave `room` bytes of flash, or what keeps it from fitting. *tight: with
   more flash other kernels would have been taken. */
static wick_status make(const wick_qnet *net, const wick_device *device,
                        const wick_plan_options *options, const char *model_path, int64_t room,
                        bool *tight, wick_plan **out, wick_diag *diag) {
    wick_plan *plan = wick_plan_new(net, device, options, model_path);
    int64_t engine = (int64_t)sizeof(wick_engine) + WICK_ENGINE_STACK_BYTES;
    *tight =
        wick_plan_choose_kernels(plan, (plan->device->sram_bytes - engine) / 2,
                                 plan->device->flash_bytes - wick_plan_fixed_flash(plan) - room);
    admission a = {.net = net,
                   .device = plan->device,
                   .options = options,
                   .file = model_path,
                   .costs = wick_plan_costs_of(plan),
                   .boot = plan->boot,
                   .charge_uj = plan->charge_uj};
    wick_diag findings = {0};
    examine(&a, &findings);
    wick_packing packing;
    wick_pack_limits limits =
        limits_for(&a, a.short_of_charge ? a.min_uf / a.device->capacitor.uf : 1);
    if (wick_pack(&a.costs, &limits, &packing)) {
        adopt(plan, &a, &packing);
        wick_packing_free(&packing);
        examine_plan(plan, &findings);
    } else {
        char hint[120];
        snprintf(hint, sizeof hint, "the smallest capacitor that would do is %g uF", a.min_uf);
        wick_fail(&findings, WICK_NO_FIT, model_path, NULL, hint,
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

wick_status wick_plan_make(const wick_qnet *net, const wick_device *device,
                           const wick_plan_options *options, const char *model_path,
                           wick_plan **out, wick_diag *diag) {
    enum { ROOM = 2000 }; /* steps and spans are not known yet */
    bool tight;
    *out = NULL;
    WICK_TRY(wick_plan_accepts(net, model_path, diag));
    if (device->nvm.page_bytes)
        return refuse_flash(device, diag);
    WICK_TRY(accept_checksums(device, options->checksum_block, diag));
    WICK_TRY(make(net, device, options, model_path, room_for(ROOM, ROOM), &tight, out, diag));
    if (!tight)
        return WICK_OK;
    /* Now they are, about: larger kernels may take the flash that is left. */
    wick_plan *first = *out, *second = NULL;
    int64_t room = room_for(first->model.n_steps, first->model.n_spans);
    wick_status status = make(net, device, options, model_path, room, &tight, &second, NULL);
    if (status == WICK_NO_FIT) /* other kernels, more steps */
        status = make(net, device, options, model_path, room * 5 / 4, &tight, &second, NULL);
    bool better = status == WICK_OK && objective(second) < objective(first);
    *out = better ? second : first;
    wick_plan_free(better ? first : second);
    return WICK_OK;
}
