#include "sim/clairvoyant_rows.h"

#include <math.h>

#include <wick/kernels.h>

typedef struct expense {
    double uj, time_s;
    double loose_s;             /* the time of what store_uj and reload_uj are for */
    int q, first, end;          /* the items that it begins with */
    double share_uj, share_s;   /* of what they take, that is counted */
    double store_uj, reload_uj; /* as in bound_row */
} expense;

typedef struct builder {
    const wick_plan *plan;
    const work_items *w;
    const store *cap;
    double paid, part_s; /* paid: what is, of what is drawn */
    bound_rows *out;
    int room, at;           /* rows; the one that the next is reached from */
    double begun_s, done_s; /* longest parts that count when they begin, or when they are done */
    double pending_uj, pending_s; /* work that has no row yet */
    expense pending_of;           /* of that, what came last: what is divided is nothing else */
    bool pending_span;            /* a span in it */
} builder;

double bound_spent(const work_items *w, int q, int item) {
    const work_sums *sums = work_before(w, q, item);
    return fmax(0, sums->drawn_uj - w->sleep_draw_uw * sums->time_s);
}

static void add_row(wick_arena *arena, builder *b, double uj, double time_s, double need_uj) {
    bound_rows *out = b->out;
    if (out->n == b->room) {
        bound_row *more = wick_new(arena, bound_row, b->room * 2);
        for (int i = 0; i < out->n; i++)
            more[i] = out->rows[i];
        out->rows = more;
        b->room *= 2;
    }
    const bound_row *from = &out->rows[b->at];
    out->rows[out->n] = (bound_row){.uj = from->uj + uj,
                                    .time_s = from->time_s + time_s,
                                    .need_uj = need_uj > 0 ? need_uj : -INFINITY,
                                    .before_uj = from->uj,
                                    .next_uj = -INFINITY};
    b->at = out->n++;
}

static int parts_of(const builder *b, double time_s) {
    return (int)fmax(1, ceil(fmin(time_s / b->part_s, 1e4) - 1e-9));
}

static double uj_of(const builder *b, int q, int first, int end) {
    return b->paid * fmax(0, bound_spent(b->w, q, end) - bound_spent(b->w, q, first));
}

static double time_of(const builder *b, int q, int first, int end) {
    return work_before(b->w, q, end)->time_s - work_before(b->w, q, first)->time_s;
}

/* What is drawn of it in its first at_s seconds: item by item, then evenly. */
static double drawn_by(const builder *b, const expense *all, double at_s) {
    double uj = 0, time_s = 0;
    for (int i = all->first; i < all->end; i++) {
        double item_uj = all->share_uj * uj_of(b, all->q, i, i + 1);
        double item_s = all->share_s * time_of(b, all->q, i, i + 1);
        if (time_s + item_s > at_s)
            return uj + item_uj * (at_s - time_s) / item_s;
        uj += item_uj;
        time_s += item_s;
    }
    double left_s = all->time_s - time_s;
    return left_s > 0 ? uj + (all->uj - uj) * fmin(1, (at_s - time_s) / left_s) : all->uj;
}

/* Rows for what is pending: work of which each part is paid when it is done, at what it draws.
   sure_uj: of what came last, paid before. */
static void flush(wick_arena *arena, builder *b, double sure_uj) {
    int n = parts_of(b, b->pending_s);
    double before_uj = 0;
    if (b->pending_uj <= 0 && b->pending_s <= 0)
        return;
    for (int i = 0; i < n; i++) {
        bound_row *from = &b->out->rows[b->at];
        double till_uj = b->pending_uj;
        if (i + 1 < n) {
            double drawn_uj = drawn_by(b, &b->pending_of, b->pending_s * (i + 1) / n) - sure_uj;
            till_uj = fmin(fmax(before_uj, drawn_uj), b->pending_uj);
        }
        from->beyond_uj = fmax(from->beyond_uj, (till_uj - before_uj) / b->paid);
        add_row(arena, b, till_uj - before_uj, b->pending_s / n, 0);
        before_uj = till_uj;
        b->out->rows[b->at].warms = b->pending_span;
    }
    b->pending_span = false;
    b->done_s = fmax(b->done_s, b->pending_s / n);
    b->pending_uj = b->pending_s = 0;
}

