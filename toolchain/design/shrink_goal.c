/* wick_goal_shrink: checks, the network as it is, the search, trials, training, the verdict. */
#include "design/design.h"
#include "design/shrink_search.h"
#include "design/shrink_state.h"
#include "design/shrink_train.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A trained network may have a few zeros less, or elsewhere: so often less dense, by so much. */
enum { REPAIRS = 3 };
static const double REPAIR = 0.97;

/* Zeros come over half of the epochs. CIFAR10-S at 24 KB of flash, 5 epochs of 4,500 images,
   accuracy on 500 validation images: 67.4 and 68.4 % with seeds 1 and 2; all at once 66.4 and 67.2
   %. */
static const double RAMP = 0.5;

wick_goal_options wick_goal_defaults(void) {
    wick_goal_options options = {.budgets = wick_budgets_none(),
                                 .plan = wick_plan_defaults(),
                                 .quantize = wick_quantize_defaults(),
                                 .separate = wick_separate_defaults(),
                                 .train = wick_train_defaults(),
                                 .trial_share = 0.2,
                                 .trials = 3};
    options.train.strategy = WICK_STRATEGY_UNIFIED;
    options.train.learning_rate = 0.02;
    options.train.lr_schedule = WICK_LR_COSINE;
    options.train.kd_features = false;
    options.train.kd_response = true;
    options.train.sparse_ramp = RAMP;
    return options;
}

/* --- steps -------------------------------------------------------------------------------------*/

static wick_goal_step *add_step(wick_goal_run *run, const char *what, int epochs) {
    wick_goal_result *r = run->result;
    assert(r->n_steps < WICK_GOAL_MAX_STEPS);
    wick_goal_step *step = &r->steps[r->n_steps++];
    *step = (wick_goal_step){.what = wick_arena_strdup(run->arena, what), .epochs = epochs};
    for (int k = 0; k < WICK_BUDGETS; k++)
        step->figures.value[k] = (double)NAN;
    step->figures.constants_bytes = (double)NAN;
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        step->accuracy[k] = (double)NAN;
    return step;
}

/* A step that is done. */
static void settle(const wick_goal_run *run, wick_goal_step *step) {
    for (int k = 0; k < WICK_BUDGETS; k++)
        step->over[k] = step->figures.value[k] > run->result->budgets.limit[k];
    if (run->options->on_step)
        run->options->on_step(run->options->ctx, step);
}

/* Points that the module loses which loses most. */
static void measure_drop(const wick_goal_run *run, wick_goal_step *step) {
    double drop = -100;
    for (int k = 0; k < run->result->n_modules; k++)
        drop = fmax(drop, 100 * (run->float_accuracy[k] - step->accuracy[k]));
    step->figures.value[WICK_BUDGET_DROP] = drop;
}

static wick_status measure_float(wick_goal_run *run) {
    int64_t correct[WICK_MAX_HEADS];
    const wick_data *data = run->data;
    wick_goal_step *step = add_step(run, "float", 0);
    WICK_TRY(wick_eval_float(run->network, data, WICK_VALIDATION, run->options->train.threads,
                             correct, NULL, run->diag));
    step->figures.constants_bytes = 0;
    for (int s = 0; s <= run->result->n_modules; s++)
        step->figures.constants_bytes +=
            4.0 * (double)wick_graph_counts(run->network, s).parameters;
    for (int k = 0; k < run->result->n_modules; k++)
        step->accuracy[k] = run->float_accuracy[k] =
            (double)correct[k] / data->split[WICK_VALIDATION].n;
    measure_drop(run, step);
    settle(run, step);
    return WICK_OK;
}

/* Quantizes, plans and measures; *qdq is the caller's. */
static wick_status judge(wick_goal_run *run, const wick_graph *graph, wick_goal_step *step,
                         wick_graph **qdq) {
    const wick_data *data = run->data;
    wick_qnet *net = NULL;
    int64_t correct[WICK_MAX_HEADS];
    WICK_TRY(wick_quantize(graph, data, &run->options->quantize, qdq, run->diag));
    wick_status status = wick_qnet_lower(*qdq, &net, run->diag);
    if (status == WICK_OK)
        status = wick_demand_of(net, run->device, &run->options->plan, &run->result->budgets,
                                &step->figures, run->diag);
    if (status == WICK_OK)
        status = wick_eval_int8(net, data, WICK_VALIDATION, run->options->train.threads, 0, correct,
                                NULL, NULL, run->diag);
    for (int k = 0; k < run->result->n_modules && status == WICK_OK; k++)
        step->accuracy[k] = (*qdq)->family.validation[k] =
            (double)correct[k] / data->split[WICK_VALIDATION].n;
    step->on_device = true;
    if (status == WICK_OK) {
        measure_drop(run, step);
        settle(run, step);
    }
    wick_qnet_free(net);
    return status;
}

