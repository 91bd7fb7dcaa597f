#include "sim/clairvoyant_sweep.h"

#include <math.h>
#include <string.h>

enum { OFF, ON };

/* Values of all states at one instant. A row is the charges of one (mode, queue, work), with as
   many copies of the full capacitor's value behind them. A queue: bit i is set when the input that
   arrived i periods before the latest one is outstanding; the bit above these: the queue of a
   device that is off is full of inputs, also of those whose deadline is over, and takes no new one.
 */
typedef struct table {
    float *values;
    int rows, row; /* rows of a (mode, queue); floats of a row */
} table;

typedef struct sweep {
    const bound *b;
    int most_rows; /* work of an input and of the one behind it, in levels */
    int masks;     /* queues of a device that is on */
    int queues[2]; /* by mode */
    table now, next;
    float *line; /* one row */
} sweep;

static float *row_at(const sweep *s, const table *t, int mode, int queue, int work) {
    size_t at = (size_t)(mode * s->queues[OFF] + queue) * (size_t)t->rows;
    return t->values + (at + (size_t)work) * (size_t)t->row;
}

/* How many inputs are outstanding. */
static int open_of(const sweep *s, int queue) {
    int n = 0;
    for (int mask = queue & (s->masks - 1); mask; mask &= mask - 1)
        n++;
    return n;
}

/* Periods before the latest arrival at which the oldest outstanding input arrived; -1: none. */
static int oldest(const sweep *s, int queue) {
    int at = -1;
    for (int i = 0; i < s->b->most_open; i++)
        at = queue >> i & 1 ? i : at;
    return at;
}

/* Rows that hold values between instants. */
static int rows_of(const sweep *s, int queue) {
    return open_of(s, queue) ? s->b->most_levels + 1 : 1;
}

/* Rows that an interval may end in: behind an input's work comes that of the next one. */
static int rows_ahead(const sweep *s, int queue) {
    return open_of(s, queue) >= 2 ? s->most_rows : rows_of(s, queue);
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
static void deliver(const sweep *s, int j, const lattice *l, int mode, int queue, int work) {
    const bound *b = s->b;
    int at = oldest(s, queue), in = arrived_before(b, j) - 1 - at, then = queue & ~(1 << at);
    if (in < 0)
        return;
    float *to = row_at(s, &s->next, mode, queue, work);
    for (int k = 1; k <= b->n_modules; k++) {
        if (work < b->need[k])
            continue;
        int left = work - b->need[k], most = rows_ahead(s, then) - 1;
        take(s, to, row_at(s, &s->next, mode, then, left < most ? left : most),
             (int)floor(b->rest_uj[k] / l->step_uj), b->reward[in * b->n_modules + k - 1]);
    }
}

/* What deadlines and arrivals of instant j make of a queue; *work: of its oldest input. */
static int queue_behind(const sweep *s, int j, int mode, int queue, int *work) {
    const bound *b = s->b;
    int mask = queue & (s->masks - 1), last = s->masks >> 1;
    bool stuck = queue >= s->masks;
    bool full = mode == OFF && (stuck || (b->drops_new && mask == s->masks - 1));
    if (j >= b->deadline && (j - b->deadline) % b->slots == 0 && mask & last) {
        mask &= ~last;
        *work = 0;
    }
    if (j % b->slots == 0 && j < b->n) {
        mask = mask << 1 & (s->masks - 1);
        mask |= !full;
        stuck = full;
    }
    return mask + (stuck ? s->masks : 0);
}

/* From values behind what happens at instant j (in `now`) to values before it (in `next`): answers
   and inputs given up; the oldest input's deadline; an arrival. */
static void instant(sweep *s, int j, const lattice *l) {
    for (int mode = OFF; mode <= ON; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++)
            for (int work = 0; work < rows_ahead(s, queue); work++) {
                float *to = row_at(s, &s->next, mode, queue, work);
                memset(to, 0, (size_t)s->next.row * sizeof *to);
                int at = oldest(s, queue), kept = work;
                int then = queue_behind(s, j, mode, queue, &kept);
                if (work < rows_of(s, queue))
                    take(s, to, row_at(s, &s->now, mode, then, kept), 0, 0);
                if (at < 0)
                    continue;
                if (mode == ON)
                    take(s, to, row_at(s, &s->next, mode, queue & ~(1 << at), 0), 0, 0);
                deliver(s, j, l, mode, queue, work);
            }
}

/* The rows of `next` on the lattice that the interval ends with; behind the full capacitor its
   value. */
static void onto_lattice(sweep *s, const lattice *from, const lattice *to) {
    const bound *b = s->b;
    for (int mode = OFF; mode <= ON; mode++) {
        int top = (int)ceil((b->cap_uj - to->phase_uj[mode]) / to->step_uj);
        top = top < b->points ? top : b->points - 1;
        for (int queue = 0; queue < s->queues[mode]; queue++)
            for (int work = 0; work < rows_ahead(s, queue); work++) {
                float *row = row_at(s, &s->next, mode, queue, work);
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
static void work_on(const sweep *s, const interval *v, const passage *p, int queue, int work,
                    float *to) {
    const bound *b = s->b;
    int mask = queue & (s->masks - 1);
    int most = mask ? rows_ahead(s, mask) - 1 - work : 0;
    most = most < v->most_work ? most : v->most_work;
    for (int n = 0; n <= most; n++) {
        int shift = up(p->uj - n * p->level_uj, v->end.step_uj), first = p->floor - shift;
        first = first > p->first ? first : p->first;
        if (first >= b->points)
            return;
        move(s, to, row_at(s, &s->next, p->to, mask, work + n), shift, first);
    }
}

static void stay_off(const sweep *s, const interval *v, int queue, int work, float *to) {
    double uj = v->start.phase_uj[OFF] * v->decay + v->gain_uj - v->end.phase_uj[OFF];
    int shift = (int)lround(uj / v->end.step_uj);
    const float *from = row_at(s, &s->next, OFF, queue, work);
    move(s, to, from, shift, 0);
    for (int i = 0; i < -shift && i < s->b->points; i++)
        to[i] = to[i] > from[0] ? to[i] : from[0];
}

static void pass(sweep *s, const interval *v) {
    const bound *b = s->b;
    passage ways[4];
    for (int i = 0; i < 4; i++)
        ways[i] = passage_of(b, v, i / 2, i % 2);
    for (int mode = OFF; mode <= ON; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++)
            for (int work = 0; work < rows_of(s, queue); work++) {
                float *to = row_at(s, &s->now, mode, queue, work);
                memset(to, 0, (size_t)b->points * sizeof *to);
                if (mode == OFF)
                    stay_off(s, v, queue, work, to);
                for (int i = 0; i < 2; i++)
                    work_on(s, v, &ways[2 * mode + i], queue, work, to);
            }
}

double bound_sweep(const bound *b, wick_arena *arena, double start_uj) {
    int masks = 1 << b->most_open;
    sweep s = {.b = b,
               .most_rows = 2 * b->most_levels + 1,
               .masks = masks,
               .queues = {b->drops_new ? 2 * masks : masks, masks}};
    s.now = s.next = (table){.rows = s.most_rows, .row = 2 * b->points + 1};
    size_t all = (size_t)(s.queues[OFF] + s.queues[ON]) * (size_t)s.most_rows * (size_t)s.now.row;
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
