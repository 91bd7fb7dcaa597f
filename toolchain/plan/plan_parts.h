/* Inside of plan: what its files share. */
#ifndef WICK_PLAN_PARTS_H
#define WICK_PLAN_PARTS_H

#include "plan/plan.h"
#include "weights/weights.h"

#include <wick/nvm.h>

/* Sums of energies are compared with budgets that were computed in another order. */
#define WICK_PLAN_SLACK (1.0 + 1e-9)

/* What work takes from the capacitor: µJ with converter and series resistance, and the voltage
   before the resistance at which its heaviest part browns out (0: nothing takes time). */
typedef struct wick_plan_draw {
    double uj, off_v;
} wick_plan_draw;

/* What a network costs on a device, step by step (plan_cost.c). */
typedef struct wick_plan_costs {
    const wick_qnet *net;
    const wick_layer *layers; /* the plan's: with their kernels */
    const wick_device *device;
    wick_model view; /* layers only, for the runtime's own size functions */
} wick_plan_costs;
wick_plan_costs wick_plan_costs_of(const wick_plan *plan);
/* The tensor has a place in SRAM. */
bool wick_plan_resident(const wick_plan_costs *costs, int tensor);
/* Computing the step; reading its input rows from NVM, and writing its output there, unless they
   stay in SRAM. Transfers are whole write units. */
wick_work wick_plan_step_work(const wick_plan_costs *costs, wick_step step);
/* Reading the rows of operand o that the step needs, wherever they are. */
wick_work wick_plan_operand_work(const wick_plan_costs *costs, wick_step step, uint32_t o);
/* What a span of these steps reads besides when a boot begins with it: tensors that would be in
 * SRAM.
 */
wick_work wick_plan_reload_work(const wick_plan_costs *costs, const wick_step *steps, int n);
/* Writing a tensor from SRAM at a commit. */
wick_work wick_plan_store_work(const wick_plan_costs *costs, int tensor);
/* A span with its commit; model's tensors know their last readers. */
wick_work wick_plan_span_work(const wick_plan_costs *costs, const wick_model *model, int segment,
                              int span);
/* Beside the arena. */
uint32_t wick_plan_step_scratch(const wick_plan_costs *costs, wick_step step);
/* One record, written between two barriers. */
wick_work wick_plan_commit_work(const wick_device *device);
/* Start-up, reading records, variables, tally and stamp, writing the tally, and the variables with
   the first commit. */
wick_cost wick_plan_boot_cost(const wick_device *device, int app_bytes);
/* Writing an input with its stamp. */
wick_work wick_plan_take_work(const wick_plan_costs *costs);
/* Writing an input with its stamp and committing it. */
wick_cost wick_plan_submit_cost(const wick_plan_costs *costs);
/* µW that the capacitor gives for a load: converter and series resistance. *off_v: its voltage
   before the resistance at which the device browns out under it. */
double wick_plan_draw_uw(const wick_device *device, double load_uw, double *off_v);
/* µJ that it gives for a part of the work; *off_v: 0 where that takes no time. */
double wick_plan_drawn_uj(const wick_device *device, wick_cost cost, double *off_v);
/* Work of one part after another; each part has its own current. */
wick_plan_draw wick_plan_draw_of(const wick_device *device, wick_cost cost);
wick_plan_draw wick_plan_draw_sum(wick_plan_draw a, wick_plan_draw b);
/* `draw` behind another whose own current is over when it begins, such as a boot's. */
wick_plan_draw wick_plan_draw_behind(wick_plan_draw before, wick_plan_draw draw);
/* A span with its commit and what it reads again behind a boot, which is not in it; `reload`: the
   first of plan->reloads that is not before the span, moved behind it. */
wick_plan_draw wick_plan_span_draw(const wick_plan *plan, int span, int *reload);
/* What a boot and the taking of an input behind it ask for, one after the other: the boot, writing
   the input, its commit. */
enum { WICK_PLAN_SUBMIT_PARTS = 3 };
void wick_plan_submit_draws(const wick_plan_costs *costs, wick_plan_draw boot,
                            wick_plan_draw parts[WICK_PLAN_SUBMIT_PARTS]);
/* Of wick_plan_reload_work: the operands one by one. */
wick_plan_draw wick_plan_reload_draw(const wick_plan_costs *costs, const wick_step *steps, int n);
/* What a draw takes of a charge that is counted down to off_v, before the converter, µJ: without
   resistance the work's energy. Besides: what its heaviest part has to leave in the capacitor above
   off_v, uj_per_v2 of it for each V^2; of a margin of the charge. */
