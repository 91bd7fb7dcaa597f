/* How far the work on an input is, as rows of the clairvoyant's tables (clairvoyant_sweep.h): a
   line of whole units through the extractor, then a branch of them per module; of exits, one line.
 */
#ifndef WICK_CLAIRVOYANT_ROWS_H
#define WICK_CLAIRVOYANT_ROWS_H

#include "sim/work_items.h"

/* Row 0: nothing done. Others are reached from the row before them; the first one of a branch from
   the last one of the trunk. */
typedef struct bound_row {
    double uj, time_s; /* all that is paid up to here, beside sleep; and its time */
    double need_uj;    /* charge that the unit which leads here begins at; -INFINITY: any */
    double bare_uj; /* charge below which that unit does not end, but for what arrives meanwhile */
    double unit_s;  /* its time */
    double before_uj; /* what is paid when it begins */
    double beyond_uj; /* the most that is drawn and not paid */
    double next_uj;   /* charge that no unit behind it begins below; -INFINITY: any */
    double store_uj;  /* of a commit here that a high voltage leaves out, with what it writes */
    double reload_uj; /* what the unit that begins with this row reads anew behind a boot */
    bool warms;  /* a span ends with it that no charge is asked for; its commit is not paid here */
    bool inside; /* of a unit, which a power failure repeats */
    int answers; /* the module whose answer is complete here; 0: none */
} bound_row;

typedef struct bound_line {
    int first, end; /* rows */
} bound_line;

/* The row of some progress, and what was drawn beyond it. */
typedef struct bound_place {
    int row;
    double beyond_uj;
} bound_place;

typedef struct bound_rows {
    int n;
    bound_row *rows;
    bound_line trunk, branches[WICK_MAX_HEADS];
    int n_branches;
    int taken, extracted; /* rows */
    double slack_s;       /* of parts of units at both ends of an interval */
    double unit_s;        /* the longest unit that begins at a charge */
    double loose_s;       /* of those, the longest reading anew and commit (reload_uj, store_uj) */
    double warm_uj;  /* spans with their commits take at least, in the mean from a segment's first
                        on:  work that nobody needs may save what the next one would commit behind a
                        boot,  once for each of its spans */
    double short_uj; /* the most that one takes, with all that it reads anew and its commit, beyond
                        what it asks for */
    bound_place *spans[1 + WICK_MAX_HEADS]; /* [n_spans + 1] by those of a segment that are done */
} bound_rows;

/* What the items of sequence q before `item` draw beside what a device that sleeps would. */
double bound_spent(const work_items *w, int q, int item);
/* levels: the time of the longest answer has so many parts; units that take longer than one are
   divided. Where commits are lazy, spans with a need_mv begin at that charge, and are paid when
   they begin; other work is paid part by part, when a part is done. */
void bound_rows_make(wick_arena *arena, const wick_plan *plan, const work_items *work,
                     const store *cap, int levels, bound_rows *out);

#endif
