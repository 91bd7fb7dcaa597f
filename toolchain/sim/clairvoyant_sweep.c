#include "sim/clairvoyant_table.h"

#include <math.h>
#include <string.h>

/* ---- an interval ---- */

/* Indices. */
typedef struct range {
    int first, end;
} range;

/* to[i] = max(to[i], from[i + shift] + plus) for i of a range. Below the lattice its first value
   counts: harvest to come may have paid for what is more than there was. */
static void move(const sweep *s, float *restrict to, const float *restrict from, int shift,
                 range at, float plus) {
    int points = s->b->points;
    shift = shift > points ? points : shift;
    int first = at.first > -shift ? at.first : -shift;
    for (int i = at.first; i < first && i < at.end; i++)
        to[i] = to[i] > from[0] + plus ? to[i] : from[0] + plus;
    for (int i = first; i < at.end; i++) {
        float value = from[i + shift] + plus;
        to[i] = to[i] > value ? to[i] : value;
    }
}

/* to[i] = max(to[i], from[where it lands with `paid` steps less] + plus) for i of a range */
static void move_landing(float *restrict to, const float *restrict from, const landing *l,
                         double paid, range at, float plus) {
    const int whole = down_of(paid);
    const float part = landing_part(paid, whole);
    const landing of = *l;
    for (int i = at.first; i < at.end; i++) {
        float value = from[landing_place(&of, i, whole, part)] + plus;
        to[i] = to[i] > value ? to[i] : value;
    }
}

/* The beginning of an interval, up to some time. */
typedef struct part {
    double boots;                 /* the least index that can have booted; -INFINITY: it was on */
    double paid_uj, paid_step_uj; /* the most that can be paid at index 0; by index */
    double weight;                /* of what is paid later, beside that of the part before */
} part;

/* How an interval moves charges from one lattice to another. */
typedef struct passage {
    const interval *v;
    int from, to; /* OFF, ON */
    bool tired;
    int mode;                       /* at the end */
    double start_uj;                /* of index 0, behind a boot */
    int shift;                      /* from an index to the end's, without work */
    double ready_uj, ready_step_uj; /* the most that index 0 can become; by index */
    double first;                   /* the smallest index that may take it, were all paid */
    double floor;                   /* the smallest index at the end, were all paid */
    bool leaks;                     /* what is paid late costs more */
    bool stays;                     /* it sleeps all of the interval */
    const landing *work,
        *idle; /* behind a diode, in place of the shift; idle: without work or boot */
    part parts[BOUND_PARTS - 1];
} passage;

/* What is paid by some time is at most what the charge has been till then, less what is left of it
   when a unit is paid; before a boot nothing. The rest leaks at least until then. */
static part part_of(const bound *b, const interval *v, int from, bool tired, int k) {
    double uj = crest_uj(&v->early[k][from], v->start.phase_uj[from]);
    double step_uj = v->early[k][from].share * v->start.step_uj;
    double unit_s = b->rows.unit_s + b->rows.loose_s;
    double keeps_uj = fmin(b->off_uj, b->on_uj - b->boot_uj) - b->rows.short_uj;
    if (tired)
        keeps_uj = fmin(keeps_uj, b->off_uj - v->power_uw * unit_s);
    return (part){.boots = from == OFF ? (b->on_uj - uj) / step_uj : -INFINITY,
                  .paid_uj = (uj - keeps_uj) * v->rise[k],
                  .paid_step_uj = step_uj * v->rise[k],
                  .weight = v->rise[k] - (k ? v->rise[k - 1] : 1)};
}

static int shift_of(const interval *v, double start_uj, int to, double sleep_uj) {
    double uj = start_uj * v->decay + v->gain_uj - sleep_uj - v->end.phase_uj[to];
    return up(uj, v->end.step_uj);
}

/* Behind a diode. */
static void land_passage(const sweep *s, bool naps, passage *p) {
    const landings *l = &s->landings;
    int end = p->to + naps;
    p->work = &l->work[p->from][end];
    p->idle = p->from == ON ? &l->idle[end] : p->work;
    if (naps || p->from == OFF)
        p->first = fmax(p->first, l->boots[p->from]);
}