/* What is short is paid together; what is divided is of one piece, of which it is known when it is
   drawn. */
static void add_fluid(wick_arena *arena, builder *b, const expense *all, bool span) {
    if (b->pending_s + all->time_s >= b->part_s)
        flush(arena, b, 0);
    b->pending_uj += all->uj;
    b->pending_s += all->time_s;
    b->pending_of = *all;
    b->pending_span |= span;
    if (b->pending_s >= b->part_s)
        flush(arena, b, 0);
}

static void add_parts(wick_arena *arena, builder *b, const expense *all, double need_uj) {
    double sure_uj = fmax(0, need_uj - b->cap->off_uj);
    if (all->uj > sure_uj) {
        add_row(arena, b, sure_uj, 0, need_uj);
        b->pending_uj = all->uj - sure_uj;
        b->pending_s = all->time_s;
        b->pending_of = *all;
        flush(arena, b, sure_uj);
        return;
    }
    int n = parts_of(b, all->time_s);
    for (int i = 0; i < n; i++)
        add_row(arena, b, i ? 0 : all->uj, all->time_s / n, i ? 0 : need_uj);
    b->begun_s = fmax(b->begun_s, all->time_s / n);
}

/* A span that begins at need_uj and is paid then, as far as that charge surely pays it. */
static void add_gated(wick_arena *arena, builder *b, const expense *all, double need_uj) {
    flush(arena, b, 0);
    double sure_uj = fmax(0, need_uj - b->cap->off_uj) * b->paid;
    double most_uj = fmin(all->uj, sure_uj) + all->reload_uj + all->store_uj;
    b->out->short_uj = fmax(b->out->short_uj, (most_uj - sure_uj) / b->paid);
    b->out->unit_s = fmax(b->out->unit_s, all->time_s);
    b->out->loose_s = fmax(b->out->loose_s, all->loose_s);
    b->out->rows[b->at].next_uj = need_uj;
    int first = b->out->n;
    add_parts(arena, b, all, need_uj);
    for (int i = first; i < b->at; i++)
        b->out->rows[i].inside = true;
    b->out->rows[first].bare_uj = b->cap->off_uj + all->uj;
    b->out->rows[first].unit_s = all->time_s;
    b->out->rows[first].reload_uj = all->reload_uj;
    b->out->rows[b->at].store_uj = all->store_uj;
}

static expense items_of(const builder *b, int q, int first, int end) {
    return (expense){.uj = uj_of(b, q, first, end),
                     .time_s = time_of(b, q, first, end),
                     .q = q,
                     .first = first,
                     .end = end,
                     .share_uj = 1,
                     .share_s = 1};
}

static void add_fluid_items(wick_arena *arena, builder *b, int q, int first, int end) {
    expense all = items_of(b, q, first, end);
    add_fluid(arena, b, &all, false);
}

/* The first item behind the steps with which a module begins that computes the extractor again. */
static int own_item(const builder *b, int k) {
    const wick_model *m = &b->plan->model;
    if (!wick_recomputes(m) || k == 0)
        return b->w->sequence[k].first;
    int own = m->spans[m->segments[k].first_span].first_step + m->extractor_steps;
    return b->w->step_item[own];
}

/* Shares of energy and time that module k's beginning takes at least: another one may have done it,
   in fewer commits perhaps; then turning to k takes one more decision. */
