#include "sim/policy_sure.h"

#include <math.h>
#include <stdlib.h>

/* Of a module: with fewer samples that it is not sure of, what the others make of these is luck. */
enum { FEWEST = 20 };

bool policy_sure_learns(const wick_judged *on, int sample) {
    return !on->halves || sample % 2 == 0;
}

bool policy_sure_judges(const wick_judged *on, int sample) {
    return !on->halves || sample % 2 == 1;
}

const double policy_sure_shares[POLICY_SHARES] = {0.3, 0.5, 0.7};

policy_answers policy_answers_of(int n_modules, const double *accuracy) {
    policy_answers out = {0};
    for (int best = 0; best <= n_modules; best++) {
        for (int k = 1; k <= n_modules; k++)
            out.worth[best][k] = accuracy[k - 1] - (best ? accuracy[best - 1] : 0);
        out.ends[best][1] = 1;
    }
    return out;
}

static bool sure_of(const wick_judged *on, const wick_policy *policy, int k, int sample) {
    return wick_policy_sure(policy, (uint8_t)k, on->margins[(k - 1) * on->n_samples + sample]);
}

double policy_sure_luck(const wick_judged *on, const wick_policy *policy) {
    const double spread = 0.35; /* sqrt(0.12) */
    return on->halves && wick_policy_has_sure(policy) ? spread / sqrt(on->n_samples / 2.0) : 0;
}

/* Shares among samples of which `best` is not sure; all, where these are too few. */
typedef struct shares {
    double right[1 + WICK_MAX_HEADS], sure[1 + WICK_MAX_HEADS];
} shares;

static shares count(const wick_judged *on, const wick_policy *policy, int best) {
    int modules = on->plan->model.n_modules, n = 0;
    shares out = {0};
    for (int s = 0; s < on->n_samples; s++) {
        if (!policy_sure_learns(on, s) || (best && sure_of(on, policy, best, s)))
            continue;
        n++;
        for (int k = 1; k <= modules; k++) {
            out.right[k] += on->correct[(k - 1) * on->n_samples + s] != 0;
            out.sure[k] += sure_of(on, policy, k, s);
        }
    }
    if (best && n < FEWEST)
        return count(on, policy, 0);
    for (int k = 1; k <= modules; k++) {
        out.right[k] /= n;
        out.sure[k] /= n;
    }
    return out;
}

policy_answers policy_answers_sure(const wick_judged *on, const wick_policy *policy) {
    policy_answers out = {0};
    int modules = on->plan->model.n_modules;
    for (int best = 0; best <= modules; best++) {
        const shares of = count(on, policy, best);
        for (int k = 1; k <= modules; k++) {
            out.worth[best][k] = of.right[k] - of.right[best]; /* right[0] is 0 */
            out.ends[best][k] = k == 1 ? 1 : of.sure[k];
        }
    }
    return out;
}

static int ascending(const void *a, const void *b) {
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

void policy_sure_thresholds(const wick_judged *on, double share, wick_policy *policy) {
    wick_arena *arena = wick_arena_new();
    uint16_t *sorted = wick_new(arena, uint16_t, on->n_samples);
    for (int k = 1; k <= WICK_MAX_MODULES; k++) {
        policy->sure[k - 1] = 0;
        if (k == 1 || k > on->plan->model.n_modules)
            continue;
        int n = 0;
        for (int s = 0; s < on->n_samples; s++)
            if (policy_sure_learns(on, s))
                sorted[n++] = on->margins[(k - 1) * on->n_samples + s];
        qsort(sorted, (size_t)n, sizeof *sorted, ascending);
        int first = n - (int)lround(share * n);
        first = first < 0 ? 0 : first < n ? first : n - 1;
        policy->sure[k - 1] = sorted[first] ? sorted[first] : 1; /* 0 would be never */
    }
    wick_arena_free(arena);
}

bool policy_sure_pays(const wick_judged *on) {
    return on->margins && on->n_samples > 0 && on->plan->model.n_modules > 1 &&
           !on->min_accuracy_permille;
}
