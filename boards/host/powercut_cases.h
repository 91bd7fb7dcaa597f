/* SPDX-License-Identifier: 0BSD */
/* What the kinds of cases of powercut.c share: where a unit lies in the recorded run, seeds,
 * counts. */
#ifndef WICK_POWERCUT_CASES_H
#define WICK_POWERCUT_CASES_H

#include "powercut_rig.h"

enum { CASE_ID = 64 };
#define ALL_PAIRS UINT32_MAX

typedef struct tally {
    uint64_t cases, differences;
    char first[CASE_ID]; /* id of the first difference */
} tally;

/* The commit of the recorded run that unit `unit` is written for. */
uint32_t commit_of_unit(uint32_t unit);
/* Of a recorded run's barriers, each given as the units before it: the last at or before `unit`. */
uint32_t barrier_before(const uint32_t *barriers, uint32_t count, uint32_t unit);
/* Whether the power can fail in this way before `unit` of `count`: before a barrier only where
   there is one, with something to make durable. */
int is_cut(const uint32_t *barriers, uint32_t n_barriers, uint32_t unit, uint32_t count,
           cut_variant variant);
/* The units that are durable when the power fails in this way before `unit`. */
uint32_t durable_before(const uint32_t *barriers, uint32_t n_barriers, uint32_t unit,
                        cut_variant variant);
/* `image` holds the recorded run's units [0, barrier): adds those up to `durable`, and returns
 * that. */
uint32_t advance_to_barrier(uint8_t *image, uint32_t barrier, uint32_t durable);
/* The same two of the recorded run. */
int can_fail(uint32_t unit, cut_variant variant);
uint32_t durable_units(uint32_t unit, cut_variant variant);
/* Clears the deliveries and says which commits must survive such a failure. */
void get_ready(uint32_t unit, cut_variant variant);
uint64_t case_seed(uint64_t number, uint64_t variant);
void count_case(tally *t, int same, const char *id);

/* Two failures: the power fails before a unit of the recorded run and again before a unit of the
   recovery that follows, each in every variant. `pairs`: ALL_PAIRS, or so many chosen by the seed.
   Ids "p:<unit>:<variant>:<unit of the recovery>:<variant>". */
void run_pairs(uint32_t pairs, uint32_t part, uint32_t parts, tally *t);
/* 1 = as the uninterrupted run. */
int replay_pair(const char *id);

#endif