/* naps: a device that is on may be off for a while; it boots at no less than on_uj. */
static passage passage_of(const sweep *s, const interval *v, int from, int to, bool naps,
                          bool tired) {
    const bound *b = s->b;
    double boot_uj = from == OFF ? b->boot_uj : 0;
    passage p = {.v = v, .from = from, .to = to, .tired = tired, .mode = to};
    p.leaks = b->pays_late;
    if (to == ON && tired && b->tires)
        p.mode = TIRED;
    for (int k = 0; p.leaks && k < BOUND_PARTS - 1; k++)
        p.parts[k] = part_of(b, v, from, tired, k);
    p.start_uj = v->start.phase_uj[from] - boot_uj;
    /* A boot at the interval's beginning has leaked no more since. */
    double most_uj = crest_uj(&v->crest[from], v->start.phase_uj[from]);
    p.ready_uj = most_uj - boot_uj * v->paid;
    p.ready_step_uj = v->crest[from].share * v->start.step_uj;
    bool sleeps = to == ON && from == ON;
    double sleep_uj = !sleeps ? 0 : naps ? v->nap_uj : v->sleep_uj;
    p.floor = (bound_floor_uj(b, v, to == ON, tired) - v->end.phase_uj[to]) / v->end.step_uj;
    p.shift = shift_of(v, p.start_uj, to, sleep_uj);
    p.stays = from == ON && to == ON && !naps;
    if (from == ON) /* at index 0, too, where a row's rest is paid later */
        p.first = -1;
    if (naps)
        p.first = (b->on_uj - crest_uj(&v->crest[OFF], v->start.phase_uj[from])) /
                  (v->crest[OFF].share * v->start.step_uj);
    if (from == OFF)
        p.first = (b->on_uj - most_uj) / p.ready_step_uj;
    if (b->gains)
        land_passage(s, naps, &p);
    return p;
}

/* Ways through an interval in which the device is on, from one row of a queue. */
typedef struct way_on {
    const passage *p;
    int j, queue, row; /* j: the instant at its end */
    bool cold;         /* at its beginning */
    double most_s;
    float *to;
} way_on;

/* end: off; on; on, and not asleep for all of the interval. */
static float *behind_at(const sweep *s, bool tired, int queue, int end, int parts) {
    int all = tired && s->b->tires ? s->masks / 2 + queue : queue;
    size_t at = ((size_t)all * BEHIND_ENDS + (size_t)end) * (1 + BEHIND_PARTS) + (size_t)parts;
    return s->behind + at * (size_t)s->next.row;
}

/* An answer is complete within the interval, and the next input is begun: also where the harvest to
   come has paid for it, with what an empty capacitor is worth then. */
static void go_on(const sweep *s, const way_on *w, const bound_row *at, int paid, range of) {
    const bound *b = s->b;
    const interval *v = w->p->v;
    int oldest_at = oldest(s, w->queue), in = bound_arrived(b, w->j) - 1 - oldest_at;
    double left_s = w->most_s - (at->time_s - b->rows.rows[w->row].time_s);
    int parts = (int)ceil(BEHIND_PARTS * left_s / v->most_s - 1e-9);
    if (in < 0 || parts < 1)
        return;
    int shift = up(w->p->start_uj - v->start.phase_uj[ON], v->start.step_uj) - paid;
    int end = w->p->to == ON && !w->p->stays ? BEHIND_ENDS - 1 : w->p->to;
    float plus = b->reward[in * b->n_modules + at->answers - 1];
    const float *from = behind_at(s, w->p->tired, w->queue & ~(1 << oldest_at), end, parts);
    move(s, w->to, from, shift, of, plus);
}

/* Behind a boot the first unit reads what is not in SRAM, and commits. */
double bound_extra_at(bound_extra *extra, const bound_row *row) {
    if (row->warms) {
        extra->booted = false;
        extra->committed = true;
    }
    if (extra->booted && !extra->begun && row->need_uj > -INFINITY) {
        extra->begun = true;
        extra->uj = fmin(row->reload_uj, extra->most_uj);
    }
    if (!extra->begun || extra->committed || row->inside)
        return row->store_uj;
    extra->committed = true;
    extra->uj = fmin(extra->uj + row->store_uj, extra->most_uj);
    return 0;
}