static void beginning(const builder *b, int k, double *share_uj, double *share_s) {
    const work_items *w = b->w;
    const work_sequence *decide = &w->sequence[WORK_DECIDE];
    double own_uj = bound_spent(w, k, own_item(b, k)), least_uj = own_uj;
    double own_s = work_before(w, k, own_item(b, k))->time_s, least_s = own_s;
    for (int j = 1; j <= b->plan->model.n_modules; j++) {
        double uj = bound_spent(w, j, own_item(b, j));
        least_uj = fmin(least_uj, uj + bound_spent(w, WORK_DECIDE, decide->end));
        least_s = fmin(least_s, work_before(w, j, own_item(b, j))->time_s);
    }
    *share_uj = own_uj > 0 ? least_uj / own_uj : 1;
    *share_s = own_s > 0 ? least_s / own_s : 1;
}

static void add_item(const builder *b, int q, int item, expense *sum) {
    if (item < 0)
        return;
    sum->uj += uj_of(b, q, item, item + 1);
    sum->time_s += time_of(b, q, item, item + 1);
}

/* A commit behind the span's steps, with what these leave in SRAM for later ones. */
static expense commit_of(const builder *b, const wick_span *span) {
    const work_items *w = b->w;
    expense sum = {0};
    int end_step = span->first_step + span->n_steps;
    for (int k = span->first_step; k < end_step; k++)
        if (b->plan->stores[k].last_reader >= end_step)
            add_item(b, WORK_LOOSE, w->store_item[k], &sum);
    for (int k = w->sequence[WORK_DECIDE].first; k < w->sequence[WORK_DECIDE].end; k++)
        add_item(b, WORK_DECIDE, k, &sum);
    return sum;
}

/* Where modules compute the extractor again it is not known what another one left. */
static expense reload_of(const builder *b, const wick_span *span) {
    const work_items *w = b->w;
    expense sum = {0};
    int first_step = span->first_step, end_step = first_step + span->n_steps;
    for (int r = w->reload_first[first_step]; r < w->reload_first[end_step]; r++)
        if (b->plan->reloads[r].producer < first_step && !wick_recomputes(&b->plan->model))
            add_item(b, WORK_LOOSE, w->reload_item[r], &sum);
    return sum;
}

/* The steps of span i of sequence q from `first` on, with a commit that no voltage leaves out. */
static expense expense_of(const builder *b, int q, int i, int first) {
    const work_items *w = b->w;
    const wick_segment *segment = &b->plan->model.segments[q];
    const wick_span *span = &b->plan->model.spans[segment->first_span + i];
    int end = w->items[w->span_first[segment->first_span + i]].unit_end;
    expense sum = items_of(b, q, first, end);
    if (!w->lazy)
        return sum;
    expense commit = commit_of(b, span), reload = reload_of(b, span);
    sum.reload_uj = reload.uj;
    sum.loose_s = reload.time_s + commit.time_s;
    if (span->mandatory || i + 1 == segment->n_spans) {
        sum.uj += commit.uj;
        sum.time_s += commit.time_s;
    } else {
        sum.store_uj = commit.uj;
    }
    return sum;
}

static bound_place place_now(const builder *b) {
    return (bound_place){.row = b->at, .beyond_uj = b->pending_uj};
}

/* Spans of a segment, from the first one on. */
typedef struct useless {
    double uj;
    int n;
} useless;

static void spend_to_warm(builder *b, useless *all, double uj) {
    all->uj += uj;
    all->n++;
    b->out->warm_uj = fmin(b->out->warm_uj, all->uj / all->n);
}

