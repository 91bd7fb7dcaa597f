/* The five learning strategies of papers/0-rein, section III, as lists of stages. */
#include "train/stage.h"

#include <assert.h>

static wick_stage_spec all_heads(int n_heads) {
    wick_stage_spec spec = {.n_heads = n_heads};
    for (int k = 0; k < n_heads; k++)
        spec.heads[k] = k;
    return spec;
}

/* Extractor and module `first`, then every other module on the frozen extractor. In the paper the
   others follow one by one, by size; as they share no trained parameter the order cannot matter. */
static int first_then_others(int first, int n_heads, wick_stage_spec specs[2]) {
    specs[0] = (wick_stage_spec){.n_heads = 1, .heads = {first}};
    specs[1] = (wick_stage_spec){.frozen = true, .separate = true};
    for (int k = 0; k < n_heads; k++)
        if (k != first)
            specs[1].heads[specs[1].n_heads++] = k;
    return specs[1].n_heads ? 2 : 1;
}

int wick_strategy_stages(wick_strategy strategy, int n_heads, wick_stage_spec specs[2]) {
    specs[0] = all_heads(n_heads);
    switch (strategy) {
    case WICK_STRATEGY_BASELINE:
        specs[0].separate = true;
        return 1;
    case WICK_STRATEGY_L2S:
        return first_then_others(0, n_heads, specs);
    case WICK_STRATEGY_S2L:
        return first_then_others(n_heads - 1, n_heads, specs);
    case WICK_STRATEGY_UNIFIED_KD:
        specs[0].distil = true;
        return 1;
    case WICK_STRATEGY_UNIFIED:
        return 1;
    case WICK_STRATEGY_COUNT:
        break;
    }
    assert(!"unknown strategy");
    return 0;
}