/* On the way along a line. */
typedef struct on_line {
    double least_uj; /* charge that the units so far begin at */
    bound_extra extra;
} on_line;

/* Whole steps of the lattice for what leads from one row to another. */
static int steps_paid(const bound *b, const interval *v, int from, int to, double uj) {
    return down_of(uj / v->start.step_uj + b->rest[from] - b->rest[to] + 1e-9);
}

/* The smallest index there with which the interval may end. */
static int floor_at(const bound *b, const passage *p, int row) {
    return up_of(p->floor + b->rest[row] - 1e-9);
}

/* A row where the interval may end. */
typedef struct stopping {
    int row, mode;          /* then */
    double commit_uj;       /* of one here, where the engine makes one */
    const landing *landing; /* behind a diode */
} stopping;

static int without_oldest(const sweep *s, int queue) {
    return queue & ~(1 << oldest(s, queue));
}

/* The inputs of which a device that boots in the interval, and goes off again without work, may
   have given the oldest ones up; 0: none. */
static int given_up(const sweep *s, const way_on *w, int row, int queue) {
    bool may = w->p->from == OFF && w->p->to == OFF && row == w->row;
    return may ? queue & (s->masks - 1) : 0;
}

/* Ends the interval there. Who goes off there commits, and who waits there for charge; who goes
   on at once need not. */
static void end_at(const sweep *s, const way_on *w, const stopping *stop, int shift, range of,
                   int commit) {
    const bound *b = s->b;
    const passage *p = w->p;
    const bound_row *at = &b->rows.rows[stop->row];
    int row = stop->row, queue = p->to == OFF ? bound_queue_off(b, w->queue, &row) : w->queue;
    if (p->to == OFF && at->inside)
        return;
    const float *to = row_at(s, &s->next, stop->mode, queue, row);
    range committed = {most(of.first, floor_at(b, p, row) - shift + commit), of.end};
    if (commit != 0 && p->to == ON) {
        int high = of.first;
        if (at->next_uj > -INFINITY)
            high = up(at->next_uj - p->v->end.phase_uj[ON], p->v->end.step_uj) - shift;
        move(s, w->to, to, shift, (range){most(high, of.first), of.end}, 0);
    }
    move(s, w->to, to, shift - commit, committed, 0);
    for (int rest = given_up(s, w, row, queue); rest; rest = without_oldest(s, rest))
        move(s, w->to, row_at(s, &s->next, stop->mode, without_oldest(s, rest), 0), shift,
             committed, 0);
}

/* The same behind a diode. */
static void land_at(const sweep *s, const way_on *w, const stopping *stop, range of,
                    double cost_uj) {
    const bound *b = s->b;
    const passage *p = w->p;
    const lattice *end = &p->v->end;
    const bound_row *at = &b->rows.rows[stop->row];
    int row = stop->row, queue = p->to == OFF ? bound_queue_off(b, w->queue, &row) : w->queue;
    if (p->to == OFF && at->inside)
        return;
    const float *to = row_at(s, &s->next, stop->mode, queue, row);
    double step_uj = p->v->start.step_uj, paid = cost_uj / step_uj;
    double committed = (cost_uj + fmax(0, stop->commit_uj)) / step_uj;
    int least = floor_at(b, p, row);
    if (committed > paid && p->to == ON) {
        int high = least;
        if (at->next_uj > -INFINITY)
            high = most(high, up(at->next_uj - end->phase_uj[ON], end->step_uj));
        range may = {most(of.first, landing_first(b, stop->landing, high, paid)), of.end};
        move_landing(w->to, to, stop->landing, paid, may, 0);
    }
    of.first = most(of.first, landing_first(b, stop->landing, least, committed));
    move_landing(w->to, to, stop->landing, committed, of, 0);
    for (int rest = given_up(s, w, row, queue); rest; rest = without_oldest(s, rest))
        move_landing(w->to, row_at(s, &s->next, stop->mode, without_oldest(s, rest), 0),
                     stop->landing, committed, of, 0);
}