/* The better of two outcomes: budgets of memory and energy first, then accuracy. Takes qdq over. */
static void keep_better(wick_goal_run *run, int step, wick_graph *qdq) {
    wick_goal_result *r = run->result;
    const wick_demand *now = &r->steps[step].figures;
    double excess = fmax(1, wick_budgets_excess(&r->budgets, now));
    bool better = r->best < 0;
    if (!better) {
        const wick_demand *best = &r->steps[r->best].figures;
        double before = fmax(1, wick_budgets_excess(&r->budgets, best));
        better = excess < before || (!(excess > before) &&
                                     now->value[WICK_BUDGET_DROP] < best->value[WICK_BUDGET_DROP]);
    }
    if (!better) {
        wick_graph_free(qdq);
        return;
    }
    wick_graph_free(r->model);
    r->model = qdq;
    r->best = step;
    r->met = wick_budgets_hold(&r->budgets, now);
}

/* Adds the step of a trained network; the best so far is kept. */
static wick_status judge_and_keep(wick_goal_run *run, const wick_graph *graph, const char *what,
                                  const wick_candidate *candidate, int epochs) {
    wick_graph *qdq = NULL;
    int step = run->result->n_steps;
    wick_goal_step *added = add_step(run, what, epochs);
    added->fragile = candidate->fragile;
    added->n_fragile = candidate->n_fragile;
    wick_status status = judge(run, graph, added, &qdq);
    if (status == WICK_OK)
        keep_better(run, step, qdq);
    else
        wick_graph_free(qdq);
    return status;
}

/* The network as it is, in 8 bits, which needs no training. */
static wick_status try_as_it_is(wick_goal_run *run) {
    const wick_candidate none = {0};
    return judge_and_keep(run, run->collapsed, "8 bits", &none, 0);
}

/* --- candidates --------------------------------------------------------------------------------*/

static double mean_of(const wick_goal_run *run, const double accuracy[]) {
    double sum = 0;
    for (int k = 0; k < run->result->n_modules; k++)
        sum += accuracy[k];
    return sum / run->result->n_modules;
}

/* Of a training: the same candidate of another round is trained once. */
static char *name_of(const wick_goal_run *run, const char *kind, const wick_candidate *c) {
    static const char *const thinning[] = {
        [WICK_THIN_EVENLY] = "", [WICK_THIN_TAYLOR] = "t", [WICK_THIN_BY_ENERGY] = "e"};
    char *name = wick_arena_printf(run->arena, "%s%s%g-%d-%d-%lld-%.6f-%d", kind,
                                   thinning[c->thinning], c->channels, (int)c->separated, c->bits,
                                   (long long)c->bits_bytes, c->density, c->block);
    if (!c->n_fragile)
        return name;
    wick_buf kept = {0}; /* hashed: files have this name, and there may be hundreds of layers */
    for (int i = 0; i < c->n_fragile; i++)
        wick_buf_printf(&kept, "%d=%.4f ", c->fragile[i].array, c->fragile[i].keeps);
    wick_hash hash = wick_hash_bytes(kept.data, kept.len);
    wick_buf_free(&kept);
    return wick_arena_printf(run->arena, "%s-%.16s", name, hash.hex);
}

static wick_status run_trial(wick_goal_run *run, const wick_candidate *c, double *score) {
    wick_structure structure;
    WICK_TRY(wick_structure_make(&run->material, c, &structure, run->diag));
    int epochs = wick_goal_trial_epochs(run->options);
    char *what = wick_arena_printf(run->arena, "trial: %s", wick_candidate_text(run->arena, c));
    char *name = name_of(run, WICK_GOAL_TRIAL, c);
    wick_graph *graph = wick_graph_clone(structure.graph);
    wick_status status = wick_goal_train(run, name, what, c, &structure, epochs, &graph);
    if (status == WICK_OK)
        status = judge_and_keep(run, graph, what, c, epochs);
    if (status == WICK_OK)
        *score = mean_of(run, run->result->steps[run->result->n_steps - 1].accuracy);
    wick_graph_free(graph);
    wick_structure_free(&structure);
    return status;
}

