/* Answers whose margin makes them an input's last one (wick_policy.sure): which margins those are,
   and what answers bring then by the decision process. */
#ifndef WICK_POLICY_SURE_H
#define WICK_POLICY_SURE_H

#include "sim/policy_judge.h"

/* Of an answer of module k behind best answer `best` (0: none; all that is behind an answer is of
   inputs of which it was not sure). Module 1 ends its input. */
typedef struct policy_answers {
    double worth[1 + WICK_MAX_HEADS][1 + WICK_MAX_HEADS]; /* [best][k] of expected accuracy, more
                                                             than what `best` brought */
    double ends[1 + WICK_MAX_HEADS][1 + WICK_MAX_HEADS];  /* [best][k]: how often it is sure */
} policy_answers;

/* Where nobody looks at margins. accuracy: [modules], large to small. */
policy_answers policy_answers_of(int n_modules, const double *accuracy);

/* Whether margins, and what answers are worth, are learnt from it; and whether runs take it
   (wick_judged.halves). */
bool policy_sure_learns(const wick_judged *on, int sample);
bool policy_sure_judges(const wick_judged *on, int sample);

/* What a policy must be better by that looks at margins: the standard error of a difference of two
   policies' scores by so many images, of which some tenth are answered differently. 0 where all
   samples are both: they are all that there is. */
double policy_sure_luck(const wick_judged *on, const wick_policy *policy);

/* The samples' figures: right and sure among those of which `best` was not sure. Of what was
   answered before `best` nothing is known, and below 20 such samples of `best` neither. */
policy_answers policy_answers_sure(const wick_judged *on, const wick_policy *policy);

/* Margins at which about that share of each smaller module's answers is sure, at least 1. Behind
   the largest one nothing comes: it needs none. */
void policy_sure_thresholds(const wick_judged *on, double share, wick_policy *policy);

/* There are margins, and something that a sure answer saves: not where one accuracy is asked for,
   which one module's answers alone have. */
bool policy_sure_pays(const wick_judged *on);

enum { POLICY_SHARES = 3 };
/* Shares that are tried. */
extern const double policy_sure_shares[POLICY_SHARES];

#endif
