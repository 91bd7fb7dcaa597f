#include "sim/sure_scores.h"

enum { KEPT = 64 };

struct sure_scores {
    const wick_policy *policy;
    const uint8_t *correct;
    const uint16_t *margins;
    int n_samples, n_modules, n_kept;
    struct {
        unsigned answered, sure;
        int module;
        double expected;
    } kept[KEPT];
};

sure_scores *sure_scores_begin(wick_arena *arena, const wick_sim_options *options,
                               const uint8_t *correct, int n_samples, int n_modules) {
    if (!wick_policy_has_sure(&options->policy) || options->control)
        return NULL;
    sure_scores *scores = wick_new(arena, sure_scores, 1);
    *scores = (sure_scores){.policy = &options->policy,
                            .correct = correct,
                            .margins = options->margins,
                            .n_samples = n_samples,
                            .n_modules = n_modules};
    return scores;
}

bool sure_scores_is_sure(const sure_scores *scores, int module, int sample) {
    return wick_policy_sure(scores->policy, (uint8_t)module,
                            scores->margins[(module - 1) * scores->n_samples + sample]);
}

/* Of the modules that answered, those that are sure of the sample. */
static unsigned sure_of(const sure_scores *scores, unsigned answered, int sample) {
    unsigned sure = 0;
    for (int k = 1; k <= scores->n_modules; k++)
        if (answered >> (k - 1) & 1 && sure_scores_is_sure(scores, k, sample))
            sure |= 1u << (k - 1);
    return sure;
}

double sure_scores_expected(sure_scores *scores, unsigned answered, int module, int sample) {
    unsigned sure = sure_of(scores, answered, sample);
    for (int i = 0; i < scores->n_kept; i++)
        if (scores->kept[i].answered == answered && scores->kept[i].sure == sure &&
            scores->kept[i].module == module)
            return scores->kept[i].expected;
    int like = 0, right = 0;
    for (int s = 0; s < scores->n_samples; s++)
        if (sure_of(scores, answered, s) == sure) {
            like++;
            right += scores->correct[(module - 1) * scores->n_samples + s] != 0;
        }
    double expected = (double)right / like;
    int at = scores->n_kept < KEPT ? scores->n_kept++ : KEPT - 1;
    scores->kept[at].answered = answered;
    scores->kept[at].sure = sure;
    scores->kept[at].module = module;
    scores->kept[at].expected = expected;
    return expected;
}
