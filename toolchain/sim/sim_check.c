#include "sim/sim_check.h"

#include <math.h>

static wick_status check_capacitor(const wick_device *d, const wick_sim_options *o,
                                   wick_diag *diag) {
    if (!(d->capacitor.off_v < d->capacitor.on_v) || !(d->capacitor.on_v <= d->capacitor.max_v) ||
        !(d->capacitor.off_v >= 0))
        return wick_fail(diag, WICK_RANGE, d->path, "capacitor",
                         "the device dies at off_v, boots at on_v, and the capacitor is full at "
                         "max_v: off_v < on_v <= max_v",
                         "off_v %g V, on_v %g V, max_v %g V", d->capacitor.off_v, d->capacitor.on_v,
                         d->capacitor.max_v);
    if (o->start_v > d->capacitor.max_v)
        return wick_fail(diag, WICK_RANGE, d->path, "start voltage", "start at max_v or below",
                         "%g V is above the %g V at which the capacitor is clamped", o->start_v,
                         d->capacitor.max_v);
    const wick_harvester *h = o->harvester;
    if (h && h->front == WICK_FRONT_BOOST && h->boost.cold_below_v > d->capacitor.max_v)
        return wick_fail(diag, WICK_RANGE, h->path, "front.cold_below_v",
                         "it must lie below the device's max_v",
                         "the converter would start cold below %g V, and the capacitor is full at "
                         "%g V",
                         h->boost.cold_below_v, d->capacitor.max_v);
    return WICK_OK;
}

wick_status sim_check(const wick_plan *plan, const wick_trace *trace,
                      const wick_sim_options *options, int n_samples, wick_diag *diag) {
    WICK_TRY(wick_workload_check(&options->workload, diag));
    WICK_TRY(check_capacitor(plan->device, options, diag));
    if (options->policy.kind == WICK_POLICY_FIXED &&
        (options->policy.module < 1 || options->policy.module > plan->model.n_modules))
        return wick_fail(diag, WICK_RANGE, NULL, "policy", "name one of the plan's modules",
                         "there is no module %d", options->policy.module);
    for (int k = 0; k < plan->model.n_modules; k++)
        if (options->policy.sure[k] && !options->margins && !options->control)
            return wick_fail(
                diag, WICK_RANGE, NULL, "policy", "give the data that it is to answer (--data)",
                "it looks at how sure the answers of module %d are, which is not known", k + 1);
    if (n_samples < 1)
        return wick_fail(diag, WICK_RANGE, NULL, "samples", NULL, "at least one is needed");
    if (!(options->trace_start_s >= 0) || !isfinite(options->trace_start_s))
        return wick_fail(diag, WICK_RANGE, NULL, "trace start", NULL, "%g s",
                         options->trace_start_s);
    if (!(trace->end_s > 0) || trace->n < 1)
        return wick_fail(diag, WICK_RANGE, trace->path, NULL, NULL, "the trace has no duration");
    return WICK_OK;
}
