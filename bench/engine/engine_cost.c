#include "engine_cost.h"

#include <stdlib.h>
#include <string.h>

#include <wick/engine.h>
#include <wick/kernels.h>

/* The device as the engine sees it; counts transfers. */
typedef struct meter {
    const wick_plan *plan;
    int8_t *region;
    wick_work work;
    int records, results;
} meter;

static int meter_read(void *context, uint32_t offset, void *dst, uint32_t bytes) {
    meter *m = context;
    memcpy(dst, m->region + offset, bytes);
    m->work.nvm_read_bytes += bytes;
    m->work.nvm_reads++;
    return 0;
}

static int meter_write(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    meter *m = context;
    memcpy(m->region + offset, src, bytes);
    m->work = wick_work_add(m->work, wick_device_write_work(m->plan->device, bytes));
    for (int copy = 0; copy < 2; copy++)
        m->records += offset == m->plan->model.record_offset[copy];
    return 0;
}

static int meter_barrier(void *context) {
    meter *m = context;
    m->work = wick_work_add(m->work, wick_device_barrier_work(m->plan->device));
    return 0;
}

static uint32_t meter_voltage(void *context) {
    const meter *m = context;
    return (uint32_t)(m->plan->device->capacitor.on_v * 1000);
}

static int meter_result(void *context, const wick_result *result) {
    (void)result;
    ((meter *)context)->results++;
    return 0;
}

/* Every step of the segments once: cycles, and operands that the core loads from mapped memory
   because they have no place in SRAM. */
static wick_work compute_work(const wick_plan *plan, int module) {
    const wick_model *m = &plan->model;
    wick_work work = {0};
    for (int k = 0; k <= module; k = k ? k + 1 : module) {
        int first = m->segments[k].first_span, end = first + m->segments[k].n_spans;
        for (int i = first; i < end; i++)
            for (int s = m->spans[i].first_step; s < m->spans[i].first_step + m->spans[i].n_steps;
                 s++) {
                const wick_step *step = &m->steps[s];
                const wick_layer *layer = &plan->layers[step->layer];
                wick_rows rows = wick_layer_input_rows(layer, step->first, step->count);
                work =
                    wick_work_add(work, wick_device_layer_work(plan->device, layer, step->count));
                for (uint32_t o = 0; plan->device->nvm.mapped && o < layer->n_operands; o++)
                    if (m->tensors[layer->operands[o].tensor].sram == WICK_NO_SRAM)
                        work.nvm_read_bytes +=
                            (int64_t)rows.rows * wick_operand_row_bytes(layer, o);
            }
    }
    return work;
}

static wick_work reference_work(const wick_plan *plan, int module) {
    wick_work work = {0};
    for (int l = 0; l < plan->net->n_layers; l++) {
        const wick_layer *layer = &plan->layers[l];
        if (plan->net->info[l].segment != 0 && plan->net->info[l].segment != module)
            continue;
        int64_t outputs = (int64_t)layer->out_h * layer->out_w * layer->out_c;
        work = wick_work_add(work, wick_device_layer_work(plan->device, layer, outputs));
    }
    return work;
}

static bool answer_one(wick_engine *engine, const int8_t *input, uint32_t bytes, wick_work *taken) {
    meter *m = engine->port->ctx;
    m->work = (wick_work){0};
    m->records = m->results = 0;
    if (wick_engine_submit(engine, input, bytes, NULL) != WICK_RT_OK)
        return false;
    *taken = m->work;
    m->work = (wick_work){0};
    m->records = 0;
    return wick_engine_run(engine) == WICK_RT_IDLE && m->results == 1;
}

wick_status engine_answer_of(const wick_plan *plan, engine_mode mode, int module,
                             engine_answer *out, wick_diag *diag) {
    const wick_model *model = &plan->model;
    uint32_t bytes = model->tensors[model->input_tensor].bytes;
    meter m = {.plan = plan, .region = wick_xalloc(model->nvm_bytes)};
    int8_t *scratch = wick_xalloc(model->scratch_bytes), *input = wick_xalloc(bytes);
    void *app = wick_xalloc(model->app_bytes + 1u);
    wick_engine engine = {.app = app, .eager = mode == ENGINE_EAGER};
    wick_policy policy = {.kind = WICK_POLICY_FIXED, .module = (uint8_t)module};
    wick_port port = {.ctx = &m,
                      .nvm_read = meter_read,
                      .nvm_write = meter_write,
                      .nvm_barrier = meter_barrier,
                      .nvm_mapped = plan->device->nvm.mapped ? m.region : NULL,
                      .capacitor_mv = meter_voltage,
                      .result = meter_result};
    wick_work taken = {0};
    /* The first answer stores the counters of the boot; the second is what all later ones take. */
    bool done = wick_engine_boot(&engine, model, &port, &policy, scratch, model->scratch_bytes) >=
                    WICK_RT_OK &&
                answer_one(&engine, input, bytes, &taken) &&
                answer_one(&engine, input, bytes, &taken);
    if (done) {
        wick_work all = wick_work_add(m.work, compute_work(plan, module));
        *out = (engine_answer){.reference =
                                   wick_device_cost(plan->device, reference_work(plan, module)),
                               .input = wick_device_cost(plan->device, taken),
                               .work = wick_device_cost(plan->device, all),
                               .nvm_write_bytes = all.nvm_write_bytes,
                               .nvm_read_bytes = all.nvm_read_bytes,
                               .commits = m.records};
    }
    free(m.region);
    free(scratch);
    free(input);
    free(app);
    return done ? WICK_OK
                : wick_fail(diag, WICK_TOOL, plan->device->name, NULL, NULL,
                            "the engine gives no answer by module %d", module);
}

double engine_overhead(const engine_answer *answer, bool with_input) {
    double uj = answer->work.energy_uj + (with_input ? answer->input.energy_uj : 0);
    return 100 * (uj / answer->reference.energy_uj - 1);
}
