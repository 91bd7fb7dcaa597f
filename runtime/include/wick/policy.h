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
    uint32_t left_nj;          /* modelled energy that `working` still takes */
    uint8_t working;           /* the module in work; 0 = none: the extractor is in work, or the
                                  features, or an answer, are complete */
    uint8_t extracting;        /* 1: the features are not complete; left_nj is of the extractor */
    uint8_t urgent;            /* 1: this input has priority, energy is not saved for later ones */
} wick_situation;

/* The application's demands count in the same way for all that choose. Of the modules that have
   min_accuracy_permille none larger than the smallest is run (accuracies are taken to fall from
   module to module), and nothing more after an answer that has it; what is in work goes on when
   less is asked. An urgent input spends what is saved for later ones; FIXED and GREEDY save
   nothing. FIXED runs its module, and a sure answer (below) is the last one, whatever is asked for.
 */
typedef enum wick_policy_kind {
    /* Always `module`; a number that is not a module's means the smallest. */
    WICK_POLICY_FIXED,
    /* The largest module whose modelled energy fits into charge + harvest * time left, and whose
       modelled time fits into the time left. None fits, or the charge is unknown: the smallest.
       Without a deadline the harvest is not counted. A module of unknown energy does not fit. */
    WICK_POLICY_GREEDY,
    /* In the manner of ATM-Net (arXiv 2502.09822): harvest < low: the smallest module; < high: the
       middle one (n_modules / 2 + 1); else the largest. charge >= charge_high lifts the choice by
       one module, and urgency by another. Unknown harvest counts as low, unknown charge as less
       than high. */
    WICK_POLICY_THRESHOLD,
    /* Imprecise computation (Liu et al., Computer 24(5), 1991), earliest deadline first because
       inputs are worked on in their order: the smallest module is the mandatory part and runs
       first; then the largest one that fits as for GREEDY and leaves reserve_uj (unless urgent). It
       is given up when what is left of it does not fit any more. Unknown charge: the mandatory part
       alone. */
    WICK_POLICY_EDF,
    /* A synthesised table (wick_policy_table). Unknown charge, harvest or time: as GREEDY; urgent:
       as GREEDY at a decision, and what is in work goes on. */
    WICK_POLICY_TABLE
} wick_policy_kind;

enum { WICK_TABLE_BINS = 16, WICK_TABLE_LEVELS = 4 };
/* Nothing now: sleep, then ask again. Larger than any module's number. */
enum { WICK_POLICY_WAIT = 15 };
/* Nothing now either, and the device's power may be cut until the capacitor reaches the wake
   voltage: where little comes in, to sleep until then costs more than a boot. A device that has no
   such switch, or has done no work since it booted, waits. */
enum { WICK_POLICY_OFF = 14 };

/* Decisions over charge x recent harvest x time left x stage. A stage is the extractor and how far
   it is; or the best module that has answered (0 none, else at least 2: after the largest there is
   nothing to decide) with the module in work and how far it is, in quarters of its energy. Stages
   in this order: the extractor's four levels; then for each best answer 0, n, n - 1 ... 2: none in
   work, then modules 1, 2 ... in work that are larger than the answer and not the smallest, four
   levels each. */
typedef struct wick_policy_table {
    uint8_t n_modules, n_charge, n_harvest, n_time; /* bins, 1 to WICK_TABLE_BINS */
    uint16_t n_rows;
    /* Bin of a value: how many thresholds are not above it; ascending, padded with UINT32_MAX. */
    uint32_t charge_uj[WICK_TABLE_BINS - 1], harvest_uw[WICK_TABLE_BINS - 1],
        time_ms[WICK_TABLE_BINS - 1];
    const uint8_t *row_of; /* [stages][n_time][n_harvest]: a row */
    const uint8_t *rows;   /* [n_rows][(n_charge + 1) / 2]: modules, two a byte, low nibble first;
                              0 = finish the input, WICK_POLICY_WAIT, WICK_POLICY_OFF; in the
                              extractor's stages every module's number means that it goes on */
} wick_policy_table;

typedef struct wick_policy {
    uint8_t kind;       /* wick_policy_kind */
    uint8_t module;     /* FIXED: 1 = largest */
    uint32_t memory_ms; /* time constant of the running mean that it was made for
                           (situation.harvest_uw); 0 = 10,000 */
    uint32_t harvest_low_uw, harvest_high_uw, charge_high_uj; /* THRESHOLD */
    uint32_t reserve_uj;                                      /* EDF */
    uint32_t rest_uj; /* all kinds: with nothing in work, and less charge, the device is better off
                         than asleep, once this boot has worked; 0 = never */
    const wick_policy_table *table; /* TABLE */
    /* All kinds: an answer of module k is the input's last one where its logits' margin
       (wick_result_margin) is at least sure[k - 1]; 0 = it is never sure. */
    uint16_t sure[WICK_MAX_MODULES];
} wick_policy;

