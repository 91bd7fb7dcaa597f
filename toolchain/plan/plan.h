/* Planning: steps, spans, NVM layout, memory totals and energy admission for one integer network on
 * one device. */
#ifndef WICK_PLAN_H
#define WICK_PLAN_H

#include "device/device.h"
#include "shrink/shrink.h"

typedef struct wick_plan_options {
    double margin;        /* share of one charge that a span may use, (0, 1], default 0.8 */
    double capacitor_uf;  /* 0 = the profile's */
    int max_span_outputs; /* 0 = no limit; smaller spans for tests */
} wick_plan_options;
wick_plan_options wick_plan_defaults(void);

typedef struct wick_plan_segment {
    const char *name; /* "extractor", "TM1" ... */
    int first_span, n_spans;
    wick_cost cost; /* all spans with commits, without boots */
    double charges; /* energy / usable energy of one charge */
    int64_t macs;
    double worst_span_uj;
} wick_plan_segment;

typedef struct wick_plan {
    wick_arena *arena;
    const wick_qnet *net;      /* not owned */
    const wick_device *device; /* not owned */
    const char *model_path;    /* quantized ONNX the plan belongs to */
    wick_plan_options options;
    wick_model model;     /* the runtime's view: layers (of net), tensors, steps, spans, segments;
                             arrays in arena */
    wick_cost *span_cost; /* [model.n_spans] */
    int n_segments;       /* 1 + modules */
    wick_plan_segment segments[1 + WICK_MAX_HEADS];
    struct {
        int64_t ram_bytes; /* engine + scratch + stack bound */
        int64_t scratch_bytes, stack_bytes, engine_bytes;
        int64_t nvm_bytes;
        int64_t flash_bytes; /* constants + code estimate */
        int64_t constants_bytes, code_bytes;
    } totals;
    double charge_uj;        /* usable energy of one charge */
    double worst_span_uj;    /* with its commit and a boot before it */
    double min_capacitor_uf; /* that carries the smallest possible worst span (one pixel or channel
                                steps) */
    double min_wake_v;       /* with the chosen capacitor and spans */
} wick_plan;

/* Plans. NO_FIT (exit 1) says which budget (SRAM, flash, NVM, charge) is short by how much and the
   smallest that would do. Every span is proven free of write-after-read. Free with wick_plan_free.
 */
wick_status wick_plan_make(const wick_qnet *net, const wick_device *device,
                           const wick_plan_options *options, const char *model_path,
                           wick_plan **out, wick_diag *diag);
void wick_plan_free(wick_plan *plan);

/* The proof as a check: walks the spans and reports the first span that writes a byte it read
   before, a live tensor that is overwritten, or a tensor outside the region. Used by
   wick_plan_make, by tests and after loading. */
wick_status wick_plan_check(const wick_plan *plan, wick_diag *diag);

/* plan.json, both ways. Loading reads the model it names (relative to the plan's folder) and the
   device, verifies the hash (MISMATCH) and checks the plan. *net and *device are returned too: the
   caller frees net after the plan. */
wick_status wick_plan_save(const wick_plan *plan, const char *path, wick_diag *diag);
wick_status wick_plan_load(const char *path, wick_plan **out, wick_qnet **net, wick_diag *diag);

#endif
