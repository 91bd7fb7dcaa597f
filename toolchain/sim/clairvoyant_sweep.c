#include "sim/clairvoyant_sweep.h"

#include <math.h>
#include <string.h>

enum { OFF, ON };

/* Values of all states at one instant. A row is the charges of one (mode, open inputs, work), with
   as many copies of the full capacitor's value behind them. */
typedef struct table {
    float *values;
    int rows, row; /* rows of an (mode, open); floats of a row */
} table;

typedef struct sweep {
    const bound *b;
    int most_rows; /* work of an input and of the one behind it, in levels */
    table now, next;
    float *line; /* one row */
} sweep;

static float *row_at(const sweep *s, const table *t, int mode, int open, int work) {
    size_t at = ((size_t)mode * (size_t)(s->b->most_open + 1) + (size_t)open) * (size_t)t->rows;
    return t->values + (at + (size_t)work) * (size_t)t->row;
}

/* Rows that hold values between instants. */
static int rows_of(const sweep *s, int open) {
    return open ? s->b->most_levels + 1 : 1;
}

/* Rows that an interval may end in: behind an input's work comes that of the next one. */
static int rows_ahead(const sweep *s, int open) {
    return open >= 2 ? s->most_rows : rows_of(s, open);
}

/* ---- at an instant ---- */

/* to[i] = max(to[i], from[i - less] + plus) */
static void take(const sweep *s, float *restrict to, const float *restrict from, int less,
                 float plus) {
    for (int i = less; i < s->b->points; i++) {
        float value = from[i - less] + plus;
        to[i] = to[i] > value ? to[i] : value;
    }
}

/* Inputs that were there before instant j. */
static int arrived_before(const bound *b, int j) {
    return (j + b->slots - 1) / b->slots;
}

/* An answer: reward, the rest of its work, and the input is done with. */
static void deliver(const sweep *s, int j, const lattice *l, int mode, int open, int work) {
    const bound *b = s->b;
    int in = arrived_before(b, j) - open;
    if (in < 0)
        return;
    float *to = row_at(s, &s->next, mode, open, work);
    for (int k = 1; k <= b->n_modules; k++) {
        if (work < b->need[k])
            continue;
        int left = open >= 2 ? work - b->need[k] : 0;
        if (left >= rows_ahead(s, open - 1))
            left = rows_ahead(s, open - 1) - 1;
        take(s, to, row_at(s, &s->next, mode, open - 1, left),
             (int)floor(b->rest_uj[k] / l->step_uj), b->reward[in * b->n_modules + k - 1]);
    }
}

/* From values behind what happens at instant j (in `now`) to values before it (in `next`): answers
   and inputs given up; the oldest input's deadline; an arrival. */
static void instant(sweep *s, int j, const lattice *l) {
    const bound *b = s->b;
    bool arrives = j % b->slots == 0 && j < b->n;
    bool expires = j >= b->deadline && (j - b->deadline) % b->slots == 0;
    for (int mode = OFF; mode <= ON; mode++)
        for (int open = 0; open <= b->most_open; open++)
            for (int work = 0; work < rows_ahead(s, open); work++) {
                float *to = row_at(s, &s->next, mode, open, work);
                memset(to, 0, (size_t)s->next.row * sizeof *to);
                if (work < rows_of(s, open)) {
                    int then = expires && open == b->most_open ? open - 1 : open;
                    int kept = then < open ? 0 : work;
                    then += arrives && then < b->most_open;
                    take(s, to, row_at(s, &s->now, mode, then, kept), 0, 0);
                }
                if (open >= 2)
                    take(s, to, row_at(s, &s->next, mode, open - 1, 0), 0, 0);
                if (open)
                    deliver(s, j, l, mode, open, work);
            }
}

/* The rows of `next` on the lattice that the interval ends with; behind the full capacitor its
   value. */
static void onto_lattice(sweep *s, const lattice *from, const lattice *to) {
    const bound *b = s->b;
    for (int mode = OFF; mode <= ON; mode++) {
        int top = (int)ceil((b->cap_uj - to->phase_uj[mode]) / to->step_uj);
        top = top < b->points ? top : b->points - 1;
        for (int open = 0; open <= b->most_open; open++)
            for (int work = 0; work < rows_ahead(s, open); work++) {
                float *row = row_at(s, &s->next, mode, open, work);
                if (from->step_uj != to->step_uj) {
                    memcpy(s->line, row, (size_t)b->points * sizeof *row);
                    for (int i = 0; i < b->points; i++) {
                        double uj = to->phase_uj[mode] + i * to->step_uj;
                        int at = (int)ceil((uj - from->phase_uj[mode]) / from->step_uj - 1e-9);
                        at = at < 0 ? 0 : at;
                        row[i] = s->line[at < b->points ? at : b->points - 1];
                    }
                }
                for (int i = top + 1; i < s->next.row; i++)
                    row[i] = row[top];
            }
    }
}

