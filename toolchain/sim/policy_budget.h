/* Tables from a rule with a few parameters: what the energy until the deadline, by the present
   harvest, is enough for. Few parameters can be tuned on little training; fixed modules are among
   them. */
#ifndef WICK_POLICY_BUDGET_H
#define WICK_POLICY_BUDGET_H

#include "sim/policy_synth.h"

typedef struct policy_budget {
    double trust;   /* of harvest x time left, counted beside the charge */
    double first;   /* a module is begun where its energy x first is there; 0: always */
    double second;  /* behind an answer, likewise; INFINITY: never */
    double give_up; /* what is in work is given up for a smaller one where what is left of it
                       exceeds give_up x the energy; INFINITY: never */
    double hold;    /* the extractor works where what it still takes, and the smallest module,
                       x hold is there; 0: always */
    double full;    /* or where the capacitor is full to this share */
    double hurry;   /* else it waits; the input is given up in the last share of its deadline */
    double extra;   /* behind an answer, also where the capacitor is full to this share; else it
                       waits while no other input can wait. INFINITY: never */
    int largest;    /* module that is begun */
    int otherwise;  /* where none has its energy: this one, > largest or equal */
    double memory_s;
    double off;  /* off instead of waiting where, at the present harvest, to sleep until the wake
                    voltage would take more than a boot / off; 0: never */
    double low;  /* then off instead of working too where the capacitor is less full than this */
    double rest; /* wick_policy.rest_uj, of a full capacitor; not in the table */
} policy_budget;

/* Usable energies. */
typedef struct policy_budget_device {
    double energy_uj[1 + WICK_MAX_HEADS]; /* of module k, 0 the extractor */
    double full_uj, wake_uj, boot_uj;     /* a full capacitor; one at the wake voltage; a boot */
    double sleep_uw;
} policy_budget_device;

wick_synthesised policy_budget_table(wick_arena *arena, const policy_budget *rule, int n_modules,
                                     const policy_budget_device *device, double period_s,
                                     double deadline_s);

#endif
