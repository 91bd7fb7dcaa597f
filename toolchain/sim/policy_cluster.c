/* Cells of a table that share rows: those whose rows cost the least when they are joined. */
#include "sim/policy_rows.h"

#include <math.h>
#include <string.h>

typedef struct clusters {
    int n, n_cells, n_actions, width; /* width: values of a cell */
    const float *values;              /* [n_cells][width] */
    float *sums;                      /* [n][width] over the cells of a row */
    uint8_t (*best)[CHARGE_BINS];     /* [n] action that is best by the sums */
    int *row_of;                      /* [n_cells] */
    int *nearest;                     /* [n] the row that it costs the least to turn to */
    float *costs;                     /* [n] */
} clusters;

/* Ties go to the larger module; the last two actions are to wait and to be off, and
   nobody does either for nothing. */
static void choose(const clusters *c, const float *values, uint8_t *best) {
    int wait = c->n_actions - 2, off = wait + 1;
    for (int i = 0; i < CHARGE_BINS; i++, values += c->n_actions) {
        int action = 0;
        for (int a = wait - 1; a >= 1; a--)
            if (values[a] >= values[action])
                action = a;
        if (values[wait] > values[action])
            action = wait;
        best[i] = (uint8_t)(values[off] > values[action] ? off : action);
    }
}

/* What the cells with these values lose by `row` instead of `own`. */
static float loss(const clusters *c, const float *values, const uint8_t *own, const uint8_t *row) {
    float sum = 0;
    for (int i = 0; i < CHARGE_BINS; i++, values += c->n_actions)
        sum += values[own[i]] - values[row[i]];
    return sum;
}

static float cost(const clusters *c, int from, int to) {
    return loss(c, c->sums + (size_t)from * (size_t)c->width, c->best[from], c->best[to]);
}

static void add(const clusters *c, int row, const float *values) {
    float *sums = c->sums + (size_t)row * (size_t)c->width;
    for (int i = 0; i < c->width; i++)
        sums[i] += values[i];
}

/* Rows of cells that want the same. */
static void begin(clusters *c) {
    for (int i = 0; i < c->n_cells; i++) {
        const float *values = c->values + (size_t)i * (size_t)c->width;
        choose(c, values, c->best[c->n]);
        int r = 0;
        while (memcmp(c->best[r], c->best[c->n], CHARGE_BINS) != 0)
            r++;
        if (r == c->n)
            memset(c->sums + (size_t)c->n++ * (size_t)c->width, 0,
                   (size_t)c->width * sizeof(float));
        add(c, r, values);
        c->row_of[i] = r;
    }
}

static void find_nearest(clusters *c, int row) {
    c->costs[row] = INFINITY;
    for (int to = 0; to < c->n; to++) {
        float uj = to == row ? INFINITY : cost(c, row, to);
        if (uj < c->costs[row]) {
            c->costs[row] = uj;
            c->nearest[row] = to;
        }
    }
}

/* The row that costs the least is given up for its nearest, which becomes the best of both. */
static void join(clusters *c) {
    int from = 0, last = c->n - 1;
    for (int r = 1; r < c->n; r++)
        from = c->costs[r] < c->costs[from] ? r : from;
    int to = c->nearest[from];
    add(c, to, c->sums + (size_t)from * (size_t)c->width);
    choose(c, c->sums + (size_t)to * (size_t)c->width, c->best[to]);
    memcpy(c->sums + (size_t)from * (size_t)c->width, c->sums + (size_t)last * (size_t)c->width,
           (size_t)c->width * sizeof(float));
    memcpy(c->best[from], c->best[last], CHARGE_BINS);
    c->nearest[from] = c->nearest[last];
    c->costs[from] = c->costs[last];
    c->n--;
    to = to == last ? from : to;
    for (int r = 0; r < c->n; r++) {
        bool gone = c->nearest[r] == from || c->nearest[r] == to;
        if (c->nearest[r] == last && from != last)
            c->nearest[r] = from;
        if (r == to || gone) {
            find_nearest(c, r);
        } else if (cost(c, r, to) < c->costs[r]) {
            c->costs[r] = cost(c, r, to);
            c->nearest[r] = to;
        }
    }
}

/* Each cell to the row that costs it the least; then each row as is best for its cells. */
static void settle(clusters *c) {
    for (int i = 0; i < c->n_cells; i++) {
        const float *values = c->values + (size_t)i * (size_t)c->width;
        uint8_t own[CHARGE_BINS];
        float least = INFINITY;
        choose(c, values, own);
        for (int r = 0; r < c->n; r++) {
            float uj = loss(c, values, own, c->best[r]);
            if (uj < least) {
                least = uj;
                c->row_of[i] = r;
            }
        }
    }
    memset(c->sums, 0, (size_t)c->n * (size_t)c->width * sizeof(float));
    for (int i = 0; i < c->n_cells; i++)
        add(c, c->row_of[i], c->values + (size_t)i * (size_t)c->width);
    for (int r = 0; r < c->n; r++)
        choose(c, c->sums + (size_t)r * (size_t)c->width, c->best[r]);
}

static void write_rows(const clusters *c, wick_arena *arena, wick_policy_table *table) {
    uint8_t *row_of = wick_new(arena, uint8_t, c->n_cells);
    uint8_t *rows = wick_new(arena, uint8_t, c->n * ROW_BYTES);
    for (int i = 0; i < c->n_cells; i++)
        row_of[i] = (uint8_t)c->row_of[i];
    for (int r = 0; r < c->n; r++)
        for (int i = 0; i < CHARGE_BINS; i++) {
            int action = c->best[r][i];
            action = action == c->n_actions - 1   ? WICK_POLICY_OFF
                     : action == c->n_actions - 2 ? WICK_POLICY_WAIT
                                                  : action;
            rows[r * ROW_BYTES + i / 2] |= (uint8_t)(action << (i & 1 ? 4 : 0));
        }
    table->n_rows = (uint16_t)c->n;
    table->row_of = row_of;
    table->rows = rows;
}

void policy_cluster(const float *values, int n_cells, int n_actions, wick_arena *arena,
                    wick_synthesised *out) {
    wick_arena *work = wick_arena_new();
    int width = CHARGE_BINS * n_actions;
    clusters c = {.n_cells = n_cells, .n_actions = n_actions, .width = width, .values = values};
    c.sums = wick_new(work, float, wick_size_mul((size_t)n_cells + 1, (size_t)width));
    c.best = (uint8_t(*)[CHARGE_BINS])wick_arena_alloc(
        work, wick_size_mul((size_t)n_cells + 1, CHARGE_BINS));
    c.row_of = wick_new(work, int, n_cells);
    c.nearest = wick_new(work, int, n_cells);
    c.costs = wick_new(work, float, n_cells);
    begin(&c);
    int most = (WICK_POLICY_TABLE_BYTES - (int)sizeof(wick_policy_table) - n_cells) / ROW_BYTES;
    most = most < 256 ? most : 256;
    if (c.n > most) {
        for (int r = 0; r < c.n; r++)
            find_nearest(&c, r);
        while (c.n > most)
            join(&c);
        for (int i = 0; i < 3; i++)
            settle(&c);
    }
    write_rows(&c, arena, &out->table);
    out->bytes = (int)sizeof(wick_policy_table) + n_cells + c.n * ROW_BYTES;
    wick_arena_free(work);
}
