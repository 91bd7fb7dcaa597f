/* The inner search of the published intermittent searches, on their cost model: for comparing
   planners and searches only (see device/published.h). */
#ifndef WICK_PUBLISHED_SEARCH_H
#define WICK_PUBLISHED_SEARCH_H

#include "device/device.h"
#include "shrink/shrink.h"

/* The best design of one layer, and what it takes. */
typedef struct wick_published_best {
    wick_published_design design;
    wick_published_cycles cycles;
    double power_cycles;             /* n_first + n_later */
    double energy_j, active_s;       /* of all power cycles, reboots included */
    double recharge_s, end_to_end_s; /* recharging after every power cycle; active + recharge */
    wick_published_cost continuous;  /* of the fastest design without failures and commits */
} wick_published_best;

/* Exhaustive: all divisors as tile sizes, all orders, all numbers of tiles a power cycle, within
   SRAM and the energy of a charge; the least end-to-end time
     n_first (L_first + recharge(E_first)) + n_later (L_later + recharge(E_later)),
   among equals the least SRAM, then the first one. The continuous design is searched on its own,
   within the same SRAM. False when no design fits. */
bool wick_published_search(const wick_published *model, const wick_published_layer *layer,
                           wick_published_best *out);

/* A network's sums, by segment. */
typedef struct wick_published_total {
    double power_cycles, energy_j, active_s, end_to_end_s, reboots_s;
    double continuous_s, continuous_j;
} wick_published_total;

typedef struct wick_published_plan {
    wick_published_best *layers;                       /* [net->n_layers] */
    wick_published_total segments[1 + WICK_MAX_HEADS]; /* 0 extractor, k module k alone */
} wick_published_plan;

/* Searches every layer; in `arena`. NO_FIT names the first layers for which no design fits, and
 * why. */
wick_status wick_published_plan_make(const wick_published *model, const wick_qnet *net,
                                     wick_arena *arena, wick_published_plan **out, wick_diag *diag);
/* The extractor and one module (1 ...), as one answer. */
wick_published_total wick_published_answer(const wick_published_plan *plan, int module);
/* The same answer as wick's engine would run it on that model: commits where the charge ends,
   whichever layer that is in, instead of a power cycle for every S tiles of one layer, and where a
   repetition would read what it has changed (see wick_published_pieces). Each layer has the design
   of least time + energy * (time / energy that a power cycle adds); the pieces then fill the
   charges one after the other. recharge as above; continuous_* is the same as above. False when
   some layer has no piece that a charge carries. */
bool wick_published_joined(const wick_published *model, const wick_qnet *net,
                           const wick_published_plan *plan, int module, wick_published_total *out);
/* Intermittency management overhead in percent (TiNAS): 100 (active - continuous) / active. */
double wick_published_overhead(const wick_published_total *total);

#endif
