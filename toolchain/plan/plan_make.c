/* From a network and a device to a complete plan, or to everything that keeps it from fitting. */
#include "plan/plan_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <wick/engine.h>
#include <wick/guard.h>

/* Bytes of code beside the kernels, gcc 12.2 -O2 for Cortex-M4, rounded up;
   tests/emit/slow_emit_builds.c measures. */
enum { CODE_ENGINE = 13728, CODE_GUARD = 684, CODE_FLASH = 2624 };

wick_plan_options wick_plan_defaults(void) {
    return (wick_plan_options){.margin = 0.8};
}

wick_plan *wick_plan_new(const wick_qnet *net, const wick_device *device,
                         const wick_plan_options *options, const char *model_path) {
    wick_arena *arena = wick_arena_new();
    wick_plan *plan = wick_new(arena, wick_plan, 1);
    plan->arena = arena;
    plan->net = net;
    plan->device = options->capacitor_uf > 0
                       ? wick_device_with_capacitor(arena, device, options->capacitor_uf)
                       : device;
    if (options->flash_bytes > 0 || options->sram_bytes > 0 || options->nvm_bytes > 0)
        plan->device = wick_device_with_less(arena, plan->device, options->flash_bytes,
                                             options->sram_bytes, options->nvm_bytes);
    if (options->checksum_block > 0)
        plan->device = wick_device_with_checksums(arena, plan->device, options->checksum_block);
    plan->model_path = wick_arena_strdup(arena, model_path);
    plan->options = *options;
    plan->charge_uj = wick_device_charge_uj(plan->device);
    plan->boot = wick_plan_boot_cost(plan->device, options->app_bytes);
    if (plan->device->nvm.page_bytes)
        plan->page = wick_device_cost(plan->device, (wick_work){.nvm_erases = 1});
    plan->n_segments = 1 + net->n_modules;
    plan->life = wick_new(arena, wick_plan_life, net->n_tensors);
    plan->layers = wick_new(arena, wick_layer, net->n_layers);
    if (net->n_layers)
        memcpy(plan->layers, net->layers, (size_t)net->n_layers * sizeof *plan->layers);
    plan->model = (wick_model){.format = WICK_MODEL_FORMAT,
                               .n_layers = (uint16_t)net->n_layers,
                               .n_tensors = (uint16_t)net->n_tensors,
                               .n_modules = (uint16_t)net->n_modules,
                               .input_tensor = (uint16_t)net->input,
                               .n_classes = (uint16_t)net->n_classes,
                               .chain = net->chain,
                               .layers = plan->layers};
    return plan;
}

void wick_plan_free(wick_plan *plan) {
    if (plan)
        wick_arena_free(plan->arena);
}

static wick_status unsupported(const char *file, const char *place, const char *reason,
                               wick_diag *diag) {
    return wick_fail(diag, WICK_UNSUPPORTED, file, place, NULL, "%s", reason);
}

bool wick_plan_crosses(const wick_qnet *net, int tensor) {
    int from = -1;
    for (int l = 0; l < net->n_layers; l++)
        if (net->layers[l].dst == tensor)
            from = net->info[l].segment;
    for (int l = 0; l < net->n_layers && from > 0; l++)
        for (int o = 0; o < net->layers[l].n_operands; o++)
            if (net->layers[l].operands[o].tensor == tensor && net->info[l].segment != from)
                return true;
    return false;
}

int wick_plan_way_from(const wick_plan *plan, int module) {
    return plan->net->chain ? plan->net->n_modules : module;
}

double wick_plan_answer_uj(const wick_plan *plan, int module) {
    double uj = plan->segments[0].cost.energy_uj;
    for (int m = module; m <= wick_plan_way_from(plan, module); m++)
        uj += plan->segments[m].cost.energy_uj;
    return uj;
}

