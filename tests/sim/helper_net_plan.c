#include "helper_net_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../plan/tiny_qnet.h"

static uint16_t argmax(const int8_t *logits, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return (uint16_t)best;
}

/* What the modules answer on the PC; the label is what one of them says. */
static void make_samples(net_plan *n, uint64_t seed) {
    const wick_qnet *net = n->net;
    const wick_qtensor *in = &net->tensors[net->input];
    int bytes = in->h * in->w * in->c, modules = net->n_modules;
    wick_rng rng = wick_rng_seed(seed, 0x70697865);
    uint8_t *pixels = wick_new(n->arena, uint8_t, bytes);
    int8_t **values = wick_qnet_buffers(net, n->arena);
    n->inputs = wick_new(n->arena, int8_t, NET_SAMPLES * bytes);
    n->correct = wick_new(n->arena, uint8_t, modules * NET_SAMPLES);
    n->margins = wick_new(n->arena, uint16_t, modules * NET_SAMPLES);
    for (int s = 0; s < NET_SAMPLES; s++) {
        for (int i = 0; i < bytes; i++)
            pixels[i] = (uint8_t)wick_rng_below(&rng, 256);
        wick_qnet_run(net, pixels, UINT32_MAX, values);
        memcpy(n->inputs + s * bytes, values[net->input], (size_t)bytes);
        int teacher = (int)wick_rng_below(&rng, (uint32_t)modules);
        n->labels[s] = argmax(values[net->logits[teacher]], net->n_classes);
        for (int k = 0; k < modules; k++) {
            const wick_result result = {.n_classes = (uint16_t)net->n_classes,
                                        .logits = values[net->logits[k]]};
            n->correct[k * NET_SAMPLES + s] =
                argmax(values[net->logits[k]], net->n_classes) == n->labels[s];
            n->margins[k * NET_SAMPLES + s] = wick_result_margin(&result);
        }
    }
}

void net_plan_make(net_plan *n, uint64_t seed, const char *device, double uf,
                   int max_span_outputs) {
    wick_plan_options options = wick_plan_defaults();
    options.capacitor_uf = uf;
    options.max_span_outputs = max_span_outputs;
    net_plan_make_with(n, seed, device, &options);
}

void net_plan_make_with(net_plan *n, uint64_t seed, const char *device,
                        const wick_plan_options *options) {
    *n = (net_plan){.arena = wick_arena_new(), .net = tiny_family(seed, 12, 8)};
    assert_int_equal(wick_device_load(n->arena, device, &n->device, NULL), WICK_OK);
    wick_diag diag = {0};
    wick_status status = wick_plan_make(n->net, n->device, options, NULL, &n->plan, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    make_samples(n, seed);
}

void net_plan_free(net_plan *n) {
    wick_plan_free(n->plan);
    tiny_free(n->net);
    wick_arena_free(n->arena);
}
