/* What a table of decisions does, as a picture. Included through sim.h. */
#ifndef WICK_POLICY_PLOT_H
#define WICK_POLICY_PLOT_H

#include "base/base.h"

#include <wick/policy.h>

/* The decision for an input whose features are there and that nothing else was done for yet, in
   bins: a module, 0 for none, WICK_POLICY_WAIT, WICK_POLICY_OFF. */
int wick_policy_first(const wick_policy_table *table, int time, int harvest, int charge);
/* Gnuplot commands, without the terminal's: a row of maps for each decision on the ladder (while
   the extractor works; nothing answered; behind each answer; with each module half done that can be
   given up), a column for each bin of the harvest, at most `columns` of them from the poorest to
   the richest; usable charge to the right, time left upwards, a colour and a sign for each action,
   which the legend below names. Neighbours with the same action are one box with one sign. */
void wick_policy_script(const wick_policy_table *table, int columns, wick_buf *script);
/* Its size in pixels. */
void wick_policy_picture(const wick_policy_table *table, int columns, int *width, int *height);
/* Both without the legend, for a page that writes it as text. */
void wick_policy_maps_script(const wick_policy_table *table, int columns, wick_buf *script);
void wick_policy_maps_picture(const wick_policy_table *table, int columns, int *width, int *height);

/* An action as the maps show it. */
typedef struct wick_policy_sign {
    const char *colour; /* "#rrggbb" */
    char sign[4], meaning[40];
} wick_policy_sign;
enum { WICK_POLICY_SIGNS = WICK_MAX_HEADS + 4 };
/* Those of a table; out: [WICK_POLICY_SIGNS]. Returns how many these are. */
int wick_policy_legend(const wick_policy_table *table, wick_policy_sign *out);

#endif