/* ---- an interval ---- */

/* to[i] = max(to[i], from[i + shift]) for i from `first` on */
static void move(const sweep *s, float *restrict to, const float *restrict from, int shift,
                 int first) {
    int points = s->b->points;
    shift = shift > points ? points : shift;
    first = first > -shift ? first : -shift;
    for (int i = first; i < points; i++)
        to[i] = to[i] > from[i + shift] ? to[i] : from[i + shift];
}

/* How an interval moves charges from one mode's lattice to another's, without work. */
typedef struct passage {
    int from, to;
    double uj; /* energy at the end of the charge at index 0, above the end's phase */
    double level_uj;
    int first; /* the smallest index that may take it */
    int floor; /* the smallest index at the end */
} passage;

static int up(double uj, double step_uj) {
    return (int)ceil(uj / step_uj - 1e-9);
}

static passage passage_of(const bound *b, const interval *v, int from, int to) {
    passage p = {.from = from, .to = to, .level_uj = b->work_uj * v->decay};
    double net_uj = v->gain_uj;
    if (from == ON && to == ON) {
        net_uj -= v->sleep_uj;
        /* While it works it does not sleep. */
        p.level_uj *= fmax(0, 1 - b->sleep_uw / b->least_uw);
    } else if (from == OFF) {
        net_uj -= b->boot_uj * v->decay;
        p.first = up(b->on_uj - v->gross_uj - v->start.phase_uj[OFF], v->start.step_uj);
    }
    p.first = p.first < 0 ? 0 : p.first;
    p.uj = v->start.phase_uj[from] * v->decay + net_uj - v->end.phase_uj[to];
    p.floor = up(b->off_uj * v->decay - v->end.phase_uj[to], v->end.step_uj);
    return p;
}

/* All ways through the interval in which the device is on, from the states of one row. */
static void work_on(const sweep *s, const interval *v, const passage *p, int open, int work,
                    float *to) {
    const bound *b = s->b;
    int most = open ? rows_ahead(s, open) - 1 - work : 0;
    most = most < v->most_work ? most : v->most_work;
    for (int n = 0; n <= most; n++) {
        int shift = up(p->uj - n * p->level_uj, v->end.step_uj), first = p->floor - shift;
        first = first > p->first ? first : p->first;
        if (first >= b->points)
            return;
        move(s, to, row_at(s, &s->next, p->to, open, work + n), shift, first);
    }
}

static void stay_off(const sweep *s, const interval *v, int open, int work, float *to) {
    double uj = v->start.phase_uj[OFF] * v->decay + v->gain_uj - v->end.phase_uj[OFF];
    int shift = (int)lround(uj / v->end.step_uj);
    const float *from = row_at(s, &s->next, OFF, open, work);
    move(s, to, from, shift, 0);
    for (int i = 0; i < -shift && i < s->b->points; i++)
        to[i] = to[i] > from[0] ? to[i] : from[0];
}

static void pass(sweep *s, const interval *v) {
    const bound *b = s->b;
    passage ways[4];
    for (int i = 0; i < 4; i++)
        ways[i] = passage_of(b, v, i / 2, i % 2);
    for (int open = 0; open <= b->most_open; open++)
        for (int work = 0; work < rows_of(s, open); work++) {
            float *off = row_at(s, &s->now, OFF, open, work);
            float *on = row_at(s, &s->now, ON, open, work);
            memset(off, 0, (size_t)b->points * sizeof *off);
            memset(on, 0, (size_t)b->points * sizeof *on);
            stay_off(s, v, open, work, off);
            for (int i = 0; i < 4; i++)
                work_on(s, v, &ways[i], open, work, ways[i].from == OFF ? off : on);
        }
}

double bound_sweep(const bound *b, wick_arena *arena, double start_uj) {
    sweep s = {.b = b, .most_rows = 2 * b->most_levels + 1};
    s.now = s.next = (table){.rows = s.most_rows, .row = 2 * b->points + 1};
    size_t all = 2 * (size_t)(b->most_open + 1) * (size_t)s.most_rows * (size_t)s.now.row;
    s.now.values = wick_new(arena, float, all);
    s.next.values = wick_new(arena, float, all);
    s.line = wick_new(arena, float, b->points);
    for (int j = b->n; j >= 0; j--) {
        const lattice *here = j < b->n ? &b->intervals[j].start : &b->intervals[j - 1].end;
        instant(&s, j, here);
        if (j == 0)
            break;
        onto_lattice(&s, here, &b->intervals[j - 1].end);
        pass(&s, &b->intervals[j - 1]);
    }
    const lattice *first = &b->intervals[0].start;
    int at = up(start_uj - first->phase_uj[OFF], first->step_uj);
    return row_at(&s, &s.next, OFF, 0, 0)[at < b->points ? at : b->points - 1];
}