wick_status wick_plan_accepts(const wick_qnet *net, const char *model_path, wick_diag *diag) {
    int *segment_of = wick_xalloc(((size_t)net->n_tensors + 1) * sizeof *segment_of);
    bool filled[1 + WICK_MAX_HEADS] = {false};
    wick_status status = WICK_OK;
    int last = 0;
    if (net->n_modules < 1 || net->n_modules > WICK_MAX_MODULES || net->n_layers > UINT16_MAX ||
        net->n_tensors > UINT16_MAX)
        status = unsupported(model_path, NULL, "too many layers, tensors or modules", diag);
    for (int l = 0; l < net->n_layers && net->chain; l++)
        segment_of[net->layers[l].dst] = net->info[l].segment;
    for (int l = 0; l < net->n_layers && status == WICK_OK; l++) {
        const wick_layer *layer = &net->layers[l];
        int segment = net->info[l].segment;
        if (segment < last || segment > net->n_modules)
            status = unsupported(model_path, net->info[l].name,
                                 "layers are not in the order of their modules", diag);
        for (int o = 0; o < layer->n_operands && status == WICK_OK; o++) {
            int from = segment_of[layer->operands[o].tensor];
            if (from && from != segment && !(net->chain && from > segment))
                status = unsupported(model_path, net->info[l].name,
                                     "it reads what another module computes", diag);
        }
        if (status == WICK_OK)
            filled[last = segment] = true;
        segment_of[layer->dst] = segment;
    }
    for (int m = 1; m <= net->n_modules && status == WICK_OK; m++)
        if (!filled[m])
            status = unsupported(model_path, net->module_names[m - 1],
                                 "this module has no layer of its own", diag);
    free(segment_of);
    return status;
}

void wick_plan_complete_segments(wick_plan *plan, const int *first_span, const int *span_count) {
    const wick_qnet *net = plan->net;
    wick_segment *segments = wick_new(plan->arena, wick_segment, plan->n_segments);
    int extractor_steps = 0;
    plan->model.segments = segments;
    for (int l = 0; span_count[0] == 0 && l < net->n_layers; l++)
        extractor_steps += net->info[l].segment == 0;
    for (int s = 0; s < span_count[0]; s++)
        extractor_steps += plan->model.spans[first_span[0] + s].n_steps;
    plan->model.extractor_steps = (uint16_t)extractor_steps;
    for (int s = 0; s < plan->n_segments; s++) {
        double accuracy = s ? net->accuracy[s - 1] : NAN;
        segments[s] = (wick_segment){.first_span = (uint16_t)first_span[s],
                                     .n_spans = (uint16_t)span_count[s],
                                     .result = (uint16_t)(s ? net->logits[s - 1] : net->features),
                                     .accuracy_permille =
                                         isfinite(accuracy) ? (uint16_t)lround(accuracy * 1000) : 0,
                                     .wide = s && net->tensors[net->logits[s - 1]].wide};
    }
}

static uint32_t saturate(double value) {
    return value >= (double)UINT32_MAX ? UINT32_MAX : (uint32_t)llround(value);
}

/* The step that is number `index` in the chain that step `at` belongs to. */
static int step_of_chain(const wick_plan *plan, int at, uint16_t index) {
    const wick_model *m = &plan->model;
    int segment = 0;
    if (index == UINT16_MAX || (index < m->extractor_steps && !wick_recomputes(m)))
        return index;
    while (segment < m->n_modules && m->spans[m->segments[segment + 1].first_span].first_step <= at)
        segment++;
    return index + (int)wick_chain_base(m, (uint32_t)segment);
}

/* Operands that have a place in SRAM. */
static void complete_reloads(wick_plan *plan, const wick_plan_costs *costs) {
    const wick_model *m = &plan->model;
    int most = 0;
    for (int i = 0; i < m->n_steps; i++)
        most += plan->layers[m->steps[i].layer].n_operands;
    plan->reloads = wick_new(plan->arena, wick_plan_reload, most);
    plan->n_reloads = 0;
    for (int i = 0; i < m->n_steps; i++) {
        const wick_layer *layer = &plan->layers[m->steps[i].layer];
        for (uint32_t o = 0; o < layer->n_operands; o++) {
            int tensor = layer->operands[o].tensor;
            if (wick_plan_resident(costs, tensor))
                plan->reloads[plan->n_reloads++] = (wick_plan_reload){
                    .step = i,
                    .producer = step_of_chain(plan, i, m->tensors[tensor].producer),
                    .cost = wick_device_cost(plan->device,
                                             wick_plan_operand_work(costs, m->steps[i], o))};
        }
    }
}

