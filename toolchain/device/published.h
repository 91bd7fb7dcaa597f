/* Cost models of published work, for comparing planners and searches, and for nothing else: they
   model the code of a vendor's DMA and vector library on an MSP430FR5994, not what emit generates.
   No plan is ever made for such a model (wick_device_load refuses it).

   Formulas and figures: iNAS (Mendis, Kang, Hsiu, "Intermittent-Aware Neural Architecture Search",
   ACM TECS 20(5s), 2021), and its tool (github.com/EMCLab-Sinica/Intermittent-aware-NAS) for what
   is transferred how often; thresholds of TiNAS (TCAD, 2025). Convolutions and fully connected
   layers are theirs. Depthwise convolutions, pools of windows, additions and concatenations are
   ours, from the same operations: see wick_published_intermittent. */
#ifndef WICK_PUBLISHED_H
#define WICK_PUBLISHED_H

#include "base/base.h"

#include <stdbool.h>
#include <stdint.h>
#include <wick/model.h>

/* One call on n words of 16 bits: j + n * j_per_word joules, cycles + n * cycles_per_word. */
typedef struct wick_published_vector {
    double j_per_word, j, cycles_per_word, cycles;
} wick_published_vector;

typedef struct wick_published_operation {
    double j, cycles;
} wick_published_operation;

typedef struct wick_published {
    const char *name, *path;
    double clock_hz;
    wick_published_vector fetch, back_up, mac; /* NVM to SRAM, SRAM to NVM, vector MAC */
    wick_published_operation add, mul, div, max;
    double reboot_j, reboot_s;
    double capacitor_f, source_ohm;
    double on_v, off_v, supply_v; /* off < on < supply */
    double margin;                /* share of a charge that a power cycle may use, (0, 1] */
    int64_t vm_bytes, word_bytes;
} wick_published;

/* Loads profiles/<name>.json (kind "published-model"), or a path; freed with the arena. */
wick_status wick_published_load(wick_arena *arena, const char *name, wick_published **out,
                                wick_diag *diag);

typedef struct wick_published_cost {
    double j, s; /* energy, active time */
} wick_published_cost;

/* What stays in SRAM while the innermost loop over tiles runs. */
typedef enum wick_published_order {
    WICK_REUSE_INPUT,   /* inner loop over output channels */
    WICK_REUSE_WEIGHTS, /* over rows and columns */
    WICK_REUSE_OUTPUT   /* over input channels */
} wick_published_order;

/* A layer as the formulas know it: R x C outputs of M channels from N input channels. */
typedef struct wick_published_layer {
    wick_layer_kind kind;
    int rows, cols, out_c, in_c; /* R, C, M, N; N = 1 where channels do not mix */
    int k_h, k_w, stride_h, stride_w;
    int operands;
} wick_published_layer;
wick_published_layer wick_published_layer_of(const wick_layer *layer);

/* Tile sizes, each a divisor of its dimension; order; tiles of one power cycle, a divisor of the
   innermost loop's count. Where channels do not mix: tn = 1; order WICK_REUSE_WEIGHTS, or
   WICK_REUSE_INPUT. */
typedef struct wick_published_design {
    int tr, tc, tm, tn;
    wick_published_order order;
    int s;
} wick_published_design;

/* Power cycles of a layer: `first` have no partial sums to fetch, `later` do.
     n_pc = ceil(R/Tr) ceil(C/Tc) ceil(M/Tm) ceil(N/Tn) / S = n_first + n_later. */
typedef struct wick_published_cycles {
    double n_first, n_later;
    wick_published_cost first, later; /* of one cycle, reboot and index transfers included */
    int64_t vm_bytes;                 /* word_bytes * (B_in + B_w + B_out), B_out for S tiles unless
                                         the output is reused */
} wick_published_cycles;

/* Iterations of the innermost loop: what s divides. */
int wick_published_inner(const wick_published_layer *layer, const wick_published_design *design);
/* A power cycle = reboot + fetch index + fetch inputs, weights and sums + compute S tiles + back up
   outputs + back up index. Transfers: T_ri * T_ci of T_n words for inputs, K_h * K_w * T_m of T_n
   words for weights, T_r * T_c of T_m words for sums and outputs (S * T_m where inputs are reused),
   4 words for the index; each with its address arithmetic. Compute: K_h K_w T_r T_c T_m vector MACs
   of T_n words with an addition and their address arithmetic.
   Ours: a depthwise tap multiplies and adds T_m words, priced as two vector MACs; max pools compare
   and average pools add every value of the window, the latter divide each output; an addition is
   one vector MAC a pixel; a concatenation only transfers. */
wick_published_cycles wick_published_intermittent(const wick_published *model,
                                                  const wick_published_layer *layer,
                                                  const wick_published_design *design);
/* The layer without power failures and commits: no reboot, no index, outputs that are reused leave
   SRAM once, everything else as above; s is ignored. */
wick_published_cost wick_published_continuous(const wick_published *model,
                                              const wick_published_layer *layer,
                                              const wick_published_design *design);

/* A layer as pieces after each of which everything is in NVM, for plans that commit where the
   charge ends instead of after S tiles: `groups` groups of `units` pieces; a group begins with
   fetching what it holds in SRAM, and fetches it again after a power failure. Of `passes` groups
   that add to the same outputs, all but the first fetch partial sums: they read them in one place
   and write them in another, and commit before the next group goes the other way, so that a piece
   that is repeated never finds its own results. Without those commits the sum is
   wick_published_continuous:
     groups (held + units * unit) + groups (1 - 1 / passes) units * sums. */
typedef struct wick_published_pieces {
    double groups, units;
    int passes;
    wick_published_cost held, unit, sums;
    int64_t vm_bytes; /* as above, for S = 1 */
} wick_published_pieces;
wick_published_pieces wick_published_pieces_of(const wick_published *model,
                                               const wick_published_layer *layer,
                                               const wick_published_design *design);
/* Reboot and fetching the index at the begin of a power cycle; backing up the index at its end. */
wick_published_cost wick_published_begin(const wick_published *model);
wick_published_cost wick_published_commit(const wick_published *model);

/* What one power cycle may use: margin * C/2 * (on_v^2 - off_v^2). */
double wick_published_charge_j(const wick_published *model);
/* Recharging after a power cycle that used `spent_j` <= charge:
     -R C ln((V_on - V_sup) / (V_end - V_sup)), V_end = sqrt(2 (charge - spent) / C + V_off^2). */
double wick_published_recharge_s(const wick_published *model, double spent_j);

#endif
