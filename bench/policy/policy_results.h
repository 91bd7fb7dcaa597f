/* Results of the policy benchmark: one JSON object a line and cell, so that a run goes on where it
   was stopped; table, heat map, bars. */
#ifndef POLICY_RESULTS_H
#define POLICY_RESULTS_H

#include "policy_scene.h"

enum { KINDS = 5 }; /* greedy, threshold, edf, table, and the fixed module tuned likewise */

typedef struct scores {
    double inputs; /* of one phase: what the cell weighs where cells are joined */
    double fixed[WICK_MAX_HEADS], kinds[KINDS], bound, seconds;
    int modules;
    bool fits;
} scores;

extern const char *const result_kinds[KINDS];

/* "vgg16-plan rfid 0 2 1 7": family, set, file, window, deadline, rho. */
void result_key(const scene *s, const family *f, const cell *c, char *out, size_t size);
/* Done already? The file may be absent. */
bool result_known(const char *path, const char *key);
/* Appends; false: the disk is full or the like. */
bool result_append(const char *path, const char *key, const scene *s, const family *f,
                   const cell *c, const scores *r);
/* Bounds do not depend on the policies, so they are kept in a file of their own: the value of a
   line with this key; false: there is none. */
bool result_bound_known(const char *path, const char *key, double *bound);
bool result_bound_append(const char *path, const char *key, double bound, double seconds);
/* Prints the table of the cells (files of a set joined; with `each`, one by one), the bars and
   draws the heat maps into `folder`. */
wick_status result_report(const char *path, const scene *s, bool each, const char *folder,
                          wick_diag *diag);

#endif