/* What the simulators charge one by one: steps, what goes to NVM and back, commits, inputs,
   deliveries. */
static void complete_parts(wick_plan *plan, const wick_plan_costs *costs) {
    const wick_device *device = plan->device;
    const wick_model *m = &plan->model;
    plan->step_cost = wick_new(plan->arena, wick_cost, m->n_steps);
    plan->stores = wick_new(plan->arena, wick_plan_store, m->n_steps);
    for (int i = 0; i < m->n_steps; i++) {
        int dst = plan->layers[m->steps[i].layer].dst;
        plan->step_cost[i] = wick_device_cost(device, wick_plan_step_work(costs, m->steps[i]));
        plan->stores[i] = (wick_plan_store){.last_reader = -1};
        if (wick_plan_resident(costs, dst))
            plan->stores[i] = (wick_plan_store){
                .cost = wick_device_cost(device, wick_plan_store_work(costs, dst)),
                .last_reader = step_of_chain(plan, i, m->tensors[dst].last_reader)};
    }
    complete_reloads(plan, costs);
    plan->commit = wick_device_cost(device, wick_plan_commit_work(device));
    plan->take = wick_device_cost(device, wick_plan_take_work(costs));
    wick_work logits = {.nvm_read_bytes = wick_plan_logit_bytes(plan->net),
                        .nvm_reads = device->nvm.mapped ? 0 : 1};
    plan->send = wick_device_cost(device, logits);
}

/* Energy and time of spans and segments, from the counted work of their steps. */
static void complete_costs(wick_plan *plan) {
    wick_plan_costs costs = wick_plan_costs_of(plan);
    wick_span *spans = (wick_span *)(uintptr_t)plan->model.spans;
    wick_segment *segments = (wick_segment *)(uintptr_t)plan->model.segments;
    wick_pack_limits limits = {.usable_uj = plan->charge_uj - plan->boot.energy_uj};
    complete_parts(plan, &costs);
    plan->span_cost = wick_new(plan->arena, wick_cost, plan->model.n_spans);
    plan->span_reload = wick_new(plan->arena, wick_cost, plan->model.n_spans);
    plan->worst_span_uj = plan->expected_uj = 0;
    wick_plan_draw boot = wick_plan_draw_of(plan->device, plan->boot);
    wick_plan_draw submit[WICK_PLAN_SUBMIT_PARTS];
    wick_plan_submit_draws(&costs, boot, submit);
    double per_v2 = wick_plan_uj_per_v2(plan->device, plan->options.margin);
    int next_reload = 0;
    plan->min_wake_v = 0;
    for (int i = 0; i < WICK_PLAN_SUBMIT_PARTS; i++)
        plan->min_wake_v = fmax(
            plan->min_wake_v, wick_plan_wake_v_for(plan->device, plan->options.margin, submit[i]));
    for (int s = 0; s < plan->n_segments; s++) {
        wick_plan_segment *row = &plan->segments[s];
        *row = (wick_plan_segment){.name = s ? plan->net->module_names[s - 1] : "extractor",
                                   .first_span = segments[s].first_span,
                                   .n_spans = segments[s].n_spans};
        bool begins_with_extractor = s > 0 && wick_recomputes(&plan->model);
        for (int i = row->first_span; i < row->first_span + row->n_spans; i++) {
            wick_cost cost =
                wick_device_cost(plan->device, wick_plan_span_work(&costs, &plan->model, s, i));
            wick_cost reload = wick_device_cost(
                plan->device, wick_plan_reload_work(&costs, plan->model.steps + spans[i].first_step,
                                                    spans[i].n_steps));
            wick_plan_draw draw =
                wick_plan_draw_behind(boot, wick_plan_span_draw(plan, i, &next_reload));
            double with_boot = wick_plan_asked_uj(plan->device, per_v2, draw);
            double wake_v = wick_plan_wake_v_for(plan->device, plan->options.margin, draw);
            plan->min_wake_v = fmax(plan->min_wake_v, wake_v);
            plan->span_cost[i] = cost;
            plan->span_reload[i] = reload;
            spans[i].energy_nj = saturate(cost.energy_uj * 1e3);
            row->cost = wick_cost_add(row->cost, cost);
            if (with_boot > row->worst_span_uj)
                row->worst_span_uj = with_boot;
            plan->expected_uj += wick_pack_expected(&limits, cost, reload);
        }
        for (int l = 0; l < plan->net->n_layers; l++)
            if (plan->net->info[l].segment == s ||
                (begins_with_extractor && !plan->net->info[l].segment))
                row->macs += plan->net->info[l].macs;
        row->charges = row->cost.energy_uj / plan->charge_uj;
        segments[s].energy_nj = saturate(row->cost.energy_uj * 1e3);
        segments[s].time_us = saturate(row->cost.time_us);
        if (row->worst_span_uj > plan->worst_span_uj)
            plan->worst_span_uj = row->worst_span_uj;
    }
}