double wick_plan_uj_per_v2(const wick_device *device,
                           double margin); /* margin * efficiency * uf / 2 */
double wick_plan_asked_uj(const wick_device *device, double uj_per_v2, wick_plan_draw draw);
/* The capacitor and the wake voltage of which a draw leaves all but `margin`: INFINITY where no
 * capacitor would do. */
double wick_plan_uf_for(const wick_device *device, double margin, wick_plan_draw draw);
double wick_plan_wake_v_for(const wick_device *device, double margin, wick_plan_draw draw);
int64_t wick_plan_align(int64_t value, int64_t unit);
/* Of the module with the longest logits. */
uint32_t wick_plan_logit_bytes(const wick_qnet *net);
/* Output elements of a layer, or elements of a tensor. */
uint32_t wick_plan_layer_total(const wick_layer *layer);
uint32_t wick_plan_tensor_bytes(const wick_qtensor *tensor);

/* The device has the kernels that wide layers cannot do without; UNSUPPORTED names one that it has
   not. */
wick_status wick_plan_offers(const wick_qnet *net, const wick_device *device,
                             const char *model_path, wick_diag *diag);
/* What each layer takes on each kernel of the device (plan_kernels.c); scratch_limit for a kernel's
   own SRAM. Free with wick_plan_prices_free. */
typedef struct wick_plan_prices wick_plan_prices;
wick_plan_prices *wick_plan_price_kernels(const wick_qnet *net, const wick_device *device,
                                          int64_t scratch_limit);
void wick_plan_prices_free(wick_plan_prices *prices);
/* Sets every layer's kernel: flash_limit for constants of layers and code of kernels together. True
   when flash, not cost, decided. */
bool wick_plan_choose_kernels(wick_plan *plan, const wick_plan_prices *prices, int64_t flash_limit);
/* Weights in the layouts of the kernels that are set. */
void wick_plan_pack_weights(wick_plan *plan);
/* Bytes of a layer's constants in flash, with the weights of its kernel. */
int64_t wick_plan_constant_bytes(const wick_layer *layer);
/* SRAM beside scratch: the engine's state and stack, and a log's on flash. */
int64_t wick_plan_fixed_ram(const wick_device *device);
/* Bytes of what is not kernels: the engine's code, and all tables but the layers' constants. */
int64_t wick_plan_fixed_flash(const wick_plan *plan);

/* What was added up before (plan_memo.h); what is found does not depend on it. */
typedef struct wick_plan_memo wick_plan_memo;
typedef struct wick_plan_pieces wick_plan_pieces;

/* Steps and spans (plan_pack.c, plan_spans.c). Heap arrays; free with wick_packing_free. */
typedef struct wick_packing {
    wick_step *steps;
    wick_span *spans;
    wick_place *places; /* [n_tensors] only `sram` is set */
    int64_t arena_bytes;
    int n_steps, n_spans, cap_steps, cap_spans;
    int first_span[1 + WICK_MAX_HEADS], span_count[1 + WICK_MAX_HEADS];
    double expected[1 + WICK_MAX_HEADS]; /* energy or time of each segment */
} wick_packing;
typedef struct wick_pack_limits {
    double span_uj;       /* of steps, commit, and what a boot reads again: wick_plan_asked_uj */
    double usable_uj;     /* of one charge, after the boot */
    double uj_per_v2;     /* what the heaviest part's brown-out takes of it, likewise */
    int64_t scratch;      /* bytes, arena included */
    int max_span_outputs; /* 0 = none; the smallest step is always allowed */
    double
        latency_weight; /* in [0, 1]: of the time in what is minimised; the rest is the energy's */
    double active_uj_per_us; /* what a µs of it counts */
    bool any;                /* some division will do, not the best: few borders are looked at */
    wick_features features;
} wick_pack_limits;
/* False when a layer has no step that fits, or there are more than 65,535 steps or spans.
   span_count[0] = 0: there is no extractor, or its steps are the first of every module. */
bool wick_pack(const wick_plan_costs *costs, const wick_pack_limits *limits, wick_plan_memo *memo,
               wick_packing *out);
void wick_packing_free(wick_packing *packing);
/* (1 - latency_weight) * energy + latency_weight * active_uj_per_us * time, µJ */
double wick_pack_worth(const wick_pack_limits *limits, wick_cost cost);
/* What one pass takes with the power failures to be expected: a failure hits a span with
   probability e / usable and repeats half of it and its reload on average. */
