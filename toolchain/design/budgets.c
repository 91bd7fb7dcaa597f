#include "design/budgets.h"

#include <math.h>
#include <string.h>

static const char *const option_names[] = {
#define X(NAME, option, text) option,
    WICK_BUDGET_TABLE(X)
#undef X
};
static const char *const texts[] = {
#define X(NAME, option, text) text,
    WICK_BUDGET_TABLE(X)
#undef X
};

const char *wick_budget_option(wick_budget kind) {
    return option_names[kind];
}

const char *wick_budget_text(wick_budget kind) {
    return texts[kind];
}

char *wick_budget_value(wick_arena *arena, wick_budget kind, double value) {
    if (kind == WICK_BUDGET_DROP)
        return wick_arena_printf(arena, "%.2f points", value);
    return kind <= WICK_BUDGET_NVM ? wick_text_bytes(arena, value) : wick_text_energy(arena, value);
}

wick_budgets wick_budgets_none(void) {
    wick_budgets budgets;
    for (int k = 0; k < WICK_BUDGETS; k++)
        budgets.limit[k] = (double)INFINITY;
    return budgets;
}

static const wick_device *charged(const wick_device *device, const wick_plan_options *options,
                                  wick_arena *arena) {
    return options->capacitor_uf > 0
               ? wick_device_with_capacitor(arena, device, options->capacitor_uf)
               : device;
}

static double charge_of(const wick_device *device, const wick_plan_options *options) {
    wick_arena *arena = wick_arena_new();
    double uj = wick_device_charge_uj(charged(device, options, arena));
    wick_arena_free(arena);
    return uj;
}

wick_budgets wick_budgets_within(const wick_budgets *budgets, const wick_device *device,
                                 const wick_plan_options *options) {
    wick_budgets within = *budgets;
    const double most[] = {[WICK_BUDGET_FLASH] = (double)device->flash_bytes,
                           [WICK_BUDGET_RAM] = (double)device->sram_bytes,
                           [WICK_BUDGET_NVM] = (double)device->nvm.bytes,
                           [WICK_BUDGET_ENERGY] = (double)INFINITY,
                           [WICK_BUDGET_SPAN] = options->margin * charge_of(device, options)};
    for (int k = 0; k < WICK_BUDGET_DROP; k++)
        within.limit[k] = fmin(within.limit[k], most[k]);
    return within;
}

wick_plan_options wick_budgets_plan(const wick_budgets *budgets, const wick_device *device,
                                    const wick_plan_options *options) {
    wick_plan_options limited = *options;
    double charge_uj = charge_of(device, options);
    limited.flash_bytes = (int64_t)budgets->limit[WICK_BUDGET_FLASH];
    limited.sram_bytes = (int64_t)budgets->limit[WICK_BUDGET_RAM];
    limited.nvm_bytes = (int64_t)budgets->limit[WICK_BUDGET_NVM];
    limited.margin = fmin(limited.margin, budgets->limit[WICK_BUDGET_SPAN] / charge_uj);
    return limited;
}

static double dearest_answer(const wick_plan *plan) {
    double most = 0;
    for (int m = 1; m <= plan->net->n_modules; m++)
        most = fmax(most, wick_plan_answer_uj(plan, m));
    return most;
}

static void read_plan(const wick_plan *plan, wick_demand *out) {
    out->value[WICK_BUDGET_FLASH] = (double)plan->totals.flash_bytes;
    out->value[WICK_BUDGET_RAM] = (double)plan->totals.ram_bytes;
    out->value[WICK_BUDGET_NVM] = (double)plan->totals.memory_bytes;
    out->value[WICK_BUDGET_ENERGY] = dearest_answer(plan);
    out->value[WICK_BUDGET_SPAN] = plan->worst_span_uj;
    out->value[WICK_BUDGET_DROP] = (double)NAN;
    out->constants_bytes = (double)plan->totals.constants_bytes;
}

/* A device that lacks nothing, so that the figures of what does not fit can be told. */
static void enlarge(wick_device *device) {
    device->flash_bytes = device->sram_bytes = device->nvm.bytes = (int64_t)1 << 40;
}