static int64_t engine_code(const wick_device *device) {
    int64_t guard = device->nvm.checksum_block ? CODE_GUARD : 0;
    int64_t flash = device->nvm.page_bytes ? CODE_FLASH : 0;
    return (device->engine_code_bytes ? device->engine_code_bytes : CODE_ENGINE) + guard + flash;
}

static int64_t engine_stack(const wick_device *device) {
    return WICK_ENGINE_STACK_BYTES + (device->nvm.page_bytes ? WICK_FLASH_STACK_BYTES : 0);
}

/* Sizes are the PC's: with its wider pointers an upper bound for every 32-bit device. */
static int64_t engine_state(const wick_device *device) {
    int64_t log = 0;
    if (device->nvm.page_bytes)
        log = wick_device_flash_ram(device, wick_device_flash_blocks(device));
    return (int64_t)sizeof(wick_engine) + log;
}

int64_t wick_plan_fixed_ram(const wick_device *device) {
    return engine_state(device) + engine_stack(device);
}

int64_t wick_plan_fixed_flash(const wick_plan *plan) {
    const wick_model *m = &plan->model;
    int64_t tables =
        (int64_t)(m->n_tensors * sizeof(wick_place) + m->n_steps * sizeof(wick_step) +
                  m->n_spans * sizeof(wick_span) + (size_t)plan->n_segments * sizeof(wick_segment) +
                  sizeof(wick_model));
    for (int l = 0; l < plan->net->n_layers; l++)
        tables += (int64_t)sizeof(wick_layer) +
                  plan->layers[l].n_operands * (int64_t)sizeof(wick_operand);
    return engine_code(plan->device) + tables;
}

static void complete_totals(wick_plan *plan) {
    const wick_model *m = &plan->model;
    bool used[WICK_LAYER_KINDS][WICK_KERNELS] = {{false}};
    int64_t code = engine_code(plan->device), constants = wick_plan_fixed_flash(plan) - code;
    for (int l = 0; l < plan->net->n_layers; l++) {
        const wick_layer *layer = &plan->layers[l];
        constants += wick_plan_constant_bytes(layer);
        if (!used[layer->kind][layer->kernel])
            code += wick_device_kernel(plan->device, layer)->code_bytes;
        used[layer->kind][layer->kernel] = true;
    }
    plan->totals.engine_bytes = engine_state(plan->device);
    plan->totals.stack_bytes = engine_stack(plan->device);
    plan->totals.scratch_bytes = m->scratch_bytes;
    plan->totals.arena_bytes = m->arena_bytes;
    plan->totals.ram_bytes =
        plan->totals.engine_bytes + plan->totals.stack_bytes + plan->totals.scratch_bytes;
    plan->totals.nvm_bytes = plan->totals.memory_bytes = m->nvm_bytes;
    if (plan->options.checksum_block > 0)
        plan->totals.memory_bytes =
            wick_guard_bytes((uint32_t)plan->options.checksum_block,
                             (uint32_t)plan->device->nvm.checksum_unit, m->nvm_bytes);
    if (plan->device->nvm.page_bytes)
        plan->totals.memory_bytes =
            plan->device->nvm.bytes / plan->device->nvm.page_bytes * plan->device->nvm.page_bytes;
    plan->totals.constants_bytes = constants;
    plan->totals.code_bytes = code;
    plan->totals.engine_code_bytes = engine_code(plan->device);
    plan->totals.flash_bytes = constants + code;
}

