/* What an answer is worth whose policy looked at margins: it ended the input, or went on, by what
   they told of this very sample, so a module's accuracy over all samples is not what can be
   expected of it. */
#ifndef WICK_SURE_SCORES_H
#define WICK_SURE_SCORES_H

#include "sim/sim.h"

typedef struct sure_scores sure_scores;

/* NULL: the policy looks at no margins. Values are kept as they are asked for. All is of `arena`.
 */
sure_scores *sure_scores_begin(wick_arena *arena, const wick_sim_options *options,
                               const uint8_t *correct, int n_samples, int n_modules);

bool sure_scores_is_sure(const sure_scores *scores, int module, int sample);

/* The share that `module` answers rightly of all samples of which, of the modules that answered
   (bit k - 1), the same are sure and the same are not as of this one. It is one of them, so there
   is at least one. */
double sure_scores_expected(sure_scores *scores, unsigned answered, int module, int sample);

#endif