static void add_spans(wick_arena *arena, builder *b, int q) {
    const wick_model *m = &b->plan->model;
    const wick_segment *segment = &m->segments[q];
    bound_place *places = wick_new(arena, bound_place, segment->n_spans + 1);
    b->out->spans[q] = places;
    int own = own_item(b, q);
    double share_uj = 1, share_s = 1;
    useless in_vain = {0};
    if (own > b->w->sequence[q].first)
        beginning(b, q, &share_uj, &share_s);
    for (int i = 0; i < segment->n_spans; i++) {
        places[i] = place_now(b);
        const wick_span *span = &m->spans[segment->first_span + i];
        int first = b->w->span_first[segment->first_span + i];
        int end = b->w->items[first].unit_end, before = own < end ? own : end;
        if (first < before) { /* where another module's spans end is not known */
            expense begun = items_of(b, q, first, before);
            begun.uj *= share_uj;
            begun.time_s *= share_s;
            begun.share_uj = share_uj;
            begun.share_s = share_s;
            spend_to_warm(b, &in_vain, begun.uj);
            add_fluid(arena, b, &begun, true);
            first = before;
        }
        if (first >= end)
            continue;
        expense all = expense_of(b, q, i, first);
        spend_to_warm(b, &in_vain, all.uj + all.store_uj);
        if (b->w->lazy && span->need_mv)
            add_gated(arena, b, &all, store_energy_at(b->cap, span->need_mv * 1e-3));
        else
            add_fluid(arena, b, &all, true);
    }
    places[segment->n_spans] = place_now(b);
}

/* A decision, the module, its delivery; that one's own commit comes behind the answer. */
static void add_module(wick_arena *arena, builder *b, int k, bool first) {
    const work_sequence *decide = &b->w->sequence[WORK_DECIDE];
    for (int commit = first ? 1 : 0; commit < 2; commit++)
        add_fluid_items(arena, b, WORK_DECIDE, decide->first, decide->end);
    add_spans(arena, b, k);
    add_fluid_items(arena, b, k, b->w->send[k], b->w->sequence[k].end);
    flush(arena, b, 0);
    if (b->out->rows[b->at].answers || b->at <= b->out->extracted) /* it took nothing */
        add_row(arena, b, 0, 0, 0);
    b->out->rows[b->at].answers = k;
}

static double longest_s(const wick_plan *plan, const work_items *w) {
    double extractor_s = work_before(w, 0, w->sequence[0].end)->time_s, most_s = 0, all_s = 0;
    for (int k = 1; k <= plan->model.n_modules; k++) {
        double s = work_before(w, k, w->sequence[k].end)->time_s;
        most_s = fmax(most_s, s);
        all_s += s;
    }
    return extractor_s + (plan->model.chain ? all_s : most_s);
}

void bound_rows_make(wick_arena *arena, const wick_plan *plan, const work_items *work,
                     const store *cap, int levels, bound_rows *out) {
    builder b = {.plan = plan,
                 .w = work,
                 .cap = cap,
                 .part_s = fmax(1e-9, longest_s(plan, work) / levels),
                 .out = out,
                 .room = 64};
    /* What is drawn and not paid yet leaks here and nowhere else, for a part at most. */
    b.paid = exp(-cap->lambda_per_s * b.part_s);
    *out = (bound_rows){.n = 1, .warm_uj = INFINITY, .rows = wick_new(arena, bound_row, b.room)};
    out->rows[0] = (bound_row){.need_uj = -INFINITY, .next_uj = -INFINITY};
    add_fluid_items(arena, &b, 0, work->sequence[0].first, work->taken);
    flush(arena, &b, 0);
    out->taken = b.at;
    add_spans(arena, &b, 0);
    flush(arena, &b, 0);
    out->spans[0][plan->model.segments[0].n_spans] = place_now(&b);
    out->extracted = b.at;
    out->trunk.end = out->n;
    for (int k = plan->model.n_modules; k >= 1; k--) {
        if (plan->model.chain) {
            add_module(arena, &b, k, k == plan->model.n_modules);
            out->trunk.end = out->n;
            continue;
        }
        bound_line *branch = &out->branches[out->n_branches++];
        branch->first = out->n;
        b.at = out->extracted;
        add_module(arena, &b, k, true);
        branch->end = out->n;
    }
    out->slack_s = b.begun_s + b.done_s;
}
