/* Planning: steps, spans, NVM layout, memory totals and energy admission for one integer network on
 * one device. */
#ifndef WICK_PLAN_H
#define WICK_PLAN_H

#include "device/device.h"
#include "plan/plan_latency.h"
#include "plan/plan_proof.h"
#include "plan/published_search.h"
#include "shrink/shrink.h"

#include <stdbool.h>

/* What decides between kernels and between sizes of spans. */
typedef enum wick_optimise {
    WICK_OPTIMISE_ENERGY, /* least expected energy of all modules, as far as flash allows (default)
                           */
    WICK_OPTIMISE_SPEED,  /* least expected time, as far as flash allows */
    WICK_OPTIMISE_SIZE    /* least flash, and NVM: buffers are reused within a segment, which makes
                             commits mandatory; spans as for energy */
} wick_optimise;

/* What becomes of what the extractor computes for the modules. */
typedef enum wick_features {
    WICK_FEATURES_AUTO,      /* whichever takes less (default) */
    WICK_FEATURES_STORED,    /* committed once; every module starts from it, also after a reboot */
    WICK_FEATURES_RECOMPUTED /* never committed on purpose: every module begins with the extractor,
                               unless an earlier one of the same boot has left it in SRAM */
} wick_features;

enum { WICK_PLAN_MAX_APP_BYTES = 1 << 16, WICK_PLAN_MAX_CHECKSUM_BLOCK = 64 };