/* The first n candidates, best trial first; of equals the milder. */
static wick_status rank_by_trials(wick_goal_run *run, wick_candidate *candidates, int n) {
    double scores[WICK_GOAL_MAX_TRIALS];
    for (int i = 0; i < n; i++)
        WICK_TRY(run_trial(run, &candidates[i], &scores[i]));
    for (int i = 1; i < n; i++) /* insertion: stable */
        for (int k = i; k > 0 && scores[k] > scores[k - 1]; k--) {
            double score = scores[k];
            wick_candidate c = candidates[k];
            scores[k] = scores[k - 1];
            candidates[k] = candidates[k - 1];
            scores[k - 1] = score;
            candidates[k - 1] = c;
        }
    return WICK_OK;
}

/* Trains a candidate at length; where its zeros lie so that it is a little too large, a little
   less dense once more. */
static wick_status finish_candidate(wick_goal_run *run, wick_candidate c) {
    wick_structure structure;
    WICK_TRY(wick_structure_make(&run->material, &c, &structure, run->diag));
    wick_graph *graph = wick_graph_clone(structure.graph);
    const char *first = name_of(run, WICK_GOAL_LONG, &c);
    wick_status status = WICK_OK;
    bool fits = false, planned = wick_budgets_hold(&run->result->budgets, &c.figures);
    for (int repair = 0; repair <= (planned ? REPAIRS : 0) && !fits && status == WICK_OK;
         repair++) {
        int epochs = repair ? wick_goal_trial_epochs(run->options) : run->options->train.epochs;
        int step = run->result->n_steps;
        char *what = wick_candidate_text(run->arena, &c);
        char *name = wick_arena_printf(run->arena, "%s-%d", first, repair);
        if (repair)
            run->progress.total += (uint64_t)epochs * (uint64_t)run->data->split[WICK_TRAIN].n;
        status = wick_goal_train(run, name, what, &c, &structure, epochs, &graph);
        if (status == WICK_OK)
            status = judge_and_keep(run, graph, what, &c, epochs);
        fits = status == WICK_OK &&
               !(wick_budgets_excess(&run->result->budgets, &run->result->steps[step].figures) > 1);
        c.density *= REPAIR;
    }
    wick_graph_free(graph);
    wick_structure_free(&structure);
    return status;
}

static wick_status work_through(wick_goal_run *run, wick_candidate *candidates, int n) {
    uint64_t images = (uint64_t)run->data->split[WICK_TRAIN].n;
    int trial_epochs = wick_goal_trial_epochs(run->options), tried = n > 1 ? n : 0;
    wick_status status = WICK_OK;
    wick_progress_begin(&run->progress, "training", "img",
                        images * (uint64_t)(tried * trial_epochs + run->options->train.epochs));
    if (tried)
        status = rank_by_trials(run, candidates, n);
    /* The best one is trained at length even where a trial met the budgets: for its accuracy. */
    for (int i = 0; i < n && status == WICK_OK && (i == 0 || !run->result->met); i++) {
        if (i) /* the one before lost too much */
            run->progress.total += images * (uint64_t)run->options->train.epochs;
        status = finish_candidate(run, candidates[i]);
    }
    wick_progress_end(&run->progress);
    return status;
}

/* --- the verdict -------------------------------------------------------------------------------*/

/* One diagnostic for each budget that the figures do not hold. */
static wick_status refuse(const wick_goal_run *run, const char *what, const wick_demand *figures) {
    const wick_budgets *budgets = &run->result->budgets;
    wick_arena *arena = wick_arena_new();
    for (int k = 0; k < WICK_BUDGETS; k++) {
        double value = figures->value[k], limit = budgets->limit[k];
        if (!(value > limit))
            continue;
        wick_budget kind = (wick_budget)k;
        wick_fail(run->diag, WICK_NO_FIT, NULL, wick_budget_option(kind),
                  kind == WICK_BUDGET_DROP
                      ? "allow a larger drop, more epochs or trials, or raise another budget"
                      : "raise this budget or another one: each alone can be met",
                  "%s: %s where the budget is %s", what, wick_budget_value(arena, kind, value),
                  wick_budget_value(arena, kind, limit));
    }
    wick_arena_free(arena);
    return WICK_NO_FIT;
}

