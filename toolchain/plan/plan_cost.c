/* What one step, one commit and one boot take. */
#include "plan/plan_parts.h"

#include <wick/nvm.h>

wick_plan_costs wick_plan_costs_of(const wick_plan *plan) {
    return (wick_plan_costs){
        .net = plan->net,
        .layers = plan->layers,
        .device = plan->device,
        .view = {.layers = plan->layers, .n_layers = (uint16_t)plan->net->n_layers}};
}

int64_t wick_plan_align(int64_t value, int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

uint32_t wick_plan_layer_total(const wick_layer *layer) {
    return (uint32_t)layer->out_h * layer->out_w * layer->out_c;
}

uint32_t wick_plan_tensor_bytes(const wick_qtensor *tensor) {
    return (uint32_t)tensor->h * (uint32_t)tensor->w * (uint32_t)tensor->c;
}

wick_work wick_plan_step_work(const wick_plan_costs *costs, wick_step step) {
    const wick_layer *layer = &costs->layers[step.layer];
    wick_work work = wick_device_layer_work(costs->device, layer, step.count);
    uint32_t rows = wick_layer_input_rows(layer, step.first, step.count).rows;
    for (uint32_t i = 0; i < layer->n_operands; i++)
        work.nvm_read_bytes += (int64_t)rows * wick_operand_row_bytes(layer, i);
    /* Mapped memory is read row by row through the cache: bytes, but no transfers to set up. */
    work.nvm_reads = costs->device->nvm.mapped ? 0 : layer->n_operands;
    work.nvm_write_bytes = wick_plan_align(step.count, costs->device->nvm.write_unit_bytes);
    work.nvm_writes = 1;
    return work;
}

uint32_t wick_plan_step_scratch(const wick_plan_costs *costs, wick_step step) {
    return wick_step_scratch_bytes(&costs->view, &step, costs->device->nvm.mapped);
}

wick_work wick_plan_commit_work(const wick_device *device) {
    return (wick_work){.nvm_write_bytes =
                           wick_plan_align(WICK_RECORD_BYTES, device->nvm.write_unit_bytes),
                       .nvm_writes = 1};
}

wick_cost wick_plan_boot_cost(const wick_device *device, int app_bytes) {
    wick_cost boot = {
        .time_us = device->boot_us, .compute_uj = device->boot_uj, .energy_uj = device->boot_uj};
    int64_t unit = device->nvm.write_unit_bytes;
    int64_t vars = WICK_VARS_BYTES + app_bytes, app = app_bytes ? 1 : 0;
    wick_work notes = {.nvm_read_bytes =
                           2 * WICK_RECORD_BYTES + vars + WICK_TALLY_BYTES + WICK_STAMP_BYTES,
                       .nvm_reads = 5 + app,
                       .nvm_write_bytes = wick_plan_align(WICK_TALLY_BYTES, unit) +
                                          wick_plan_align(WICK_VARS_BYTES, unit) +
                                          wick_plan_align(app_bytes, unit),
                       .nvm_writes = 2 + app};
    return wick_cost_add(boot, wick_device_cost(device, notes));
}

wick_cost wick_plan_submit_cost(const wick_plan_costs *costs) {
    uint32_t bytes = wick_plan_tensor_bytes(&costs->net->tensors[costs->net->input]);
    int64_t unit = costs->device->nvm.write_unit_bytes;
    wick_work write = {.nvm_write_bytes =
                           wick_plan_align(bytes, unit) + wick_plan_align(WICK_STAMP_BYTES, unit),
                       .nvm_writes = 2};
    return wick_device_cost(costs->device,
                            wick_work_add(write, wick_plan_commit_work(costs->device)));
}
