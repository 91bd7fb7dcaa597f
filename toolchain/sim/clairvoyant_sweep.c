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
static int open_of(const bound *b, int queue) {
    int n = 0;
    for (int mask = queue & ((1 << b->most_open) - 1); mask; mask &= mask - 1)
        n++;
    return n;
}

int bound_oldest(const bound *b, int queue) {
    int at = -1;
    for (int i = 0; i < b->most_open; i++)
        at = queue >> i & 1 ? i : at;
    return at;
}

static int oldest(const sweep *s, int queue) {
    return bound_oldest(s->b, queue);
}

/* Rows that hold values between instants. */
static int rows_of(const sweep *s, int queue) {
    return open_of(s->b, queue) ? s->b->most_levels + 1 : 1;
}

/* Behind an input's work comes that of the next one. */
int bound_rows(const bound *b, int queue) {
    int open = open_of(b, queue);
    return open >= 2 ? 2 * b->most_levels + 1 : open ? b->most_levels + 1 : 1;
}

static int rows_ahead(const sweep *s, int queue) {
    return bound_rows(s->b, queue);
}

static int up(double uj, double step_uj) {
    return (int)ceil(uj / step_uj - 1e-9);
}

/* ---- at an instant ---- */

/* to[i] = max(to[i], from[i - less] + plus) for i from `first` on, at least less */
static void take(const sweep *s, float *restrict to, const float *restrict from, int less,
                 int first, float plus) {
    for (int i = first; i < s->b->points; i++) {
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
        int less = (int)floor(b->rest_uj[k] / l->step_uj), first = 0;
        if (left == 0) /* what the next input has had beside its levels is not known */
            first = less + up(b->off_uj - l->phase_uj[mode], l->step_uj) - 1;
        take(s, to, row_at(s, &s->next, mode, then, left < most ? left : most), less,
             first > less ? first : less, b->reward[in * b->n_modules + k - 1]);
    }
}

int bound_queue_behind(const bound *b, int j, int mode, int queue, int *work) {
    int masks = 1 << b->most_open, mask = queue & (masks - 1), last = masks >> 1;
    bool stuck = queue >= masks;
    bool full = mode == OFF && (stuck || (b->drops_new && mask == masks - 1));
    if (j >= b->deadline && (j - b->deadline) % b->slots == 0 && mask & last) {
        mask &= ~last;
        *work = 0;
    }
    if (j % b->slots == 0 && j < b->n) {
        mask = mask << 1 & (masks - 1);
        mask |= !full;
        stuck = full;
    }
    return mask + (stuck ? masks : 0);
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
                int then = bound_queue_behind(s->b, j, mode, queue, &kept);
                if (work < rows_of(s, queue))
                    take(s, to, row_at(s, &s->now, mode, then, kept), 0, 0, 0);
                if (at < 0)
                    continue;
                if (mode == ON)
                    take(s, to, row_at(s, &s->next, mode, queue & ~(1 << at), 0), 0, 0, 0);
                deliver(s, j, l, mode, queue, work);
            }
}

/* The rows of `next` on the lattice that the interval ends with; behind the full capacitor its
   value. */
