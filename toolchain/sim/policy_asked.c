#include "sim/policy_asked.h"

bool policy_asked_has(const wick_judged *on, int k) {
    return on->plan->model.segments[k].accuracy_permille >= on->min_accuracy_permille;
}

int policy_asked_module(const wick_judged *on) {
    int k = on->min_accuracy_permille ? on->plan->model.n_modules : 1;
    while (k > 1 && !policy_asked_has(on, k))
        k--;
    return k;
}

double policy_asked_worth(const wick_judged *on, int k) {
    return policy_asked_has(on, k) ? on->accuracy[k - 1] : 0;
}

wick_status policy_asked_check(const wick_judged *on, wick_diag *diag) {
    int most = 0;
    for (int k = 1; k <= on->plan->model.n_modules; k++) {
        if (policy_asked_has(on, k))
            return WICK_OK;
        if (on->plan->model.segments[k].accuracy_permille > most)
            most = on->plan->model.segments[k].accuracy_permille;
    }
    return wick_fail(diag, WICK_NO_FIT, on->plan->model_path, "--min-accuracy",
                     "ask for less, or train a larger module; wick shrink --int8 --test writes "
                     "accuracies into the model",
                     "no module answers %.1f %% of inputs right, the best one %.1f %%",
                     on->min_accuracy_permille * 0.1, most * 0.1);
}
