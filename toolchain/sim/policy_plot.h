/* What a table of decisions does, as a picture. Included through sim.h. */
#ifndef WICK_POLICY_PLOT_H
#define WICK_POLICY_PLOT_H

#include "base/base.h"

#include <wick/policy.h>

/* The decision for an input that nothing was done for yet, in bins: a module, 0 for none. */
int wick_policy_first(const wick_policy_table *table, int time, int harvest, int charge);
/* Gnuplot commands, without the terminal's: a map for each bin of the harvest, `columns` of them
   side by side; charge to the right, time left upwards, a colour and digit for each module. */
void wick_policy_script(const wick_policy_table *table, int columns, wick_buf *script);

#endif