typedef struct wick_plan_options {
    wick_optimise optimise;
    double latency_weight; /* with ENERGY and SIZE: divisions and commits minimise (1 - w) * energy
                              + w * active power * time, both with the re-execution to be expected;
                              0 (default) to 1, which is SPEED's */
    double margin;         /* share of one charge that a span may use, (0, 1], default 0.8 */
    double capacitor_uf;   /* 0 = the profile's */
    int max_span_outputs;  /* 0 = no limit; smaller spans for tests */
    int checksum_block;    /* bytes that one checksum covers, 8, 16, 32 or 64: all of the engine's
                              memory stands behind wick/guard.h; 0 (default): none */
    int app_bytes;         /* of the application's variables that join commits, default 0 */
    int64_t flash_bytes, sram_bytes, nvm_bytes; /* budgets: the plan uses no more than so much of
                              what the device has; 0 (default) = all of it */
    wick_features features;
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

/* When a tensor's bytes matter: from the first layer that writes it to the end of the last span
   that reads it, both as layer indices. */
typedef struct wick_plan_life {
    int segment;                 /* that writes it; 0 for the input */
    int first_layer, last_layer; /* -1, -1: no layer touches it */
    bool always; /* the input, every module's logits, and what a chain's modules read of each
                    other: nothing else lives there */
    bool shared; /* written by the extractor, read by modules: until all are done */
} wick_plan_life;

/* Writing a step's output at a commit, where it stays in SRAM; zeros where the step writes it. */
typedef struct wick_plan_store {
    wick_cost cost;
    int last_reader; /* step; a commit behind it need not write the output */
} wick_plan_store;

/* A step's operand that has a place in SRAM: what reading it takes where this boot did not compute
   it there. */
typedef struct wick_plan_reload {
    int step, producer; /* steps */
    wick_cost cost;
} wick_plan_reload;

typedef struct wick_plan {
    wick_arena *arena;
    const wick_qnet *net;      /* not owned */
    const wick_device *device; /* with options.capacitor_uf in it; in arena when that is set or the
                                  plan was loaded, else the caller's */
    const char *model_path;    /* quantized ONNX the plan belongs to */
    wick_plan_options options;
    wick_layer *layers; /* [net->n_layers] net's, each with its kernel and that kernel's weights; in
                           arena */
    wick_model model;   /* the runtime's view: layers, tensors, steps, spans, segments; arrays in
                           arena */
    wick_hash hash;     /* over the integer network and everything planned; model.id is its start */
    wick_cost *span_cost;    /* [model.n_spans] steps and commit, with what it writes */
    wick_cost *span_reload;  /* [model.n_spans] what it reads besides as the first one of a boot */
    wick_cost *step_cost;    /* [model.n_steps] one step whose operands with a place in SRAM are
                                there */
    wick_plan_store *stores; /* [model.n_steps] what a commit writes of each step's output */
    wick_plan_reload *reloads; /* [n_reloads] in the order of their steps */
    int n_reloads;
    wick_cost commit;     /* writing one record: also what a decision costs */
    wick_cost take;       /* writing an input, without its commit */
    wick_cost send;       /* reading a module's logits for the delivery, without its commit */
    wick_plan_life *life; /* [model.n_tensors] */
    int n_segments;       /* 1 + modules */
    wick_plan_segment segments[1 + WICK_MAX_HEADS];
    struct {
        int64_t ram_bytes;                                /* engine + scratch + stack bound */
        int64_t scratch_bytes, stack_bytes, engine_bytes; /* scratch: with the arena */
        int64_t arena_bytes;                              /* of tensors that stay in SRAM */
        int64_t nvm_bytes;                                /* of the engine's region */
        int64_t memory_bytes; /* that it takes: with the checksums of its blocks */
        int64_t flash_bytes;  /* constants + code estimate */
        int64_t constants_bytes, code_bytes;
        int64_t engine_code_bytes; /* of code_bytes: what is not kernels */
    } totals;
    double charge_uj; /* usable energy of one charge */
    wick_cost boot;   /* one boot: start-up and reading the records */
    wick_cost page; /* flash: opening a page, which the writes behind a boot's first may take beside
                       their shares; else 0 */
    double expected_uj;      /* all segments with the expected re-execution after power failures */
    double worst_span_uj;    /* with its commit, a boot before it, and what series resistance takes:
                                heat, and what is left when its heaviest part browns out */
    double min_capacitor_uf; /* that carries the smallest possible worst span (one pixel or channel
                                steps) */
    double min_wake_v;       /* with the chosen capacitor and spans */
} wick_plan;

/* Plans.
   Each layer gets the kernel of the device's profile that takes least (see wick_optimise).
   A layer that fits SRAM and one span is one step; its output stays in SRAM and goes to NVM only
   where a commit falls between it and its readers. Any other layer is divided into steps (runs of
   rows, pixels or, within one pixel, channels) in spans of its own, where its expected cost is
   least, by dynamic programming over the borders of steps. Commits fall where
       sum(e + e / B * (e / 2 + r))
   is least, by dynamic programming over the layers; e: energy of a span with its commit and what it
   writes, r: what it reads again after a boot, B: energy of a charge after the boot, because a
   power failure hits a span with probability e / B and then repeats half of it on average (the
   trade-off of Young, CACM 17(9), 1974). Where committing what the extractor computes takes more
   than computing it once more, it is not committed and every module begins with the extractor's
   steps (wick_features): two answers to one input, with a power failure between them, then take no
   more, and one takes less. No span exceeds margin * charge - boot. NO_FIT (exit 1):
   one diagnostic for each budget (SRAM, flash, NVM, charge) that is short, by how much, and the
   smallest that would do. Flash is planned behind wick/flash.h: costs hold whatever its log does.
   UNSUPPORTED: checksums over memory whose units are larger than WICK_GUARD_MOST_UNIT. model_path
   may be NULL (networks that come from no file: such plans cannot be loaded again). Every span is
   proven free of write-after-read by wick_plan_check. Free with wick_plan_free. */
wick_status wick_plan_make(const wick_qnet *net, const wick_device *device,
                           const wick_plan_options *options, const char *model_path,
                           wick_plan **out, wick_diag *diag);
/* NULL is allowed. Does not free the network. */
void wick_plan_free(wick_plan *plan);

/* The proof as a check: simulates every span byte by byte and reports the first
   - step that writes a byte which was read since the last mandatory commit (a replay would read the
     new value): so every subset of the other commits may be left out, and more may be added,
   - read of a byte that is not the operand's (a tensor overwritten while it is needed),
   - write to a place that must survive (input, features until all modules are done, logits), or
     outside the region, or onto the engine's own places (records, variables, tally, stamps),
   - output element that is missing, repeated or out of order,
   - step border that shares a write unit with another span's bytes,
   - step that needs more scratch, or span that needs more energy, than there is.
   Holds for every order and subset of modules, of a chain for its order. Used by wick_plan_make, by
   tests and after loading.
 */
wick_status wick_plan_check(const wick_plan *plan, wick_diag *diag);

/* What one layer takes, for tables. */
typedef struct wick_plan_layer {
    int steps, spans;       /* spans that it has a step in */
    wick_cost cost;         /* without commits */
    int64_t scratch_bytes;  /* of its largest step */
    int64_t live_bytes;     /* NVM bytes of tensors that are alive while it runs, input included */
    int64_t constant_bytes; /* weights as the kernel wants them, biases, multipliers, shifts */
} wick_plan_layer;
wick_plan_layer wick_plan_layer_of(const wick_plan *plan, int layer);

/* Modelled energy of one answer by `module` (1 = largest): extractor, and the module; of a chain
   that of the exits before it too. Without boots. */
double wick_plan_answer_uj(const wick_plan *plan, int module);

/* Of a plan for flash: bytes that the newest entries of all blocks of its log may have together,
   each counted with at most what opening a page moves. */
int64_t wick_plan_flash_live(const wick_plan *plan);

/* Writes of the most written unit of the memory (a record, or a place that several tensors share)
   in one answer by `module` (1 = largest) without power failures. Each failure adds at most one:
   the span that it hits, or the boot's tally. Flash: pages that the answer opens at most, when
   every span commits; each failure adds one and what its span had written. */
int64_t wick_plan_wear(const wick_plan *plan, int module);

/* plan.json, both ways. Loading reads the model it names (relative to the plan's folder) and the
   device, verifies both hashes (MISMATCH), checks the plan, and compares every figure in the file
   with the recomputed one. *net is returned too: the caller frees the plan, then the net with
   wick_qnet_free. Saving a loaded plan to the same place gives the same bytes. */
wick_status wick_plan_save(const wick_plan *plan, const char *path, wick_diag *diag);
wick_status wick_plan_load(const char *path, wick_plan **out, wick_qnet **net, wick_diag *diag);
/* The paths of the model and of the device (or its name) that a plan.json names; in `arena`. */
wick_status wick_plan_references(const char *path, wick_arena *arena, const char **model,
                                 const char **device, wick_diag *diag);
/* The same with a network and a device that the caller already has. */
wick_status wick_plan_load_with(const char *path, const wick_qnet *net, const wick_device *device,
                                wick_plan **out, wick_diag *diag);

#endif
