/* How often one answer writes the most written unit of the memory. */
#include "plan/plan_parts.h"

#include <math.h>

/* Commits of an answer beside its spans: the input and the end, and of every module on the way the
   choice and the delivery. */
enum { INPUT_COMMITS = 2, MODULE_COMMITS = 2 };

static bool is_written(const wick_plan *plan, int tensor, int module) {
    int segment = plan->life[tensor].segment;
    return plan->life[tensor].first_layer >= 0 &&
           (segment == 0 || segment == module || (plan->net->chain && segment > module)) &&
           tensor != plan->net->input;
}

static void add_segment(const wick_plan *plan, const wick_plan_costs *costs, int segment,
                        wick_work *sum) {
    for (int i = 0; i < plan->segments[segment].n_spans; i++)
        *sum = wick_work_add(*sum, wick_plan_span_work(costs, &plan->model, segment,
                                                       plan->segments[segment].first_span + i));
}

/* Pages of a log that the answer opens at most: it may begin at the end of one. The counters are
   written twice: a boot's, and a dropped input's. */
static int64_t pages_opened(const wick_plan *plan, int module, int other_commits) {
    const wick_device *device = plan->device;
    wick_plan_costs costs = wick_plan_costs_of(plan);
    wick_work sum = wick_plan_take_work(&costs);
    for (int i = 0; i < other_commits; i++)
        sum = wick_work_add(sum, wick_plan_commit_work(device));
    for (int i = 0; i < 2; i++) {
        sum = wick_work_add(sum, wick_device_write_work(device, WICK_VARS_BYTES));
        if (plan->model.app_bytes)
            sum = wick_work_add(sum, wick_device_write_work(device, plan->model.app_bytes));
    }
    add_segment(plan, &costs, 0, &sum);
    for (int m = module; m <= wick_plan_way_from(plan, module); m++)
        add_segment(plan, &costs, m, &sum);
    return 1 + (int64_t)ceil(sum.nvm_erases - 1e-9); /* shares were added up */
}

int64_t wick_plan_wear(const wick_plan *plan, int module) {
    int64_t commits = plan->segments[0].n_spans + INPUT_COMMITS;
    int other = INPUT_COMMITS;
    for (int m = module; m <= wick_plan_way_from(plan, module); m++) {
        commits += plan->segments[m].n_spans + MODULE_COMMITS;
        other += MODULE_COMMITS;
    }
    if (plan->device->nvm.page_bytes)
        return pages_opened(plan, module, other);
    int64_t most = (commits + 1) / 2; /* the two records take turns */
    /* No unit is shared, so the places that overlap most do so where one of them begins. */
    for (int t = 0; t < plan->model.n_tensors; t++) {
        int64_t writes = 0;
        uint32_t at = plan->model.tensors[t].offset;
        if (!is_written(plan, t, module))
            continue;
        for (int u = 0; u < plan->model.n_tensors; u++) {
            const wick_place *place = &plan->model.tensors[u];
            writes += is_written(plan, u, module) && at >= place->offset &&
                      at < place->offset + place->bytes;
        }
        most = writes > most ? writes : most;
    }
    return most;
}