static void put_u32(wick_buf *buf, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    wick_buf_append(buf, bytes, sizeof bytes);
}

/* Whatever decides where a value lies in NVM or which span comes next is in the hash: memory of
   another plan is never resumed, even for the same network. */
static void complete_hash(wick_plan *plan) {
    wick_model *m = &plan->model;
    wick_buf buf = {0};
    wick_buf_append(&buf, plan->net->hash.bytes, sizeof plan->net->hash.bytes);
    put_u32(&buf, WICK_MODEL_FORMAT);
    put_u32(&buf, m->nvm_bytes);
    put_u32(&buf, m->record_offset[0]);
    put_u32(&buf, m->record_offset[1]);
    put_u32(&buf, m->vars_offset[0]);
    put_u32(&buf, m->vars_offset[1]);
    put_u32(&buf, m->app_bytes);
    put_u32(&buf, m->tally_offset);
    put_u32(&buf, m->stamp_offset);
    if (plan->options.checksum_block > 0)
        put_u32(&buf, (uint32_t)plan->options.checksum_block);
    for (int t = 0; t < m->n_tensors; t++) {
        put_u32(&buf, m->tensors[t].offset);
        put_u32(&buf, m->tensors[t].bytes);
        put_u32(&buf, m->tensors[t].stride);
        put_u32(&buf, m->tensors[t].sram);
    }
    for (int s = 0; s < m->n_steps; s++) {
        put_u32(&buf, m->steps[s].layer);
        put_u32(&buf, m->steps[s].first);
        put_u32(&buf, m->steps[s].count);
    }
    for (int s = 0; s < m->n_spans; s++)
        put_u32(&buf, m->spans[s].n_steps * 2u + m->spans[s].mandatory);
    for (int s = 0; s < plan->n_segments; s++)
        put_u32(&buf, m->segments[s].n_spans);
    plan->hash = wick_hash_bytes(buf.data, buf.len);
    wick_buf_free(&buf);
    for (int i = 0; i < 2; i++) {
        const uint8_t *b = plan->hash.bytes + 4 * i;
        m->id[i] =
            (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    }
}

void wick_plan_complete(wick_plan *plan, const int *first_span, const int *span_count) {
    wick_plan_complete_segments(plan, first_span, span_count);
    complete_costs(plan);
    wick_plan_mark_commits(plan);
    complete_totals(plan);
    complete_hash(plan);
}

wick_plan_layer wick_plan_layer_of(const wick_plan *plan, int layer) {
    wick_plan_costs costs = wick_plan_costs_of(plan);
    wick_plan_layer row = {.constant_bytes = wick_plan_constant_bytes(&plan->layers[layer])};
    wick_work work = {0};
    /* Where every module begins with the extractor, the first one counts. */
    int end = plan->net->info[layer].segment == 0 && wick_recomputes(&plan->model)
                  ? plan->segments[1].n_spans
                  : plan->model.n_spans;
    for (int s = 0; s < end; s++) {
        const wick_span *span = &plan->model.spans[s];
        int steps = row.steps;
        for (int i = span->first_step; i < span->first_step + span->n_steps; i++) {
            if (plan->model.steps[i].layer != layer)
                continue;
            uint32_t scratch = wick_plan_step_scratch(&costs, plan->model.steps[i]);
            work = wick_work_add(work, wick_plan_step_work(&costs, plan->model.steps[i]));
            row.scratch_bytes = scratch > row.scratch_bytes ? scratch : row.scratch_bytes;
            row.steps++;
        }
        row.spans += row.steps > steps;
    }
    row.cost = wick_device_cost(plan->device, work);
    int segment = plan->net->info[layer].segment;
    for (int t = 0; t < plan->net->n_tensors; t++) {
        const wick_plan_life *life = &plan->life[t];
        bool here = life->segment == segment && life->first_layer <= layer &&
                    (layer <= life->last_layer || life->shared);
        if (life->first_layer >= 0 &&
            (life->always || here || (life->shared && life->segment < segment)))
            row.live_bytes += plan->model.tensors[t].bytes * (t == plan->net->input ? 2 : 1);
    }
    return row;
}
