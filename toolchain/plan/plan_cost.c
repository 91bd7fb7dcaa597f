/* What one step, one commit and one boot take. */
#include "plan/plan_parts.h"

#include <math.h>

#include <wick/nvm.h>

wick_plan_costs wick_plan_costs_of(const wick_plan *plan) {
    return (wick_plan_costs){.net = plan->net,
                             .layers = plan->layers,
                             .device = plan->device,
                             .view = {.layers = plan->layers,
                                      .n_layers = (uint16_t)plan->net->n_layers,
                                      .tensors = plan->model.tensors}};
}

int64_t wick_plan_align(int64_t value, int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

uint32_t wick_plan_layer_total(const wick_layer *layer) {
    return (uint32_t)layer->out_h * layer->out_w * layer->out_c;
}

uint32_t wick_plan_tensor_bytes(const wick_qtensor *tensor) {
    return (uint32_t)wick_qtensor_bytes(tensor);
}

bool wick_plan_resident(const wick_plan_costs *costs, int tensor) {
    return costs->view.tensors && costs->view.tensors[tensor].sram != WICK_NO_SRAM;
}

/* Reading `rows` rows of operand o. Mapped memory is read row by row through the cache: bytes, but
   no transfers to set up. */
static wick_work read_work(const wick_plan_costs *costs, const wick_layer *layer, uint32_t o,
                           uint32_t rows) {
    return (wick_work){.nvm_read_bytes = (int64_t)rows * wick_operand_row_bytes(layer, o),
                       .nvm_reads = costs->device->nvm.mapped ? 0 : 1};
}

wick_work wick_plan_step_work(const wick_plan_costs *costs, wick_step step) {
    const wick_layer *layer = &costs->layers[step.layer];
    wick_work work = wick_device_layer_work(costs->device, layer, step.count);
    uint32_t rows = wick_layer_input_rows(layer, step.first, step.count).rows;
    for (uint32_t o = 0; o < layer->n_operands; o++)
        if (!wick_plan_resident(costs, layer->operands[o].tensor))
            work = wick_work_add(work, read_work(costs, layer, o, rows));
    if (wick_plan_resident(costs, layer->dst))
        return work;
    return wick_work_add(
        work, wick_device_write_work(costs->device, (int64_t)step.count * wick_out_size(layer)));
}

wick_work wick_plan_operand_work(const wick_plan_costs *costs, wick_step step, uint32_t o) {
    const wick_layer *layer = &costs->layers[step.layer];
    return read_work(costs, layer, o, wick_layer_input_rows(layer, step.first, step.count).rows);
}

/* Operand o of step s has a place in SRAM and is not computed by the steps before. */
static bool reloads(const wick_plan_costs *costs, const wick_step *steps, int s, uint32_t o) {
    int tensor = costs->layers[steps[s].layer].operands[o].tensor;
    bool made = !wick_plan_resident(costs, tensor);
    for (int before = 0; before < s && !made; before++)
        made = costs->layers[steps[before].layer].dst == tensor;
    return !made;
}

wick_work wick_plan_reload_work(const wick_plan_costs *costs, const wick_step *steps, int n) {
    wick_work work = {0};
    for (int s = 0; s < n; s++)
        for (uint32_t o = 0; o < costs->layers[steps[s].layer].n_operands; o++)
            if (reloads(costs, steps, s, o))
                work = wick_work_add(work, wick_plan_operand_work(costs, steps[s], o));
    return work;
}

wick_plan_draw wick_plan_reload_draw(const wick_plan_costs *costs, const wick_step *steps, int n) {
    const wick_device *device = costs->device;
    wick_plan_draw draw = {0};
    for (int s = 0; s < n; s++)
        for (uint32_t o = 0; o < costs->layers[steps[s].layer].n_operands; o++)
            if (reloads(costs, steps, s, o))
                draw = wick_plan_draw_sum(
                    draw,
                    wick_plan_draw_of(device, wick_device_cost(device, wick_plan_operand_work(
                                                                           costs, steps[s], o))));
    return draw;
}

wick_work wick_plan_store_work(const wick_plan_costs *costs, int tensor) {
    return wick_device_write_work(costs->device,
                                  wick_plan_tensor_bytes(&costs->net->tensors[tensor]));
}

wick_work wick_plan_span_work(const wick_plan_costs *costs, const wick_model *model, int segment,
                              int span) {
    const wick_span *at = &model->spans[span];
    int end = at->first_step + at->n_steps;
    int chain_end = end - (int)wick_chain_base(model, (uint32_t)segment);
    wick_work work = wick_plan_commit_work(costs->device);
    for (int s = at->first_step; s < end; s++) {
        int dst = costs->layers[model->steps[s].layer].dst;
        work = wick_work_add(work, wick_plan_step_work(costs, model->steps[s]));
        if (wick_plan_resident(costs, dst) && model->tensors[dst].last_reader >= chain_end)
            work = wick_work_add(work, wick_plan_store_work(costs, dst));
    }
    return work;
}

uint32_t wick_plan_step_scratch(const wick_plan_costs *costs, wick_step step) {
    return wick_step_scratch_bytes(&costs->view, &step, costs->device->nvm.mapped, 0);
}

wick_work wick_plan_commit_work(const wick_device *device) {
    wick_work barrier = wick_device_barrier_work(device);
    return wick_work_add(wick_device_write_work(device, WICK_RECORD_BYTES),
                         wick_work_add(barrier, barrier));
}

wick_cost wick_plan_boot_cost(const wick_device *device, int app_bytes) {
    wick_cost boot = {
        .time_us = device->boot_us, .compute_uj = device->boot_uj, .energy_uj = device->boot_uj};
    int64_t vars = WICK_VARS_BYTES + app_bytes, app = app_bytes ? 1 : 0;
    wick_work notes = {.nvm_read_bytes =
                           2 * WICK_RECORD_BYTES + vars + WICK_TALLY_BYTES + WICK_STAMP_BYTES,
                       .nvm_reads = 5 + app};
    notes = wick_work_add(notes, wick_device_write_work(device, WICK_TALLY_BYTES));
    notes = wick_work_add(notes, wick_device_write_work(device, WICK_VARS_BYTES));
    if (app_bytes)
        notes = wick_work_add(notes, wick_device_write_work(device, app_bytes));
    if (device->nvm.page_bytes)
        notes = wick_work_add(notes, wick_device_flash_boot(device));
    return wick_cost_add(boot, wick_device_cost(device, notes));
}

wick_work wick_plan_take_work(const wick_plan_costs *costs) {
    uint32_t bytes = wick_plan_tensor_bytes(&costs->net->tensors[costs->net->input]);
    return wick_work_add(wick_device_write_work(costs->device, bytes),
                         wick_device_write_work(costs->device, WICK_STAMP_BYTES));
}

wick_cost wick_plan_submit_cost(const wick_plan_costs *costs) {
    return wick_device_cost(costs->device, wick_work_add(wick_plan_take_work(costs),
                                                         wick_plan_commit_work(costs->device)));
}

double wick_plan_draw_uw(const wick_device *device, double load_uw, double *off_v) {
    double off = device->capacitor.off_v, ohm = device->capacitor.esr_ohm;
    double out_uw = load_uw / device->capacitor.efficiency;
    *off_v = esr_off_v(off, out_uw, ohm);
    return out_uw + esr_loss_uw(off, out_uw, ohm);
}

double wick_plan_drawn_uj(const wick_device *device, wick_cost cost, double *off_v) {
    *off_v = 0;
    if (cost.time_us <= 0)
        return cost.energy_uj / device->capacitor.efficiency;
    double load_uw = cost.energy_uj / cost.time_us * 1e6;
    return wick_plan_draw_uw(device, load_uw, off_v) * cost.time_us * 1e-6;
}

wick_plan_draw wick_plan_draw_of(const wick_device *device, wick_cost cost) {
    wick_plan_draw draw;
    draw.uj = wick_plan_drawn_uj(device, cost, &draw.off_v);
    return draw;
}

wick_plan_draw wick_plan_draw_sum(wick_plan_draw a, wick_plan_draw b) {
    return (wick_plan_draw){a.uj + b.uj, fmax(a.off_v, b.off_v)};
}

wick_plan_draw wick_plan_draw_behind(wick_plan_draw before, wick_plan_draw draw) {
    return (wick_plan_draw){before.uj + draw.uj, draw.off_v};
}

wick_plan_draw wick_plan_span_draw(const wick_plan *plan, int span, int *reload) {
    const wick_span *at = &plan->model.spans[span];
    int end = at->first_step + at->n_steps, r = *reload;
    wick_plan_draw draw = wick_plan_draw_of(plan->device, plan->commit);
    for (int i = at->first_step; i < end; i++) {
        draw = wick_plan_draw_sum(draw, wick_plan_draw_of(plan->device, plan->step_cost[i]));
        if (plan->stores[i].last_reader >= end)
            draw = wick_plan_draw_sum(draw, wick_plan_draw_of(plan->device, plan->stores[i].cost));
    }
    for (; r < plan->n_reloads && plan->reloads[r].step < end; r++)
        if (plan->reloads[r].producer < at->first_step)
            draw = wick_plan_draw_sum(draw, wick_plan_draw_of(plan->device, plan->reloads[r].cost));
    *reload = r;
    return draw;
}

void wick_plan_submit_draws(const wick_plan_costs *costs, wick_plan_draw boot,
                            wick_plan_draw parts[WICK_PLAN_SUBMIT_PARTS]) {
    const wick_device *device = costs->device;
    wick_cost take = wick_device_cost(device, wick_plan_take_work(costs));
    wick_cost commit = wick_device_cost(device, wick_plan_commit_work(device));
    parts[0] = boot;
    parts[1] = wick_plan_draw_behind(parts[0], wick_plan_draw_of(device, take));
    parts[2] = wick_plan_draw_behind(parts[1], wick_plan_draw_of(device, commit));
}

/* V^2 at which the draw's heaviest part browns out. */
static double off_v2(const wick_device *device, wick_plan_draw draw) {
    double off = fmax(draw.off_v, device->capacitor.off_v);
    return off * off;
}

double wick_plan_uj_per_v2(const wick_device *device, double margin) {
    return margin * device->capacitor.efficiency * device->capacitor.uf / 2;
}

double wick_plan_asked_uj(const wick_device *device, double uj_per_v2, wick_plan_draw draw) {
    double off = device->capacitor.off_v;
    return draw.uj * device->capacitor.efficiency + uj_per_v2 * (off_v2(device, draw) - off * off);
}

double wick_plan_uf_for(const wick_device *device, double margin, wick_plan_draw draw) {
    double on = device->capacitor.on_v, window = on * on - off_v2(device, draw);
    return window > 0 ? 2 * draw.uj / (margin * window) : INFINITY;
}

double wick_plan_wake_v_for(const wick_device *device, double margin, wick_plan_draw draw) {
    return sqrt(off_v2(device, draw) + 2 * draw.uj / (margin * device->capacitor.uf));
}