double wick_pack_expected(const wick_pack_limits *limits, wick_cost span, wick_cost reload);

/* SRAM for which a division is the same: all steps that were looked at fit, or do not, in
   [least, below) bytes. */
typedef struct wick_pack_room {
    int64_t least, below;
} wick_pack_room;
/* One layer divided into spans of steps (plan_pack.c): of all divisions whose steps end on the
   borders that are looked at, the one that is expected to take least. These are all legal ones
   (pixels, and channels within a pixel, that end on a write unit) as long as there are few pairs of
   them within a span; of larger layers rows, or every second, fourth ... row, and finer ones only
   where such a piece exceeds a span. `pieces`: this layer's, all 0 or from earlier calls. `out`
   (may be NULL) gets the steps. *expected: of these spans; *room: as above. False: no step fits. */
bool wick_pack_layer(const wick_plan_costs *costs, const wick_pack_limits *limits, int layer,
                     int64_t scratch, wick_plan_pieces *pieces, wick_packing *out, double *expected,
                     wick_pack_room *room);
void wick_packing_add(wick_packing *packing, wick_step step, bool new_span);
/* Outputs of the smallest legal step from `first`. */
uint32_t wick_plan_smallest_step(const wick_plan_costs *costs, int layer, uint32_t first);

/* Places in SRAM (plan_arena.c) of the tensors in wanted[n_tensors]; sets places[].sram, returns
   the bytes. */
int64_t wick_plan_fill_arena(const wick_qnet *net, const bool *wanted, wick_place *places);
/* The same, but drops from `wanted` what does not fit one span as a whole, and then the largest
   until arena and scratch fit limits->scratch. */
int64_t wick_plan_choose_arena(const wick_plan_costs *costs, const wick_pack_limits *limits,
                               bool *wanted, wick_place *places);
/* Producers and last readers of all tensors (plan_layout.c); needs steps and lives. */
void wick_plan_link(wick_plan *plan);

/* The smallest possible step that asks for the largest capacitor, with its commit and the boot
   before it, and its layer; and the same for scratch. */
typedef struct wick_pack_floor {
    wick_plan_draw step;
    int64_t scratch;
    int step_layer, scratch_layer;
} wick_pack_floor;
wick_pack_floor wick_pack_smallest(const wick_plan_costs *costs, wick_plan_draw boot);
/* The span of these parts, with what a boot reads again, is within the limits. */
bool wick_pack_carries(const wick_plan_costs *costs, const wick_pack_limits *limits,
                       wick_plan_draw span);

/* Places of records, variables, tally and the input's stamp in plan->model; returns where tensors
   may begin. */
int64_t wick_plan_place_own(wick_plan *plan);
/* Which spans must commit, and the voltage that each needs (plan_lazy.c); needs spans, places and
   energies. */
void wick_plan_mark_commits(wick_plan *plan);

/* Lifetimes and places (plan_layout.c); need plan->model's steps and spans. The second also fills
   tensors, record offsets and nvm_bytes. */
void wick_plan_find_lives(wick_plan *plan);
void wick_plan_lay_out(wick_plan *plan, const wick_place *sram);

/* Completes a plan whose steps, spans and places stand (plan_make.c): costs, segments, totals,
 * hash.
 */
void wick_plan_complete(wick_plan *plan, const int *first_span, const int *span_count);
/* The first part of it: model.segments. */
void wick_plan_complete_segments(wick_plan *plan, const int *first_span, const int *span_count);
/* The part of wick_plan_check that needs no costs: structure, and every step inside its layer. */
wick_status wick_plan_check_steps(const wick_plan *plan, wick_diag *diag);
/* Of a chain: the tensor that one module computes is read by another. It goes to NVM, to a place
   that is its own until the input is done. */
bool wick_plan_crosses(const wick_qnet *net, int tensor);
/* The modules that have run when module k answers are k to this one: k, in a chain the last. */
int wick_plan_way_from(const wick_plan *plan, int module);
/* An empty plan that knows its network and device. */
wick_plan *wick_plan_new(const wick_qnet *net, const wick_device *device,
                         const wick_plan_options *options, const char *model_path);
/* The network has what a plan assumes: layers in segment order, modules that read the extractor
   only through tensors, no empty module. UNSUPPORTED otherwise. */
wick_status wick_plan_accepts(const wick_qnet *net, const char *model_path, wick_diag *diag);

#endif
