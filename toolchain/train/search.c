#include "train/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCH_FORMAT = 1, MAX_RUNGS = 16 };

wick_search_options wick_search_defaults(void) {
    return (wick_search_options){.min_epochs = 2,
                                 .eta = 3,
                                 .alpha_range = 4,
                                 .beta_low = 0.001,
                                 .beta_high = 0.3,
                                 .seed = 1};
}

typedef struct session {
    const wick_search_options *options;
    int n_heads, n_rungs, n_candidates;
    int epochs[MAX_RUNGS];
    wick_trial *candidates;
    json_t *done; /* array of [rung, candidate, score, seconds] */
    wick_search_run *run;
    void *ctx;
    wick_search *out;
    wick_diag *diag;
} session;

static wick_status check(const wick_search_options *o, wick_diag *diag) {
    const struct {
        const char *name;
        bool good;
    } rules[] = {
        {"min-epochs", o->min_epochs >= 1 && o->min_epochs <= o->max_epochs},
        {"max-epochs", o->max_epochs <= 100000},
        {"eta", o->eta >= 2 && o->eta <= 16},
        {"alpha-range", o->alpha_range >= 1 && o->alpha_range <= 1e3},
        {"beta range", o->beta_low > 0 && o->beta_low <= o->beta_high && o->beta_high < 1e6},
        {"budget", o->budget_epochs >= 2 * o->max_epochs}};
    for (size_t i = 0; i < WICK_LEN(rules); i++)
        if (!rules[i].good)
            return wick_fail(diag, WICK_RANGE, NULL, rules[i].name,
                             "epochs: 1 <= min <= max, budget at least 2 * max; eta 2 to 16",
                             "a search cannot be made of these numbers");
    return WICK_OK;
}

/* Epochs of the rungs, from the last down, so that the last one is exactly max_epochs. */
static void make_rungs(session *s) {
    int epochs = s->options->max_epochs, reversed[MAX_RUNGS];
    while (s->n_rungs < MAX_RUNGS) {
        reversed[s->n_rungs++] = epochs;
        int next = (epochs + s->options->eta / 2) / s->options->eta;
        if (next < s->options->min_epochs || next == epochs)
            break;
        epochs = next;
    }
    for (int i = 0; i < s->n_rungs; i++)
        s->epochs[i] = reversed[s->n_rungs - 1 - i];
}

static int survivors(const session *s, int n) {
    return n / s->options->eta > 1 ? n / s->options->eta : 1;
}

static int64_t cost_of(const session *s, int n) {
    int64_t epochs = 0;
    for (int r = 0; r < s->n_rungs; r++) {
        epochs += (int64_t)n * s->epochs[r];
        n = survivors(s, n);
    }
    return epochs;
}

/* Trials that n candidates make in all. */
static int trials_of(const session *s, int n) {
    int trials = 0;
    for (int r = 0; r < s->n_rungs; r++) {
        trials += n;
        n = survivors(s, n);
    }
    return trials;
}

static double log_uniform(wick_rng *rng, double low, double high) {
    return low * pow(high / low, wick_rng_uniform_double(rng));
}

static void draw_candidate(const session *s, int index, wick_trial *trial) {
    const wick_search_options *o = s->options;
    wick_train_options defaults = wick_train_defaults();
    wick_rng rng = wick_rng_seed(o->seed, (uint64_t)index);
    double sum = 0, beta = log_uniform(&rng, o->beta_low, o->beta_high);
    *trial = (wick_trial){.candidate = index};
    for (int k = 0; k < s->n_heads; k++) {
        trial->alpha[k] = log_uniform(&rng, 1 / o->alpha_range, o->alpha_range);
        sum += trial->alpha[k];
    }
    for (int k = 0; k < s->n_heads; k++) {
        trial->alpha[k] = index ? trial->alpha[k] * s->n_heads / sum : 1;
        for (int j = 0; j < k; j++) {
            double own = log_uniform(&rng, o->beta_low, o->beta_high);
            trial->beta[j][k] = index ? (o->beta_by_pair ? own : beta) : defaults.beta[j][k];
        }
    }
}

/* --- what is done already ----------------------------------------------------------------------*/