static void onto_lattice(sweep *s, const lattice *from, const lattice *to) {
    const bound *b = s->b;
    for (int mode = OFF; mode <= ON; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++) {
            int top = (int)ceil((bound_cap_uj(b, queue) - to->phase_uj[mode]) / to->step_uj - 1e-9);
            top = top < b->points ? top : b->points - 1;
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

static passage passage_of(const bound *b, const interval *v, int from, int to) {
    passage p = {.from = from, .to = to, .level_uj = b->work_uj * v->decay};
    double net_uj = v->gain_uj;
    if (from == ON && to == ON) {
        net_uj -= v->sleep_uj;
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

/* From the values at instant j (in `next`) to those at instant j - 1. */
static void step_back(sweep *s, int j) {
    const bound *b = s->b;
    pass(s, &b->intervals[j - 1]);
    instant(s, j - 1, &b->intervals[j - 1].start);
    if (j > 1)
        onto_lattice(s, &b->intervals[j - 1].start, &b->intervals[j - 2].end);
}

static sweep begin_sweep(const bound *b, wick_arena *arena) {
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
    return s;
}

static void end_of_time(sweep *s) {
    const bound *b = s->b;
    instant(s, b->n, &b->intervals[b->n - 1].end);
    onto_lattice(s, &b->intervals[b->n - 1].end, &b->intervals[b->n - 1].end);
}

/* ---- what is kept ---- */

enum { BLOCKS = 2 };

struct bound_values {
    sweep s;
    int block;     /* instants of a block: 1 + i * block .. (i + 1) * block */
    size_t floats; /* of an instant */
    size_t *first; /* [queues of both modes] where its rows begin */
    float *last;   /* [blocks][floats] of each block's last instant */
    float *blocks[BLOCKS];
    int loaded[BLOCKS]; /* -1: none */
};

/* `next` to or from `kept`: the first `points` of each row. */
static void exchange(bound_values *v, float *kept, bool keep) {
    sweep *s = &v->s;
    size_t points = (size_t)s->b->points;
    for (int mode = OFF; mode <= ON; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++)
            for (int work = 0; work < rows_ahead(s, queue); work++, kept += points) {
                float *row = row_at(s, &s->next, mode, queue, work);
                if (keep) {
                    memcpy(kept, row, points * sizeof *row);
                    continue;
                }
                memcpy(row, kept, points * sizeof *row);
                for (int i = s->b->points; i < s->next.row; i++)
                    row[i] = row[s->b->points - 1];
            }
}

static bound_values *begin_values(const bound *b, wick_arena *arena) {
    bound_values *v = wick_new(arena, bound_values, 1);
    sweep *s = &v->s;
    *s = begin_sweep(b, arena);
    v->first = wick_new(arena, size_t, s->queues[OFF] + s->queues[ON]);
    for (int mode = OFF, i = 0; mode <= ON; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++, i++) {
            v->first[i] = v->floats;
            v->floats += (size_t)rows_ahead(s, queue) * (size_t)b->points;
        }
    /* A look ahead stays within two blocks. */
    int least = b->deadline + 8 * b->slots;
    v->block = (int)ceil(sqrt(b->n));
    v->block = v->block < least ? least : v->block;
    size_t n_blocks = (size_t)((b->n + v->block - 1) / v->block);
    v->last = wick_new(arena, float, wick_size_mul(n_blocks, v->floats));
    for (int i = 0; i < BLOCKS; i++) {
        v->blocks[i] = wick_new(arena, float, wick_size_mul((size_t)v->block, v->floats));
        v->loaded[i] = -1;
    }
    return v;
}

static void keep_last(bound_values *v, int j) {
    if (j == v->s.b->n || (j > 0 && j % v->block == 0))
        exchange(v, v->last + (size_t)((j - 1) / v->block) * v->floats, true);
}

static void load(bound_values *v, int block, int place) {
    int first = block * v->block + 1, j = first + v->block - 1;
    j = j < v->s.b->n ? j : v->s.b->n;
    exchange(v, v->last + (size_t)block * v->floats, false);
    for (;; j--) {
        exchange(v, v->blocks[place] + (size_t)(j - first) * v->floats, true);
        if (j == first)
            break;
        step_back(&v->s, j);
    }
    v->loaded[place] = block;
}

int bound_horizon(const bound_values *v, int j) {
    int end = ((j - 1) / v->block + BLOCKS) * v->block;
    return end < v->s.b->n ? end : v->s.b->n;
}

double bound_value(bound_values *v, int j, int mode, int queue, int work, double uj) {
    const bound *b = v->s.b;
    int block = (j - 1) / v->block, place = block % BLOCKS;
    if (v->loaded[place] != block)
        load(v, block, place);
    const lattice *l = &b->intervals[j - 1].end;
    int i = (int)floor((uj - l->phase_uj[mode]) / l->step_uj + 1e-9);
    i = i < 0 ? 0 : i < b->points ? i : b->points - 1;
    size_t at = (size_t)((j - 1) % v->block) * v->floats;
    at += v->first[(mode ? v->s.queues[OFF] : 0) + queue];
    return v->blocks[place][at + (size_t)work * (size_t)b->points + (size_t)i];
}

double bound_sweep(const bound *b, wick_arena *arena, double start_uj, bound_values **kept) {
    bound_values *v = kept ? begin_values(b, arena) : NULL;
    sweep own = {0}, *s = v ? &v->s : &own;
    if (!v)
        own = begin_sweep(b, arena);
    end_of_time(s);
    for (int j = b->n; j > 0; j--) {
        if (v)
            keep_last(v, j);
        step_back(s, j);
    }
    if (kept)
        *kept = v;
    const lattice *first = &b->intervals[0].start;
    int at = up(start_uj - first->phase_uj[OFF], first->step_uj);
    return row_at(s, &s->next, OFF, 0, 0)[at < b->points ? at : b->points - 1];
}
