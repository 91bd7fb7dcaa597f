/* How often one answer writes the most written unit of the memory. */
#include "plan/plan_parts.h"

/* Commits of an answer beside its spans: the input and the end, and of every module on the way the
   choice and the delivery. */
enum { INPUT_COMMITS = 2, MODULE_COMMITS = 2 };

static bool is_written(const wick_plan *plan, int tensor, int module) {
    int segment = plan->life[tensor].segment;
    return plan->life[tensor].first_layer >= 0 &&
           (segment == 0 || segment == module || (plan->net->chain && segment > module)) &&
           tensor != plan->net->input;
}

int64_t wick_plan_wear(const wick_plan *plan, int module) {
    int64_t commits = plan->segments[0].n_spans + INPUT_COMMITS;
    for (int m = module; m <= wick_plan_way_from(plan, module); m++)
        commits += plan->segments[m].n_spans + MODULE_COMMITS;
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
