/* SPDX-License-Identifier: 0BSD */
/* Which module to run next. Integer arithmetic, no state of its own: the same code decides on the
   device, in the firmware's host build and in the simulator. */
#ifndef WICK_POLICY_H
#define WICK_POLICY_H

#include <wick/model.h>

/* What is known at a decision. Energies are usable energies: after the converter, above the
 * brown-out threshold. */
typedef struct wick_situation {
    uint32_t charge_uj;    /* usable energy stored now; UINT32_MAX = unknown */
    uint32_t full_uj;      /* usable energy of a full capacitor */
    uint32_t harvest_uw;   /* recent usable harvest (running mean); UINT32_MAX = unknown */
    uint32_t time_left_ms; /* until the input's deadline; UINT32_MAX = none or unknown */
    uint32_t modules_done; /* bit k-1: module k has answered this input */
    uint32_t
        min_accuracy_permille; /* what the application asks for; 0 = the best that energy allows */
} wick_situation;

typedef enum wick_policy_kind {
    /* Always `module`; a number that is not a module's means the smallest. */
    WICK_POLICY_FIXED,
    /* The largest module whose modelled energy fits into charge + harvest * time left, and whose
       modelled time fits into the time left; with min_accuracy_permille the smallest one that fits
       and is as accurate. None fits, or the charge is unknown: the smallest. Without a deadline the
       harvest is not counted. A module of unknown energy does not fit. */
    WICK_POLICY_GREEDY,
    /* In the manner of ATM-Net (arXiv 2502.09822): harvest < low: the smallest module; < high: the
       middle one (n_modules / 2 + 1); else the largest. charge >= charge_high lifts the choice by
       one module. Unknown harvest counts as low, unknown charge as less than high. */
    WICK_POLICY_THRESHOLD
} wick_policy_kind;

typedef struct wick_policy {
    uint8_t kind;                                             /* wick_policy_kind */
    uint8_t module;                                           /* FIXED: 1 = largest */
    uint32_t harvest_low_uw, harvest_high_uw, charge_high_uj; /* THRESHOLD */
} wick_policy;

/* The segment to run next for the current input, 1..n_modules; 0 = nothing more for this input.
   After one module has answered, these three policies return 0. */
uint8_t wick_policy_choose(const wick_policy *policy, const wick_model *model,
                           const wick_situation *situation);

#endif