static wick_status verdict(const wick_goal_run *run) {
    const wick_goal_result *r = run->result;
    if (r->met)
        return WICK_OK;
    const wick_goal_step *best = &r->steps[r->best];
    return refuse(run, wick_arena_printf(run->arena, "nearest is %s", best->what), &best->figures);
}

/* Nothing that was planned holds all budgets. */
static wick_status none_fits(wick_goal_run *run, const wick_candidate *nearest) {
    char *what =
        wick_arena_printf(run->arena, "nearest: %s", wick_candidate_text(run->arena, nearest));
    run->result->best = run->result->n_steps;
    wick_goal_step *step = add_step(run, what, 0);
    step->figures = nearest->figures;
    step->on_device = true;
    settle(run, step);
    return refuse(run, what, &step->figures);
}

static wick_status look_for(wick_goal_run *run, const wick_search_space *space) {
    wick_candidate fitting[WICK_MAX_CANDIDATES], nearest = {0};
    int n = 0;
    WICK_TRY(wick_shrink_search(space, fitting, &n, &nearest, run->diag));
    if (n == 0 && (!run->options->keep_best || run->round))
        return none_fits(run, &nearest);
    if (n == 0)
        fitting[n++] = nearest;
    if (n > run->options->trials)
        n = run->options->trials;
    for (int i = 0; i < n && wick_budgets_hold(space->budgets, &fitting[i].figures); i++)
        WICK_TRY(wick_shrink_protect(space, &fitting[i], run->diag));
    WICK_TRY(work_through(run, fitting, n));
    return verdict(run);
}

/* --- the smallest ------------------------------------------------------------------------------*/

static const double ROUND = 0.75; /* constants of the next round over those of this one */

/* A round with less flash than the last one took. NO_FIT: that one stays. */
static wick_status next_round(wick_goal_run *run, const wick_search_space *space) {
    wick_goal_result *r = run->result;
    wick_diag refused = {0}, *diag = run->diag;
    wick_graph *model = r->model;
    wick_budgets budgets = r->budgets;
    int best = r->best;
    const wick_demand *last = &r->steps[best].figures;
    r->budgets.limit[WICK_BUDGET_FLASH] =
        floor(last->value[WICK_BUDGET_FLASH] - (1 - ROUND) * last->constants_bytes);
    r->model = NULL;
    r->best = -1;
    r->met = false;
    run->round++;
    run->diag = &refused;
    wick_status status = look_for(run, space);
    run->diag = diag;
    if (status == WICK_OK) {
        wick_graph_free(model);
    } else {
        wick_graph_free(r->model);
        r->model = model;
        r->budgets = budgets;
        r->best = best;
        r->met = true;
    }
    if (status != WICK_NO_FIT)
        wick_diag_move(diag, &refused);
    wick_diag_free(&refused);
    return status;
}

static wick_status go_on(wick_goal_run *run, const wick_search_space *space) {
    enum { MOST = WICK_GOAL_MAX_TRIALS * (2 + REPAIRS) + 1 }; /* steps of a round */
    wick_status status = WICK_OK;
    while (status == WICK_OK && run->result->n_steps + MOST < WICK_GOAL_MAX_STEPS)
        status = next_round(run, space);
    return status == WICK_NO_FIT ? WICK_OK : status;
}

/* --- checks ------------------------------------------------------------------------------------*/

static wick_status check_weights(const wick_graph *network, wick_diag *diag) {
    int *tensors = wick_xalloc(((size_t)network->n_tensors + 1) * sizeof *tensors);
    int n = wick_train_weights(network, tensors);
    wick_status status = WICK_OK;
    if (n == 0)
        status = wick_fail(diag, WICK_UNSUPPORTED, NULL, NULL,
                           "give a network with convolutions or fully connected layers",
                           "the model has no trainable weights, so there is nothing to shrink");
    for (int i = 0; i < n && status == WICK_OK; i++) {
        const wick_tensor *w = &network->tensors[tensors[i]];
        int64_t count = wick_shape_count(w->shape);
        for (int64_t k = 0; k < count && status == WICK_OK; k++)
            if (!isfinite(((const float *)w->data)[k]))
                status = wick_fail(diag, WICK_RANGE, NULL, w->name,
                                   "the training diverged, or the file is damaged",
                                   "a weight is not finite");
    }
    free(tensors);
    return status;
}

