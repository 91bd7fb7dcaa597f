/* Equal rows of a table stored once, similar ones merged until it fits. */
#include "sim/policy_rows.h"

#include <string.h>

static int different(const uint8_t *a, const uint8_t *b) {
    int count = 0;
    for (int i = 0; i < ROW_BYTES; i++)
        count += ((a[i] ^ b[i]) & 15) != 0;
    for (int i = 0; i < ROW_BYTES; i++)
        count += ((a[i] ^ b[i]) >> 4) != 0;
    return count;
}

/* Equal rows become one: cells' indices, rows and how many cells have each. */
static int unique(uint8_t (*all)[ROW_BYTES], int n_cells, int *of_cell, uint8_t (*rows)[ROW_BYTES],
                  int *cells) {
    int n = 0;
    for (int i = 0; i < n_cells; i++) {
        int r = 0;
        while (r < n && memcmp(rows[r], all[i], ROW_BYTES) != 0)
            r++;
        if (r == n) {
            memcpy(rows[n], all[i], ROW_BYTES);
            cells[n++] = 0;
        }
        of_cell[i] = r;
        cells[r]++;
    }
    return n;
}

/* Gives up the row whose replacement by the nearest one changes the fewest decisions. */
static int merge_one(int n, int n_cells, int *of_cell, uint8_t (*rows)[ROW_BYTES], int *cells) {
    int from = -1, to = -1, least = INT32_MAX;
    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++) {
            int cost = a == b ? INT32_MAX : cells[a] * different(rows[a], rows[b]);
            if (cost < least) {
                least = cost;
                from = a;
                to = b;
            }
        }
    cells[to] += cells[from];
    memcpy(rows[from], rows[n - 1], ROW_BYTES);
    cells[from] = cells[n - 1];
    for (int i = 0; i < n_cells; i++) {
        of_cell[i] = of_cell[i] == from ? to : of_cell[i];
        of_cell[i] = of_cell[i] == n - 1 ? from : of_cell[i];
    }
    return n - 1;
}

static int bytes_of(int n_cells, int n_rows) {
    return (int)sizeof(wick_policy_table) + n_cells + n_rows * ROW_BYTES;
}

void policy_compress(uint8_t (*all)[ROW_BYTES], int n_cells, wick_arena *arena,
                     wick_synthesised *out) {
    wick_policy_table *t = &out->table;
    int *of_cell = wick_new(arena, int, n_cells), *cells = wick_new(arena, int, n_cells);
    uint8_t(*rows)[ROW_BYTES] =
        (uint8_t(*)[ROW_BYTES])wick_arena_alloc(arena, wick_size_mul((size_t)n_cells, ROW_BYTES));
    int n = unique(all, n_cells, of_cell, rows, cells);
    while (n > 256 || bytes_of(n_cells, n) > WICK_POLICY_TABLE_BYTES)
        n = merge_one(n, n_cells, of_cell, rows, cells);
    uint8_t *index = wick_new(arena, uint8_t, n_cells);
    for (int i = 0; i < n_cells; i++)
        index[i] = (uint8_t)of_cell[i];
    t->n_rows = (uint16_t)n;
    t->row_of = index;
    t->rows = rows[0];
    out->bytes = bytes_of(n_cells, n);
}