/* The energy that the smallest possible worst span takes with its boot and commit. */
static double smallest_span(const wick_plan *plan) {
    return plan->min_capacitor_uf / plan->device->capacitor.uf * plan->options.margin *
           plan->charge_uj;
}

/* NO_FIT is an answer: *fits false. */
static wick_status try_plan(const wick_qnet *net, const wick_device *device,
                            const wick_plan_options *options, wick_plan **plan, wick_diag *why,
                            wick_diag *diag) {
    wick_diag refused = {0};
    wick_status status = wick_plan_make(net, device, options, NULL, plan, &refused);
    wick_diag_move(status == WICK_NO_FIT ? why : diag, &refused);
    wick_diag_free(&refused);
    return status == WICK_NO_FIT ? WICK_OK : status;
}

/* A capacitor that carries whatever the layers need. */
static const double AMPLE = 1e4;

/* Without the memories' budgets, and (ample) without the charge's. */
static wick_status plan_freely(const wick_qnet *net, const wick_device *device,
                               const wick_plan_options *options, bool ample, wick_plan **plan,
                               wick_arena *arena, wick_diag *diag) {
    wick_device *large = wick_new(arena, wick_device, 1);
    wick_plan_options free_options = *options;
    *large = *device;
    enlarge(large);
    free_options.flash_bytes = free_options.sram_bytes = free_options.nvm_bytes = 0;
    if (ample)
        free_options.capacitor_uf = charged(device, options, arena)->capacitor.uf * AMPLE;
    return try_plan(net, large, &free_options, plan, NULL, diag);
}

wick_status wick_demand_of(const wick_qnet *net, const wick_device *device,
                           const wick_plan_options *options, const wick_budgets *budgets,
                           wick_demand *out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_plan_options limited = wick_budgets_plan(budgets, device, options);
    wick_plan *plan = NULL;
    *out = (wick_demand){.planned = false};
    for (int k = 0; k < WICK_BUDGETS; k++)
        out->value[k] = (double)NAN;
    wick_device *large = wick_new(arena, wick_device, 1);
    *large = *device;
    enlarge(large);
    wick_status status = try_plan(net, device, &limited, &plan, NULL, diag);
    out->planned = plan != NULL;
    for (int left_out = 0; left_out < 3 && status == WICK_OK && !plan; left_out++) {
        wick_plan_options rest = limited;
        int64_t *const memories[] = {&rest.flash_bytes, &rest.sram_bytes, &rest.nvm_bytes};
        *memories[left_out] = 0;
        if (left_out == 0)
            rest.optimise = WICK_OPTIMISE_SIZE; /* how near it comes */
        status = try_plan(net, large, &rest, &plan, NULL, diag);
    }
    limited.optimise = WICK_OPTIMISE_SIZE;
    if (status == WICK_OK && !plan)
        status = plan_freely(net, device, &limited, false, &plan, arena, diag);
    bool ample = status == WICK_OK && !plan;
    if (ample)
        status = plan_freely(net, device, &limited, true, &plan, arena, diag);
    if (plan)
        read_plan(plan, out);
    if (plan && ample)
        out->value[WICK_BUDGET_SPAN] = smallest_span(plan);
    wick_plan_free(plan);
    wick_arena_free(arena);
    return status;
}

bool wick_budgets_hold(const wick_budgets *budgets, const wick_demand *figures) {
    for (int k = 0; k < WICK_BUDGETS; k++)
        if (figures->value[k] > budgets->limit[k])
            return false;
    return figures->planned;
}

double wick_budgets_excess(const wick_budgets *budgets, const wick_demand *figures) {
    double most = 0;
    for (int k = 0; k < WICK_BUDGET_DROP; k++)
        most = fmax(most, isnan(figures->value[k]) ? (double)INFINITY
                                                   : figures->value[k] / budgets->limit[k]);
    return most;
}

/* --- the least of each -------------------------------------------------------------------------*/

/* The layer that takes most of what `of` says. */
static const char *largest_layer(const wick_plan *plan, double (*of)(const wick_plan_layer *layer),
                                 wick_arena *arena) {
    const char *name = "";
    double most = 0;
    for (int l = 0; l < plan->net->n_layers; l++) {
        wick_plan_layer layer = wick_plan_layer_of(plan, l);
        if (of(&layer) <= most)
            continue;
        most = of(&layer);
        name = plan->net->info[l].name;
    }
    return wick_arena_strdup(arena, name);
}

