/* Rows of a policy's table and their compression. */
#ifndef WICK_POLICY_ROWS_H
#define WICK_POLICY_ROWS_H

#include "sim/policy_synth.h"

enum { CHARGE_BINS = 12, ROW_BYTES = CHARGE_BINS / 2 };

/* One row a cell (stages x time x harvest), two decisions a byte: sets the table's n_rows, row_of
   and rows (in `arena`) and out->bytes. Rows are given up, fewest changed decisions first, until
   WICK_POLICY_TABLE_BYTES hold it. */
void policy_compress(uint8_t (*all)[ROW_BYTES], int n_cells, wick_arena *arena,
                     wick_synthesised *out);

/* The same from values[cell][charge bin][action], actions 0 to n_actions - 3 as in a table, the
   last two to wait and to be off: each cell gets its best actions; where that takes too many rows,
   those that lose the least are joined. */
void policy_cluster(const float *values, int n_cells, int n_actions, wick_arena *arena,
                    wick_synthesised *out);

#endif