/* What cost_uj of work costs at the interval's start, of the charge with index i. */
static double with_leakage(const bound *b, const passage *p, double cost_uj, double i) {
    double all_uj = cost_uj + (p->from == OFF ? b->boot_uj : 0), extra_uj = 0;
    for (int k = 0; k < BOUND_PARTS - 1; k++) {
        const part *at = &p->parts[k];
        double paid_uj = at->paid_uj + i * at->paid_step_uj;
        double late_uj = paid_uj > 0 && i >= at->boots - 1e-9 ? all_uj - paid_uj : all_uj;
        extra_uj += late_uj > 0 ? late_uj * at->weight : 0;
    }
    return cost_uj + extra_uj;
}

/* The smallest index whose charge is enough at the interval's end. */
static int first_at(const bound *b, const passage *p, const stopping *stop, int from,
                    double cost_uj) {
    int least = floor_at(b, p, stop->row);
    if (stop->landing)
        return landing_first(b, stop->landing, least, cost_uj / p->v->start.step_uj);
    return least - p->shift + steps_paid(b, p->v, from, stop->row, cost_uj);
}

/* Of such indices, at such a price. */
static void reach_at(const sweep *s, const way_on *w, const stopping *stop, range of,
                     double cost_uj) {
    const bound *b = s->b;
    const passage *p = w->p;
    int i = stop->row, paid = steps_paid(b, p->v, w->row, i, cost_uj), shift = p->shift - paid;
    int commit = 0;
    if (stop->commit_uj > 0)
        commit = steps_paid(b, p->v, w->row, i, cost_uj + stop->commit_uj) - paid;
    of.first = most(of.first, first_at(b, p, stop, w->row, cost_uj));
    if (stop->landing)
        land_at(s, w, stop, of, cost_uj);
    else
        end_at(s, w, stop, shift, of, commit);
    if (b->rows.rows[i].answers && bound_open(b, w->queue) >= 2)
        go_on(s, w, &b->rows.rows[i], steps_paid(b, p->v, w->row, 0, cost_uj), of);
}

/* To a row of a line, for work that costs so much where it is not late; of indices from `first` on.
   In ranges, each at the price of its last index. */
static void reach(const sweep *s, const way_on *w, const stopping *stop, int first,
                  double cost_uj) {
    enum { RANGES = 5 };
    const bound *b = s->b;
    const passage *p = w->p;
    const interval *v = p->v;
    const part *early = &p->parts[0];
    double rest = b->rest[w->row], late_uj = p->leaks ? v->rise[BOUND_PARTS - 2] - 1 : 0;
    range of = {first, b->points};
    if (late_uj * cost_uj > v->start.step_uj) {
        double steps = (with_leakage(b, p, cost_uj, first - rest) - cost_uj) / v->start.step_uj;
        int parts = steps < RANGES ? up_of(steps - 0.5) : RANGES;
        double all_uj = cost_uj + (p->from == OFF ? b->boot_uj : 0);
        double until = (all_uj - early->paid_uj) / early->paid_step_uj; /* later nothing is late */
        double width = ((until > early->boots ? until : early->boots) + 1 - first) / parts;
        for (; parts > 0 && of.first < b->points; parts--, of.first = of.end) {
            double end = of.first + (width > 1 ? width : 1);
            of.end = end < b->points ? (int)end : b->points;
            double uj = with_leakage(b, p, cost_uj, of.end - 1 - rest);
            reach_at(s, w, stop, of, uj);
        }
        of.end = b->points;
    }
    if (of.first < b->points)
        reach_at(s, w, stop, of, cost_uj);
}

/* To the rows of a line. False: the charge or the time ends within it. */
static bool work_along(const sweep *s, const way_on *w, bound_line line, on_line *on) {
    const bound *b = s->b;
    const passage *p = w->p;
    const interval *v = p->v;
    const bound_row *from = &b->rows.rows[w->row];
    for (int i = line.first; i < line.end; i++) {
        const bound_row *at = &b->rows.rows[i];
        if (at->time_s - from->time_s > w->most_s)
            return false;
        stopping stop = {.row = i, .landing = i == w->row ? p->idle : p->work};
        if (i != w->row) {
            on->least_uj = fmax(on->least_uj, bound_least_uj(v, p->tired, at, from->uj));
            stop.commit_uj = bound_extra_at(&on->extra, at);
        }
        stop.mode = p->mode == ON ? bound_mode_on(b, &on->extra) : p->mode;
        double cost_uj = at->uj - from->uj + on->extra.uj;
        int first = first_at(b, p, &stop, w->row, cost_uj);
        double least = fmax(p->first, (on->least_uj - p->ready_uj) / p->ready_step_uj);
        least += b->rest[w->row];
        if (first >= b->points || least > b->points)
            return false;
        first = most(most(first, 0), up_of(least - 1e-9));
        reach(s, w, &stop, first, cost_uj);
    }
    return true;
}

