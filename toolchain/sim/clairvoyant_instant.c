#include "sim/clairvoyant_table.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* to[i] = max(to[i], from[i] + plus) */
static void take(const sweep *s, float *restrict to, const float *restrict from, float plus) {
    for (int i = 0; i < s->b->points; i++) {
        float value = from[i] + plus;
        to[i] = to[i] > value ? to[i] : value;
    }
}

/* An answer that is complete: reward, and the input is done with. */
static void deliver(const sweep *s, int j, int mode, int queue, int row) {
    const bound *b = s->b;
    int at = oldest(s, queue), in = bound_arrived(b, j) - 1 - at, k = b->rows.rows[row].answers;
    if (in < 0 || !k)
        return;
    take(s, row_at(s, &s->next, mode, queue, row), row_at(s, &s->next, mode, queue & ~(1 << at), 0),
         b->reward[in * b->n_modules + k - 1]);
}

void instant(sweep *s, int j) {
    const bound *b = s->b;
    for (int mode = OFF; mode < MODES; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++)
            for (int row = 0; row < rows_of(b, queue); row++) {
                float *to = row_at(s, &s->next, mode, queue, row);
                memset(to, 0, (size_t)s->next.row * sizeof *to);
                int at = oldest(s, queue);
                for (int spared = 0; spared < 2; spared++) {
                    int kept = row, then = bound_queue_behind(b, j, mode, queue, spared, &kept);
                    int behind = kept == row ? mode : bound_mode_without(b, mode, row);
                    take(s, to, row_at(s, &s->now, behind, then, kept), 0);
                }
                if (at < 0)
                    continue;
                int without = bound_mode_without(b, mode, row);
                if (mode != OFF)
                    take(s, to, row_at(s, &s->next, without, queue & ~(1 << at), 0), 0);
                deliver(s, j, mode, queue, row);
            }
}

/* A row of `next`, on the lattice of the interval behind instant j, on that of the one before it.
 */
static void convert(const sweep *s, int j, int mode, int at, float *row) {
    const bound *b = s->b;
    const interval *before = &b->intervals[j - 1], *behind = &b->intervals[j];
    const lattice *from = &behind->start, *to = &before->end;
    double rest = b->rest[at] * (from->step_uj - to->step_uj);
    memcpy(s->line, row, (size_t)b->points * sizeof *row);
    for (int i = 0; i < b->points; i++) {
        double uj = lattice_uj(to, mode != OFF, i) + rest;
        int of = (int)ceil((uj - from->phase_uj[mode != OFF]) / from->step_uj - 1e-9);
        of = of < 0 ? 0 : of;
        row[i] = s->line[of < b->points ? of : b->points - 1];
    }
}

void onto_lattice(sweep *s, int j) {
    const bound *b = s->b;
    const interval *before = &b->intervals[j - 1], *behind = j < b->n ? &b->intervals[j] : before;
    const lattice *to = &before->end;
    for (int mode = OFF; mode < MODES; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++)
            for (int at = 0; at < rows_of(b, queue); at++) {
                float *row = row_at(s, &s->next, mode, queue, at);
                double most_uj = bound_cap_uj(b, queue, at) - to->phase_uj[mode != OFF];
                int top = (int)ceil(most_uj / to->step_uj + (at > 0 || b->gains) - 1e-9);
                top = top < b->points ? top : b->points - 1;
                if (j < b->n && behind->renewed)
                    convert(s, j, mode, at, row);
                for (int i = top + 1; i < s->next.row; i++)
                    row[i] = row[top];
            }
}

static float *waited_at(const sweep *s, int j) {
    return s->waited + (size_t)(j % (s->b->waits + 1)) * waited_floats(s);
}

void keep_waited(sweep *s, int j) {
    if (!s->b->tires)
        return;
    memcpy(waited_at(s, j), row_at(s, &s->next, TIRED, 0, 0), waited_floats(s) * sizeof(float));
    s->waited_to = s->waited_to > j ? s->waited_to : j;
}

