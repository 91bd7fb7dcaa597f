/* The tables of the clairvoyant's backward induction, for its own files: clairvoyant_sweep.c (what
   an interval moves), clairvoyant_instant.c (what happens at an instant). */
#ifndef WICK_CLAIRVOYANT_TABLE_H
#define WICK_CLAIRVOYANT_TABLE_H

#include "sim/clairvoyant_landing.h"

/* Values of all states at one instant. A row is the charges of one (mode, queue, work), with as
   many copies of the full capacitor's value behind them. Queues: clairvoyant_queue.c.
 */
typedef struct table {
    float *values;
    int rows, row; /* rows of a (mode, queue); floats of a row */
} table;

typedef struct sweep {
    const bound *b;
    int masks;         /* queues of a device that is on */
    int queues[MODES]; /* of the modes that there are */
    int first[MODES];  /* queue, of all */
    table now, next;
    float *waited;     /* [waits + 1] values of the tired, of instants; t's at t mod (waits + 1) */
    int waited_to;     /* the last instant of which they are there */
    float *line;       /* one row */
    landings landings; /* behind a diode: of the interval at hand */
    float *behind; /* [1 + tires][queue][BEHIND_ENDS][1 + BEHIND_PARTS] rows: see behind_answers */
} sweep;

static inline float *row_at(const sweep *s, const table *t, int mode, int queue, int row) {
    size_t at = (size_t)(s->first[mode] + queue) * (size_t)t->rows;
    return t->values + (at + (size_t)row) * (size_t)t->row;
}

static inline int oldest(const sweep *s, int queue) {
    return bound_oldest(s->b, queue);
}

/* Of the tired, at one instant. */
static inline size_t waited_floats(const sweep *s) {
    return (size_t)s->queues[TIRED] * (size_t)s->next.rows * (size_t)s->next.row;
}

/* Rows that hold values. */
static inline int rows_of(const bound *b, int queue) {
    return bound_open(b, queue) ? b->rows.n : 1;
}

static inline int most(int a, int b) {
    return a > b ? a : b;
}

/* As (int)floor and (int)ceil, which are calls on some machines. */
static inline int down_of(double x) {
    int i = (int)x;
    return i - (i > x);
}

static inline int up_of(double x) {
    int i = (int)x;
    return i + (i < x);
}

static inline int up(double uj, double step_uj) {
    return up_of(uj / step_uj - 1e-9);
}

/* From values behind what happens at instant j (in `now`) to values before it (in `next`): answers
   and inputs given up; the oldest input's deadline; an arrival. */
void instant(sweep *s, int j);
/* The rows of `next` on the lattice that the interval before instant j ends with; behind the full
   capacitor its value. */
void onto_lattice(sweep *s, int j);
/* `next` holds the values before what happens at instant j; those of tired engines are kept. */
void keep_waited(sweep *s, int j);
/* Into `now`, behind what happens at instant i: a wait, powered, until the engine is tired. */
void wait_on(sweep *s, int i);

#endif