static void work_on(const sweep *s, const way_on *w) {
    const bound_rows *rows = &s->b->rows;
    on_line on = {.least_uj = -INFINITY,
                  .extra = bound_extra_from(rows, w->row, w->cold || w->p->from == OFF)};
    if (!w->queue) {
        work_along(s, w, (bound_line){0, 1}, &on);
        return;
    }
    if (w->row >= rows->trunk.end) {
        int k = 0;
        while (w->row >= rows->branches[k].end)
            k++;
        work_along(s, w, (bound_line){w->row, rows->branches[k].end}, &on);
        return;
    }
    if (!work_along(s, w, (bound_line){w->row, rows->trunk.end}, &on))
        return;
    for (int k = 0; k < rows->n_branches; k++) {
        on_line branch = on;
        work_along(s, w, rows->branches[k], &branch);
    }
}

/* Behind an answer within an interval: what a device that is on does with the rest of the queue, as
   if it had begun with it, in so many parts of the interval's time. */
static void behind_answers(const sweep *s, int j, const passage *ways) {
    const bound *b = s->b;
    for (int queue = 1; queue < s->masks / 2; queue++)
        for (int end = 0; end < BEHIND_ENDS; end++) {
            passage any = ways[2 * ON + (end > OFF)]; /* whenever it comes there */
            any.ready_uj = any.start_uj + any.v->gross_uj;
            any.ready_step_uj = any.v->start.step_uj;
            if (end > ON)
                any.shift = shift_of(any.v, any.start_uj, ON, 0);
            any.leaks = false;
            if (b->gains)
                any.work = any.idle = &s->landings.behind[end];
            for (int parts = 1; parts <= BEHIND_PARTS; parts++) {
                way_on w = {.p = &any,
                            .j = j,
                            .queue = queue,
                            .most_s = b->intervals[j - 1].most_s * parts / BEHIND_PARTS,
                            .to = behind_at(s, any.tired, queue, end, parts)};
                memset(w.to, 0, (size_t)s->next.row * sizeof *w.to);
                work_on(s, &w);
                for (int i = b->points; i < s->next.row; i++)
                    w.to[i] = w.to[b->points - 1];
            }
        }
}

static void stay_off(const sweep *s, const interval *v, int queue, int row, float *to) {
    if (s->b->gains) {
        const float *next = row_at(s, &s->next, OFF, queue, row);
        move_landing(to, next, &s->landings.still, 0, (range){0, s->b->points}, 0);
        return;
    }
    double uj = v->start.phase_uj[OFF] * v->decay + v->gain_uj - v->end.phase_uj[OFF];
    int shift = (int)lround(uj / v->end.step_uj);
    const float *from = row_at(s, &s->next, OFF, queue, row);
    move(s, to, from, shift, (range){0, s->b->points}, 0);
}

/* Ways through an interval in which the device is on: from off to off and on, from on to both and,
   with a while off, to on. */
enum { WAYS = 5 };

/* From one mode, all rows of a queue. */
static void pass_from(sweep *s, int j, int mode, int queue, const passage *ways) {
    const bound *b = s->b;
    const interval *v = &b->intervals[j - 1];
    int first = mode == OFF ? 0 : 2, end = mode == OFF               ? 2
                                           : v->nap_uj < v->sleep_uj ? WAYS
                                                                     : WAYS - 1;
    for (int row = 0; row < rows_of(b, queue); row++) {
        float *to = row_at(s, &s->now, mode, queue, row);
        memset(to, 0, (size_t)b->points * sizeof *to);
        if (mode == OFF)
            stay_off(s, v, queue, row, to);
        for (int i = first; i < end; i++) {
            const way_on w = {.p = &ways[i],
                              .j = j,
                              .queue = queue & (s->masks - 1),
                              .row = row,
                              .cold = mode == COLD,
                              .most_s = v->most_s,
                              .to = to};
            work_on(s, &w);
        }
    }
}