/* What a wait makes of a queue and its oldest input's row. */
typedef struct outcome {
    int queue, row;
} outcome;

/* At most 5 inputs are outstanding (a deadline of 5 periods), the oldest begun or not. */
enum { OUTCOMES = 2 << 5 };

static int add_outcome(outcome *all, int n, outcome o) {
    for (int i = 0; i < n; i++)
        if (all[i].queue == o.queue && all[i].row == o.row)
            return n;
    assert(n < OUTCOMES);
    all[n] = o;
    return n + 1;
}

/* What one instant makes of them, with all inputs, or with the oldest ones given up. */
static int add_outcomes(const bound *b, int j, outcome from, outcome *all, int n) {
    for (;;) {
        for (int spared = 0; spared < 2; spared++) {
            outcome o = {.row = from.row};
            o.queue = bound_queue_behind(b, j, ON, from.queue, spared, &o.row);
            n = add_outcome(all, n, o);
        }
        int at = bound_oldest(b, from.queue);
        if (at < 0)
            return n;
        from = (outcome){.queue = from.queue & ~(1 << at)};
    }
}

/* Deadlines and arrivals from behind instant i to before instant t, no work done; all that can come
   of it. */
static int outcomes_of(const bound *b, int i, int t, outcome from, outcome *all) {
    int n = add_outcome(all, 0, from);
    for (int j = i + 1; j < t; j++) {
        outcome next[OUTCOMES];
        int n_next = 0;
        for (int k = 0; k < n; k++)
            n_next = add_outcomes(b, j, all[k], next, n_next);
        n = n_next;
        memcpy(all, next, (size_t)n * sizeof *all);
    }
    return n;
}

/* A charge that is on and asleep from instant i to instant t: share * E + plus_uj. */
static void sleep_through(const bound *b, int i, int t, double *share, double *plus_uj) {
    *share = 1;
    *plus_uj = 0;
    for (int j = i; j < t; j++) {
        const interval *v = &b->intervals[j];
        *share *= v->decay;
        *plus_uj = *plus_uj * v->decay + v->gain_uj - v->sleep_uj;
    }
}

void wait_on(sweep *s, int i) {
    const bound *b = s->b;
    int t = i + b->waits;
    if (!b->tires || t > s->waited_to || t >= b->n || !b->intervals[t].tired)
        return;
    const lattice *start = &b->intervals[i].start, *end = &b->intervals[t - 1].end;
    double share, plus_uj, floor_uj = bound_floor_uj(b, &b->intervals[t - 1], true, false);
    sleep_through(b, i, t, &share, &plus_uj);
    plus_uj += (1 - share) * b->taken_uj; /* it is paid behind the wait, and has not leaked */
    for (int queue = 0; queue < s->queues[ON]; queue++)
        for (int row = 0; row < rows_of(b, queue); row++) {
            outcome all[OUTCOMES];
            int n = outcomes_of(b, i, t, (outcome){queue, row}, all);
            for (int k = 0; k < n; k++) {
                const float *from = waited_at(s, t);
                from += ((size_t)all[k].queue * (size_t)s->next.rows + (size_t)all[k].row) *
                        (size_t)s->next.row;
                for (int p = 0; p < b->points; p++) {
                    double uj = start->phase_uj[ON] + (p - b->rest[row]) * start->step_uj;
                    uj = uj * share + plus_uj;
                    int of = up(uj - end->phase_uj[ON] + b->rest[all[k].row] * end->step_uj,
                                end->step_uj);
                    if (uj < floor_uj - 1e-9 || of < 0)
                        continue;
                    float value = from[of < b->points ? of : b->points - 1];
                    for (int mode = ON; mode < TIRED; mode++) {
                        float *to = row_at(s, &s->now, mode, queue, row) + p;
                        if (s->queues[mode])
                            *to = *to > value ? *to : value;
                    }
                }
            }
        }
}
