#include "sim/clairvoyant_grid.h"

#include <math.h>

static const double EFFORT_OF_BYTE = 20;
enum { LEAST_SLOTS = 2, LEAST_LEVELS = 4, LEAST_CHARGES = 16 };

/* The shares of a lattice's points that get a value along a line, from a row on: work that takes
   more than is in the capacitor moves nothing. *within: time and charge last until its end. */
static double along(const bound *b, int row, bound_line line, bool *within) {
    const bound_row *rows = b->rows.rows, *from = &rows[row];
    double most_s = b->dt_s + b->rows.slack_s, sum = 0;
    for (int i = line.first; i < line.end; i++) {
        double left = 1 - (rows[i].uj - from->uj) / b->top_uj;
        *within = left > 0 && rows[i].time_s - from->time_s <= most_s;
        if (!*within)
            break;
        sum += left;
    }
    return sum;
}

/* As the sweep goes from a row (work_on). */
static double from_row(const bound *b, int row) {
    const bound_rows *rows = &b->rows;
    bool within = true;
    int k = 0;
    if (row >= rows->trunk.end) {
        while (row >= rows->branches[k].end)
            k++;
        return along(b, row, (bound_line){row, rows->branches[k].end}, &within);
    }
    double sum = along(b, row, (bound_line){row, rows->trunk.end}, &within);
    for (k = 0; k < rows->n_branches && within; k++) {
        bool branch_within;
        sum += along(b, row, rows->branches[k], &branch_within);
    }
    return sum;
}

/* Queues of all modes in which an input is outstanding. */
static double queues(const bound *b) {
    return (bound_modes(b) + b->off_drops_new) * (double)((1 << b->most_open) - 1);
}

double bound_effort(const bound *b) {
    enum { LOSING = 6 };  /* times that a charge takes longer which brings its own gain */
    enum { INSTANT = 4 }; /* times that what happens at an instant looks at each value */
    double sum = 0;
    for (int row = 0; row < b->rows.n; row++)
        sum += INSTANT + 2 * from_row(b, row); /* to off and on */
    sum *= queues(b);
    sum += (1.0 + b->tires) * BEHIND_ENDS * BEHIND_PARTS * ((1 << b->most_open) / 2 - 1) *
           from_row(b, 0);
    return sum * b->points * b->n * (b->gains ? LOSING : 1);
}

/* What the values take that a replay keeps, and the intervals. */
static double bytes(const bound *b) {
    double floats = queues(b) * b->rows.n * b->points;
    double blocks = BOUND_BLOCKS * bound_block(b) + (double)b->n / bound_block(b);
    double kept = fmin(b->n, blocks);
    double below = b->gains ? 2.0 * sizeof(float) * b->points : 0;
    return sizeof(float) * floats * kept + ((double)sizeof(interval) + below) * b->n;
}

double bound_excess(const bound *b, double effort) {
    return effort > 0 ? fmax(bound_effort(b), EFFORT_OF_BYTE * bytes(b)) / effort : 0;
}

double bound_bytes(double effort) {
    return effort > 0 ? effort / EFFORT_OF_BYTE : INFINITY;
}

/* A part of a number, that is not below the least and not above what it was. */
static bool lower(int *value, double part, int least) {
    int to = (int)fmax(least, floor(part * *value));
    bool changed = to < *value;
    *value = changed ? to : *value;
    return changed;
}

bool bound_coarsen(const bound *b, wick_clairvoyant_options *grid) {
    /* Charges round in every boot and answer, so they count most. */
    enum { SLOTS = 5, LEVELS = 16 };
    const double part = 0.85;
    bool slots = lower(&grid->slots, part, SLOTS), levels = lower(&grid->levels, part, LEVELS);
    if (slots || levels)
        return true;
    slots = lower(&grid->slots, part, LEAST_SLOTS);
    levels = lower(&grid->levels, part, LEAST_LEVELS);
    grid->charges = grid->charges ? grid->charges : (int)ceil(b->cap_uj / b->step_uj - 1e-9);
    return lower(&grid->charges, part, LEAST_CHARGES) || slots || levels;
}