static void pass(sweep *s, int j) {
    const bound *b = s->b;
    const interval *v = &b->intervals[j - 1];
    passage ways[2][WAYS]; /* tired: 1 */
    for (int tired = 0; tired < 2; tired++) {
        if (!b->tires && v->tired != (tired == 1))
            continue;
        for (int i = 0; i < WAYS - 1; i++)
            ways[tired][i] = passage_of(s, v, i / 2, i % 2, false, tired);
        ways[tired][WAYS - 1] = passage_of(s, v, ON, ON, true, tired);
        behind_answers(s, j, ways[tired]);
    }
    for (int mode = OFF; mode < MODES; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++)
            pass_from(s, j, mode, queue, ways[bound_tired(b, v, mode)]);
    wait_on(s, j - 1);
}

/* From the values at instant j (in `next`) to those at instant j - 1. */
static void step_back(sweep *s, int j) {
    keep_waited(s, j);
    if (s->b->gains)
        landings_find(s->b, &s->b->intervals[j - 1], &s->landings);
    pass(s, j);
    instant(s, j - 1);
    if (j > 1)
        onto_lattice(s, j - 1);
}

static sweep begin_sweep(const bound *b, wick_arena *arena) {
    int masks = 1 << b->most_open;
    sweep s = {.b = b,
               .masks = masks,
               .queues = {[OFF] = b->off_drops_new ? 2 * masks : masks,
                          [ON] = masks,
                          [COLD] = b->cold ? masks : 0,
                          [TIRED] = b->tires ? masks : 0}};
    int queues = 0;
    for (int mode = OFF; mode < MODES; mode++) {
        s.first[mode] = queues;
        queues += s.queues[mode];
    }
    s.now = s.next = (table){.rows = b->rows.n, .row = 2 * b->points + 1};
    size_t all = (size_t)queues * (size_t)b->rows.n * (size_t)s.now.row;
    s.now.values = wick_new(arena, float, all);
    s.next.values = wick_new(arena, float, all);
    if (b->tires)
        s.waited = wick_new(arena, float, (size_t)(b->waits + 1) * waited_floats(&s));
    s.line = wick_new(arena, float, b->points);
    if (b->gains)
        s.landings = landings_make(b, arena);
    s.behind = wick_new(arena, float,
                        (size_t)(1 + b->tires) * (size_t)(masks + 1) / 2 * BEHIND_ENDS *
                            (1 + BEHIND_PARTS) * (size_t)s.now.row);
    return s;
}

static void end_of_time(sweep *s) {
    const bound *b = s->b;
    instant(s, b->n);
    onto_lattice(s, b->n);
}

/* ---- what is kept ---- */

struct bound_values {
    sweep s;
    int block;     /* instants of a block: 1 + i * block .. (i + 1) * block */
    size_t floats; /* of an instant */
    size_t *first; /* [queues of all modes] where its rows begin */
    float *last;   /* [blocks][floats] of each block's last instant */
    float *blocks[BOUND_BLOCKS];
    int loaded[BOUND_BLOCKS]; /* -1: none */
};

/* `next` to or from `kept`: the first `points` of each row. */
static void exchange(bound_values *v, float *kept, bool keep) {
    sweep *s = &v->s;
    size_t points = (size_t)s->b->points;
    for (int mode = OFF; mode < MODES; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++)
            for (int at = 0; at < rows_of(s->b, queue); at++, kept += points) {
                float *row = row_at(s, &s->next, mode, queue, at);
                if (keep) {
                    memcpy(kept, row, points * sizeof *row);
                    continue;
                }
                memcpy(row, kept, points * sizeof *row);
                for (int i = s->b->points; i < s->next.row; i++)
                    row[i] = row[s->b->points - 1];
            }
}

int bound_block(const bound *b) {
    int least = b->deadline + 8 * b->slots; /* a look ahead stays within two blocks */
    int block = (int)ceil(sqrt(b->n));
    return block < least ? least : block;
}