/* Is an answer of module k with that margin the input's last one? Asked as the answer is delivered,
   before wick_policy_choose. */
static inline int wick_policy_sure(const wick_policy *policy, uint8_t k, uint16_t margin) {
    return policy->sure[k - 1u] != 0 && margin >= policy->sure[k - 1u];
}

/* The segment to run next for the current input, 1..n_modules; 0 = nothing more for this input.
   In a chain (model.h) what the kinds choose is where to go: exits answer in their order on the way
   there, the next one that has not is returned, and every kind is asked again after each; a
   module's energy and time are those of all that is left on the way to it. Elsewhere: Nothing in
   work: FIXED, GREEDY and THRESHOLD return 0 after one module has answered. With a module in work
   (asked between its spans where wick_policy_reviews): that module to go on, a smaller one (a
   larger number) that has not answered to give it up for that, or 0; so an input's work ends after
   at most n_modules changes. While the extractor is in work (asked likewise): 0 to give the input
   up, else it goes on. TABLE also returns WICK_POLICY_WAIT and WICK_POLICY_OFF,
   anywhere. */
uint8_t wick_policy_choose(const wick_policy *policy, const wick_model *model,
                           const wick_situation *situation);

/* The policy wants to be asked while the extractor or a module is in work: EDF, TABLE. Once the
   deadline has passed these do nothing more for the input. */
int wick_policy_reviews(const wick_policy *policy);

/* Nothing is in work: the power may be cut until the capacitor reaches the wake voltage
   (WICK_POLICY_OFF); never where the charge is unknown. */
int wick_policy_rests(const wick_policy *policy, const wick_situation *situation);

/* Stages of a table for so many modules. */
uint32_t wick_policy_stages(uint32_t n_modules);
/* The stage's number (the extractor's are its levels): `best` 0 or 2..n_modules; `working` 0 or a
   module that is larger than best and not the smallest; level 0..WICK_TABLE_LEVELS - 1 (0 where
   none is in work). */
uint32_t wick_policy_stage(uint32_t n_modules, uint32_t best, uint32_t working, uint32_t level);

/* For the kinds' files. A decision of any kind takes at most 200 instructions on a Cortex-M4, with
   up to WICK_MAX_MODULES modules (tests/runtime/slow_policy_counts.sh): so no loop is within
   another, and bits are searched for by halves. */
uint32_t wick_policy_greedy(const wick_model *model, const wick_situation *situation,
                            uint32_t best);
uint32_t wick_policy_threshold(const wick_policy *policy, const wick_model *model,
                               const wick_situation *situation);
uint32_t wick_policy_edf(const wick_policy *policy, const wick_model *model,
                         const wick_situation *situation, uint32_t best);
/* The largest module that would be a better answer than `best`, and whose modelled energy and time
   fit into what can be spent until the deadline, less a reserve; in a chain the next exit, if it
   does, as every exit is asked about. 0: none. Without a deadline the harvest is not counted: it
   might come too late. A module of unknown energy does not fit. The charge is known. */
uint32_t wick_policy_fitting(const wick_model *model, const wick_situation *situation,
                             uint32_t best, uint32_t reserve_uj);
/* Energy that can be spent until the deadline, nJ: stored, and what comes in until then. */
uint64_t wick_policy_available_nj(const wick_situation *situation);

/* The first stage behind an answer. The extractor's stages come first; then, behind best answer b
   stand 1 + LEVELS (b - 1), behind none 1 + LEVELS (n - 1); the sum over the answers n, n - 1 ...
   best + 1 is in closed form. */
static inline uint32_t wick_policy_first_stage(uint32_t n, uint32_t best) {
    if (best == 0)
        return WICK_TABLE_LEVELS;
    return 2 * (n * (n + 1) - best * (best + 1)) + n + 3 * best - 3 + WICK_TABLE_LEVELS;
}

/* `best`: the largest module that has answered; 0: none. */
static inline uint32_t wick_policy_answered(const wick_situation *situation) {
    uint32_t done = situation->modules_done, k = 1;
    if (done == 0)
        return 0;
#if defined(__GNUC__) && defined(__ARM_FEATURE_CLZ)
    return k + (uint32_t)__builtin_ctz(done); /* three instructions */
#else
    if (!(done & 15u)) {
        done >>= 4;
        k += 4;
    }
    if (!(done & 3u)) {
        done >>= 2;
        k += 2;
    }
    return k + !(done & 1u);
#endif
}

#endif