static json_t *identity(const session *s) {
    const wick_search_options *o = s->options;
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:b, s:I}", "wick_search",
                     SEARCH_FORMAT, "heads", s->n_heads, "budget_epochs", o->budget_epochs,
                     "max_epochs", o->max_epochs, "min_epochs", o->min_epochs, "eta", o->eta,
                     "alpha_range", o->alpha_range, "beta_low", o->beta_low, "beta_high",
                     o->beta_high, "beta_by_pair", (int)o->beta_by_pair, "seed",
                     (json_int_t)o->seed);
}

static wick_status load_done(session *s) {
    s->done = json_array();
    if (!s->options->path || !wick_path_is_file(s->options->path))
        return WICK_OK;
    json_t *root, *mine = identity(s);
    wick_status status = wick_json_load(s->options->path, &root, s->diag);
    if (status == WICK_OK) {
        if (json_equal(json_object_get(root, "search"), mine))
            json_array_extend(s->done, json_object_get(root, "trials"));
        else
            status = wick_fail(s->diag, WICK_MISMATCH, s->options->path, NULL,
                               "repeat the first command, or remove the file",
                               "it belongs to another search");
        json_decref(root);
    }
    json_decref(mine);
    return status;
}

static bool find_done(const session *s, wick_trial *trial) {
    size_t i;
    json_t *entry;
    json_array_foreach(s->done, i, entry) {
        if (json_integer_value(json_array_get(entry, 0)) != trial->rung ||
            json_integer_value(json_array_get(entry, 1)) != trial->candidate)
            continue;
        trial->score = json_number_value(json_array_get(entry, 2));
        trial->seconds = json_number_value(json_array_get(entry, 3));
        return true;
    }
    return false;
}

static wick_status note_done(session *s, const wick_trial *trial) {
    json_array_append_new(s->done, json_pack("[i, i, f, f]", trial->rung, trial->candidate,
                                             trial->score, trial->seconds));
    if (!s->options->path)
        return WICK_OK;
    json_t *root = json_pack("{s:o, s:O}", "search", identity(s), "trials", s->done);
    wick_status status = wick_json_save(s->options->path, root, s->diag);
    json_decref(root);
    return status;
}

/* --- the search --------------------------------------------------------------------------------*/

static int better_first(const void *a, const void *b) {
    const wick_trial *x = a, *y = b;
    if (x->score > y->score || x->score < y->score)
        return x->score > y->score ? -1 : 1;
    return x->candidate - y->candidate;
}

static wick_status run_trial(session *s, int rung, wick_trial *trial) {
    trial->rung = rung;
    trial->epochs = s->epochs[rung];
    if (!find_done(s, trial)) {
        WICK_TRY(s->run(s->ctx, trial, trial->epochs, &trial->score, &trial->seconds, s->diag));
        WICK_TRY(note_done(s, trial));
    }
    s->out->trials[s->out->n_trials++] = *trial;
    s->out->epochs += trial->epochs;
    s->out->seconds += trial->seconds;
    return WICK_OK;
}

static wick_status run_rungs(session *s) {
    int n = s->n_candidates;
    for (int r = 0; r < s->n_rungs; r++) {
        for (int i = 0; i < n; i++)
            WICK_TRY(run_trial(s, r, &s->candidates[i]));
        qsort(s->candidates, (size_t)n, sizeof *s->candidates, better_first);
        n = survivors(s, n);
    }
    s->out->best = s->candidates[0];
    return WICK_OK;
}

wick_status wick_search_weights(const wick_search_options *options, int n_heads,
                                wick_search_run *run, void *ctx, wick_search *out,
                                wick_diag *diag) {
    session s = {.options = options,
                 .n_heads = n_heads,
                 .n_candidates = 1,
                 .run = run,
                 .ctx = ctx,
                 .out = out,
                 .diag = diag};
    *out = (wick_search){0};
    WICK_TRY(check(options, diag));
    make_rungs(&s);
    while (cost_of(&s, s.n_candidates + 1) <= options->budget_epochs &&
           trials_of(&s, s.n_candidates + 1) <= WICK_SEARCH_MAX_TRIALS)
        s.n_candidates++;
    out->n_rungs = s.n_rungs;
    s.candidates = wick_xalloc((size_t)s.n_candidates * sizeof *s.candidates);
    for (int i = 0; i < s.n_candidates; i++)
        draw_candidate(&s, i, &s.candidates[i]);
    wick_status status = load_done(&s);
    if (status == WICK_OK)
        status = run_rungs(&s);
    json_decref(s.done);
    free(s.candidates);
    return status;
}