static bound_values *begin_values(const bound *b, wick_arena *arena) {
    bound_values *v = wick_new(arena, bound_values, 1);
    sweep *s = &v->s;
    *s = begin_sweep(b, arena);
    v->first = wick_new(arena, size_t, s->first[MODES - 1] + s->queues[MODES - 1]);
    for (int mode = OFF, i = 0; mode < MODES; mode++)
        for (int queue = 0; queue < s->queues[mode]; queue++, i++) {
            v->first[i] = v->floats;
            v->floats += (size_t)rows_of(b, queue) * (size_t)b->points;
        }
    v->block = bound_block(b);
    int n_blocks = (b->n + v->block - 1) / v->block;
    if (sizeof(float) * (double)v->floats * b->n <= b->kept_bytes ||
        BOUND_BLOCKS * v->block + n_blocks >= b->n) { /* blocks would take more */
        v->block = b->n;
        n_blocks = 1;
    }
    v->last = wick_new(arena, float, wick_size_mul((size_t)n_blocks, v->floats));
    for (int i = 0; i < BOUND_BLOCKS && i < n_blocks; i++) {
        v->blocks[i] = wick_new(arena, float, wick_size_mul((size_t)v->block, v->floats));
        v->loaded[i] = -1;
    }
    return v;
}

bool bound_keeps_all(const bound_values *v) {
    return v->block == v->s.b->n;
}

static void keep(bound_values *v, int j) {
    if (bound_keeps_all(v)) {
        exchange(v, v->blocks[0] + (size_t)(j - 1) * v->floats, true);
        v->loaded[0] = 0;
    } else if (j == v->s.b->n || j % v->block == 0) {
        exchange(v, v->last + (size_t)((j - 1) / v->block) * v->floats, true);
    }
}

static void load(bound_values *v, int block, int place) {
    int first = block * v->block + 1, j = first + v->block - 1;
    j = j < v->s.b->n ? j : v->s.b->n;
    exchange(v, v->last + (size_t)block * v->floats, false);
    v->s.waited_to = 0; /* of what is behind the block no wait is known: its plan is the poorer */
    for (;; j--) {
        exchange(v, v->blocks[place] + (size_t)(j - first) * v->floats, true);
        if (j == first || wick_stop_requested())
            break;
        step_back(&v->s, j);
    }
    v->loaded[place] = block;
}

int bound_horizon(const bound_values *v, int j) {
    int end = ((j - 1) / v->block + BOUND_BLOCKS) * v->block;
    return end < v->s.b->n ? end : v->s.b->n;
}

double bound_value(bound_values *v, int j, int mode, int queue, int row, double uj) {
    const bound *b = v->s.b;
    int block = (j - 1) / v->block, place = block % BOUND_BLOCKS;
    if (v->loaded[place] != block)
        load(v, block, place);
    const lattice *l = &b->intervals[j - 1].end;
    int on = mode != OFF, i = (int)floor((uj - l->phase_uj[on]) / l->step_uj + b->rest[row] + 1e-9);
    if (l->below[on] && i >= -1 && i + 1 < b->points && lattice_uj(l, on, i + 1) <= uj)
        i++;
    i = i < 0 ? 0 : i < b->points ? i : b->points - 1;
    size_t at = (size_t)((j - 1) % v->block) * v->floats;
    at += v->first[v->s.first[mode] + queue];
    return v->blocks[place][at + (size_t)row * (size_t)b->points + (size_t)i];
}

wick_status bound_sweep(const bound *b, wick_arena *arena, double start_uj, double *value,
                        bound_values **kept, wick_progress *progress, wick_diag *diag) {
    bound_values *v = kept ? begin_values(b, arena) : NULL;
    sweep own = {0}, *s = v ? &v->s : &own;
    if (!v)
        own = begin_sweep(b, arena);
    end_of_time(s);
    int j = b->n;
    for (; j > 0 && !wick_stop_requested(); j--) {
        if (v)
            keep(v, j);
        step_back(s, j);
        wick_progress_update(progress, progress->done + 1);
    }
    if (j > 0)
        return wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, NULL, "interrupted");
    if (kept)
        *kept = v;
    const lattice *first = &b->intervals[0].start;
    int at = up(start_uj - first->phase_uj[OFF], first->step_uj);
    *value = row_at(s, &s->next, OFF, 0, 0)[at < b->points ? at : b->points - 1];
    return WICK_OK;
}
