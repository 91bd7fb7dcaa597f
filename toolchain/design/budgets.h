/* Budgets, and what a network takes of them on its plan. Part of design.h. */
#ifndef WICK_BUDGETS_H
#define WICK_BUDGETS_H

#include "plan/plan.h"

/* X(NAME, name of the option, what it is). Bytes, bytes, bytes, µJ, µJ, points of accuracy. */
#define WICK_BUDGET_TABLE(X)                                                                       \
    X(FLASH, "flash", "flash")     /* constants and code */                                        \
    X(RAM, "ram", "RAM")           /* engine, scratch, stack bound */                              \
    X(NVM, "nvm", "NVM")           /* the engine's region, with checksums */                       \
    X(ENERGY, "energy", "energy")  /* of one answer by the module that takes most, no boots */     \
    X(SPAN, "span", "span energy") /* energy between two commits, with boot and commit */          \
    X(DROP, "max-drop", "accuracy drop") /* of the module that loses most on validation images */

typedef enum wick_budget {
#define X(NAME, option, text) WICK_BUDGET_##NAME,
    WICK_BUDGET_TABLE(X)
#undef X
        WICK_BUDGETS
} wick_budget;
const char *wick_budget_option(wick_budget kind); /* "flash" */
const char *wick_budget_text(wick_budget kind);   /* "flash", "span energy" */
/* A value of that kind for people: "12.3 KB", "1.20 mJ", "0.50 points"; in `arena`. */
char *wick_budget_value(wick_arena *arena, wick_budget kind, double value);

typedef struct wick_budgets {
    double limit[WICK_BUDGETS]; /* > 0 (DROP: >= 0); INFINITY = none */
} wick_budgets;
wick_budgets wick_budgets_none(void);
/* No limit above what the device has: its memories, and of a charge the planner's margin. */
wick_budgets wick_budgets_within(const wick_budgets *budgets, const wick_device *device,
                                 const wick_plan_options *options);

/* What a network takes. */
typedef struct wick_demand {
    double value[WICK_BUDGETS]; /* NAN: unknown (DROP before it is measured) */
    double constants_bytes;     /* of FLASH: weights, biases, tables */
    bool planned; /* the planner found a plan within the budgets of memory and charge; false: the
                     values are of a plan with the fewest of these budgets left out */
} wick_demand;

/* Plans a network for the device within the budgets (resolved by wick_budgets_within). A network
   that does not fit is no error: UNSUPPORTED and the like are. */
wick_status wick_demand_of(const wick_qnet *net, const wick_device *device,
                           const wick_plan_options *options, const wick_budgets *budgets,
                           wick_demand *out, wick_diag *diag);
/* The options with which the planner finds that plan again. */
wick_plan_options wick_budgets_plan(const wick_budgets *budgets, const wick_device *device,
                                    const wick_plan_options *options);

/* All known values are within their limits. */
bool wick_budgets_hold(const wick_budgets *budgets, const wick_demand *figures);
/* The largest of value / limit over the budgets of memory and energy: > 1 where one does not hold.
 */
double wick_budgets_excess(const wick_budgets *budgets, const wick_demand *figures);

/* The least that a network can take of one budget when no other counts (of RAM: or what it takes of
   its budget, where that suffices), and the layer that takes most of it ("" where no layer does).
   FLASH, RAM, NVM, ENERGY, SPAN. In `arena`. */
typedef struct wick_least {
    double value;
    const char *layer;
    double code_bytes; /* FLASH: of value, the engine's and the kernels' code; else 0 */
} wick_least;
wick_status wick_demand_least(const wick_qnet *net, const wick_device *device,
                              const wick_plan_options *options, const wick_budgets *budgets,
                              wick_arena *arena, wick_least least[WICK_BUDGETS], wick_diag *diag);

#endif