static wick_status check(const wick_goal_run *run) {
    const wick_goal_options *o = run->options;
    wick_train_options train = wick_goal_train_options(run, o->train.epochs);
    if (o->trials < 1 || o->trials > WICK_GOAL_MAX_TRIALS)
        return wick_fail(run->diag, WICK_RANGE, NULL, "trials", NULL, "%d is not within 1 to %d",
                         o->trials, WICK_GOAL_MAX_TRIALS);
    if (!(o->trial_share > 0) || o->trial_share > 1)
        return wick_fail(run->diag, WICK_RANGE, NULL, "trial share", NULL,
                         "%g is not within (above) 0 to 1", o->trial_share);
    if (o->smallest && !isfinite(o->budgets.limit[WICK_BUDGET_DROP]))
        return wick_fail(
            run->diag, WICK_RANGE, NULL, "smallest", "say with --max-drop how much may be lost",
            "without a limit of the accuracy drop the smallest network answers nothing");
    if (wick_qdq_is_quantized(run->network))
        return wick_fail(run->diag, WICK_UNSUPPORTED, NULL, NULL,
                         "give the float model that it was made of",
                         "the model is quantized already");
    WICK_TRY(check_weights(run->network, run->diag));
    WICK_TRY(wick_qnet_check(run->network, run->diag));
    return wick_train_accepts(run->network, run->data, &train, run->diag);
}

static wick_status shrink(wick_goal_run *run) {
    int pairs;
    WICK_TRY(wick_collapse(run->network, &run->collapsed, &pairs, run->diag));
    run->material = (wick_material){.network = run->collapsed,
                                    .data = run->data,
                                    .device = run->device,
                                    .plan = &run->options->plan,
                                    .quantize = &run->options->quantize,
                                    .separate = &run->options->separate,
                                    .fragile_points = run->options->fragile_points,
                                    .arena = run->arena};
    wick_search_space space = {
        .material = &run->material, .options = run->options, .budgets = &run->result->budgets};
    if (!run->options->keep_best)
        WICK_TRY(wick_shrink_possible(&space, run->diag));
    WICK_TRY(wick_goal_state_open(run->network, run->data, run->device, run->options, run->diag));
    WICK_TRY(measure_float(run));
    WICK_TRY(try_as_it_is(run));
    if (!run->result->met)
        WICK_TRY(look_for(run, &space));
    return run->options->smallest ? go_on(run, &space) : WICK_OK;
}

static wick_status interrupted(const wick_goal_run *run) {
    return wick_fail(run->diag, WICK_INTERRUPTED, run->options->folder, NULL,
                     run->options->folder ? "the same command goes on" : NULL,
                     "stopped on request");
}

wick_status wick_goal_shrink(const wick_graph *network, const wick_data *data,
                             const wick_device *device, const wick_goal_options *options,
                             wick_arena *arena, wick_goal_result *result, wick_diag *diag) {
    wick_goal_run run = {.network = network,
                         .data = data,
                         .device = device,
                         .options = options,
                         .arena = arena,
                         .result = result,
                         .diag = diag};
    *result = (wick_goal_result){.n_modules = network->family.n_heads, .best = -1};
    result->budgets = wick_budgets_within(&options->budgets, device, &options->plan);
    for (int k = 0; k < result->n_modules; k++)
        result->module_names[k] = wick_arena_strdup(arena, network->family.head_names[k]);
    wick_status status = check(&run);
    if (status == WICK_OK)
        status = shrink(&run);
    wick_graph_free(run.collapsed);
    if (status == WICK_INTERRUPTED)
        status = interrupted(&run);
    if (status != WICK_OK && !(status == WICK_NO_FIT && options->keep_best)) {
        wick_graph_free(result->model);
        result->model = NULL;
    }
    return status;
}
