#include "helper_plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

light *make_light(void) {
    light *l = calloc(1, sizeof *l);
    assert_non_null(l);
    for (int i = 0; i < SAMPLES; i++)
        l->times[i] = 0.05 * i;
    l->trace = (wick_trace){.n = SAMPLES,
                            .time_s = l->times,
                            .power_uw = l->powers,
                            .end_s = 0.05 * SAMPLES,
                            .path = "light",
                            .quantity = "power"};
    return l;
}

void make_plain(plain *p, const wick_device *device) {
    static const uint16_t first[3] = {0, 1, 11}, spans[3] = {1, 10, 1};
    *p = (plain){0};
    for (int i = 0; i < 12; i++) {
        p->costs[i] = (wick_cost){.time_us = 5000, .compute_uj = 60, .energy_uj = 60};
        p->stores[i].last_reader = -1;
        p->spans[i] = (wick_span){.first_step = (uint16_t)i, .n_steps = 1, .need_mv = 2300};
    }
    p->net.n_modules = 2;
    p->plan = (wick_plan){.net = &p->net,
                          .device = device,
                          .n_segments = 3,
                          .step_cost = p->costs,
                          .stores = p->stores,
                          .charge_uj = wick_device_charge_uj(device),
                          .boot = {.time_us = 800, .compute_uj = 10, .energy_uj = 10}};
    for (int k = 0; k < 3; k++) {
        p->segments[k] = (wick_segment){.first_span = first[k],
                                        .n_spans = spans[k],
                                        .energy_nj = 60000u * spans[k],
                                        .time_us = 5000u * spans[k]};
        p->plan.segments[k].cost =
            (wick_cost){.time_us = 5000.0 * spans[k], .energy_uj = 60.0 * spans[k]};
    }
    p->plan.model = (wick_model){.n_modules = 2,
                                 .n_spans = 12,
                                 .n_steps = 12,
                                 .segments = p->segments,
                                 .spans = p->spans,
                                 .steps = p->steps};
}