static double constants_of(const wick_plan_layer *layer) {
    return (double)layer->constant_bytes;
}
static double live_of(const wick_plan_layer *layer) {
    return (double)layer->live_bytes;
}
static double energy_of(const wick_plan_layer *layer) {
    return layer->cost.energy_uj;
}
static double scratch_of(const wick_plan_layer *layer) {
    return (double)layer->scratch_bytes;
}

/* One question of the search for the smallest SRAM; *high or *low moves. */
static wick_status try_ram(const wick_qnet *net, const wick_device *device,
                           wick_plan_options options, int64_t bytes, int64_t *low, int64_t *high,
                           wick_arena *arena, wick_least *least, wick_diag *diag) {
    wick_plan *plan = NULL;
    wick_diag why = {0};
    options.sram_bytes = bytes;
    wick_status status = try_plan(net, device, &options, &plan, &why, diag);
    if (plan)
        *high = plan->totals.ram_bytes;
    else
        *low = bytes;
    if (!plan && why.count && why.items[0].place)
        least->layer = wick_arena_strdup(arena, why.items[0].place);
    wick_diag_free(&why);
    wick_plan_free(plan);
    return status;
}

/* The smallest SRAM for which there is a plan, by halving the interval below one that has. */
static wick_status least_ram(const wick_qnet *net, const wick_device *device,
                             const wick_plan_options *options, double limit, wick_arena *arena,
                             wick_least *least, wick_diag *diag) {
    int64_t low = 0, high = (int64_t)least->value;
    if ((double)high > limit)
        WICK_TRY(try_ram(net, device, *options, (int64_t)limit, &low, &high, arena, least, diag));
    while ((double)high > limit && high - low > 1 + high / 512) /* within 0.2 % */
        WICK_TRY(try_ram(net, device, *options, low + (high - low) / 2, &low, &high, arena, least,
                         diag));
    least->value = (double)high;
    return WICK_OK;
}

wick_status wick_demand_least(const wick_qnet *net, const wick_device *device,
                              const wick_plan_options *options, const wick_budgets *budgets,
                              wick_arena *arena, wick_least least[WICK_BUDGETS], wick_diag *diag) {
    wick_plan *plan = NULL;
    wick_plan_options goal = *options;
    for (int k = 0; k < WICK_BUDGETS; k++)
        least[k] = (wick_least){.value = (double)NAN, .layer = "", .code_bytes = 0};
    goal.optimise = WICK_OPTIMISE_SIZE;
    WICK_TRY(plan_freely(net, device, &goal, true, &plan, arena, diag));
    if (!plan)
        return wick_fail(diag, WICK_NO_FIT, NULL, NULL, NULL,
                         "it needs more than 65,535 spans with any capacitor");
    least[WICK_BUDGET_FLASH] =
        (wick_least){(double)plan->totals.flash_bytes, largest_layer(plan, constants_of, arena),
                     (double)plan->totals.code_bytes};
    least[WICK_BUDGET_NVM] =
        (wick_least){(double)plan->totals.memory_bytes, largest_layer(plan, live_of, arena), 0};
    least[WICK_BUDGET_SPAN] = (wick_least){smallest_span(plan), "", 0};
    least[WICK_BUDGET_RAM] =
        (wick_least){(double)plan->totals.ram_bytes, largest_layer(plan, scratch_of, arena), 0};
    wick_device *large = wick_new(arena, wick_device, 1);
    *large = *device;
    enlarge(large);
    goal.capacitor_uf = plan->device->capacitor.uf;
    wick_status status = least_ram(net, large, &goal, budgets->limit[WICK_BUDGET_RAM], arena,
                                   &least[WICK_BUDGET_RAM], diag);
    wick_plan_free(plan);
    goal.optimise = WICK_OPTIMISE_ENERGY;
    plan = NULL;
    if (status == WICK_OK)
        status = plan_freely(net, device, &goal, false, &plan, arena, diag);
    if (plan)
        least[WICK_BUDGET_ENERGY] =
            (wick_least){dearest_answer(plan), largest_layer(plan, energy_of, arena), 0};
    wick_plan_free(plan);
    return status;
}
