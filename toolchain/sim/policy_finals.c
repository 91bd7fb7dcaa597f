#include "sim/policy_finals.h"

#include <string.h>

void policy_finals_add(policy_finals *f, const wick_policy *policy, const wick_synthesised *made,
                       double value) {
    int i = f->n;
    while (i > 0 && f->at[i - 1].value < value)
        i--;
    if (i == FINALISTS || (i > 0 && f->at[i - 1].value - value < 1e-12))
        return;
    if (f->n < FINALISTS)
        f->n++;
    memmove(&f->at[i + 1], &f->at[i], (size_t)(f->n - 1 - i) * sizeof f->at[0]);
    f->at[i].policy = *policy;
    f->at[i].made = made ? *made : (wick_synthesised){0};
    f->at[i].value = value;
}
