/* The proof: every span is simulated byte by byte. It shares no code with the planner's own
   reasoning: lifetimes are not consulted, only what is read and written. */
#include "plan/plan_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wick/nvm.h>

enum { NOBODY = -1 };

typedef struct checker {
    const wick_plan *plan;
    const wick_model *model;
    wick_plan_costs costs;
    wick_diag *diag;
    int32_t *owner;    /* [nvm_bytes] tensor whose value the byte holds, or NOBODY */
    int32_t *keep;     /* [nvm_bytes] tensor that must survive every module, or NOBODY */
    uint32_t *read_in; /* [nvm_bytes] last run of spans that read the byte */
    uint32_t run;      /* counts mandatory commits from 1: what lies between two may be repeated */
    int span;
    int segment;      /* whose spans are simulated */
    int extractor;    /* number of its layers */
    int32_t *in_sram; /* [arena_bytes] tensor whose place in SRAM the byte is, or NOBODY */
} checker;

static wick_status refuse(const checker *c, int step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static wick_status refuse(const checker *c, int step, const char *format, ...) {
    char reason[300], place[200] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (step >= 0) {
        int layer = c->model->steps[step].layer;
        snprintf(place, sizeof place, "span %d, step %d, %s", c->span, step,
                 layer < c->model->n_layers ? c->plan->net->info[layer].name : "no layer");
    } else if (c->span >= 0) {
        snprintf(place, sizeof place, "span %d", c->span);
    }
    return wick_fail(c->diag, WICK_RANGE, c->plan->model_path, place[0] ? place : NULL,
                     "plan again; if a fresh plan says this, report it as a bug",
                     "the plan is not sound: %s", reason);
}

static const char *tensor_name(const checker *c, int32_t tensor) {
    return tensor == NOBODY ? "nothing" : c->plan->net->tensors[tensor].name;
}

static wick_status check_place(const checker *c, int t, int64_t from) {
    const wick_qnet *net = c->plan->net;
    const wick_place *place = &c->model->tensors[t];
    int64_t unit = wick_device_unit_bytes(c->plan->device);
    if (place->bytes != wick_plan_tensor_bytes(&net->tensors[t]))
        return refuse(c, -1, "tensor %s has the wrong size", tensor_name(c, t));
    if (place->offset % unit || place->stride % unit)
        return refuse(c, -1, "tensor %s does not start on a write unit", tensor_name(c, t));
    int64_t padded = wick_plan_align(place->bytes, unit);
    int64_t stamp = c->model->stamp_offset;
    if (t == net->input) {
        if (stamp < place->bytes || stamp % unit)
            return refuse(c, -1, "the input's time stamp lies on the input");
        padded = stamp + wick_plan_align(WICK_STAMP_BYTES, unit);
    }
    if (t == net->input ? place->stride < padded : place->stride != 0)
        return refuse(c, -1, "tensor %s has the wrong stride", tensor_name(c, t));
    if (place->sram != WICK_NO_SRAM &&
        (t == net->input || place->sram % 4 || place->bytes > c->model->arena_bytes ||
         place->sram > c->model->arena_bytes - place->bytes))
        return refuse(c, -1, "tensor %s lies outside the arena in SRAM", tensor_name(c, t));
    if (place->offset < from)
        return refuse(c, -1, "tensor %s lies on the records or variables", tensor_name(c, t));
    if ((int64_t)place->offset + place->stride + padded > c->model->nvm_bytes)
        return refuse(c, -1, "tensor %s lies outside the region", tensor_name(c, t));
    return WICK_OK;
}

static wick_status check_places(const checker *c) {
    int64_t unit = wick_device_unit_bytes(c->plan->device);
    int64_t record = wick_plan_align(WICK_RECORD_BYTES, unit);
    if (c->model->nvm_bytes > c->plan->device->nvm.bytes)
        return refuse(c, -1, "its %u bytes of NVM are more than the device's %lld",
                      c->model->nvm_bytes, (long long)c->plan->device->nvm.bytes);
    int64_t a = c->model->record_offset[0], b = c->model->record_offset[1];
    if (c->model->record_bytes != WICK_RECORD_BYTES || a % unit || b % unit ||
        (a < b ? b - a : a - b) < record)
        return refuse(c, -1, "the two records overlap or share a write unit");
    int64_t from = (a > b ? a : b) + record;
    int64_t vars =
        wick_plan_align(WICK_VARS_BYTES, unit) + wick_plan_align(c->plan->options.app_bytes, unit);
    const int64_t places[] = {c->model->vars_offset[0], c->model->vars_offset[1],
                              c->model->tally_offset};
    for (size_t i = 0; i < WICK_LEN(places); i++) {
        if (places[i] < from || places[i] % unit)
            return refuse(c, -1, "records, variables and tally overlap or share a write unit");
        from = places[i] + (i < 2 ? vars : wick_plan_align(WICK_TALLY_BYTES, unit));
    }
    for (int t = 0; t < c->model->n_tensors; t++)
        WICK_TRY(check_place(c, t, from));
    return WICK_OK;
}

/* The input and every module's logits have places of their own for the whole epoch. */
static wick_status claim(const checker *c, int t) {
    const wick_place *place = &c->model->tensors[t];
    for (uint32_t copy = 0; copy <= place->stride; copy += place->stride ? place->stride : 1) {
        for (uint32_t i = 0; i < place->bytes; i++) {
            int32_t *keep = &c->keep[place->offset + copy + i];
            if (*keep != NOBODY)
                return refuse(c, -1, "tensor %s overwrites %s, which must survive",
                              tensor_name(c, t), tensor_name(c, *keep));
            *keep = t;
        }
    }
    return WICK_OK;
}

/* [first, first + count) continues the layer and is whole pixels, or channels of one pixel. */
static wick_status check_shape(const checker *c, int s, uint32_t expected) {
    const wick_step *step = &c->model->steps[s];
    const wick_layer *layer = &c->plan->net->layers[step->layer];
    uint64_t end = (uint64_t)step->first + step->count;
    if (step->first != expected || step->count == 0 || end > wick_plan_layer_total(layer))
        return refuse(c, s, "outputs %u to %llu do not continue at %u", step->first,
                      (unsigned long long)end, expected);
    bool pixels = step->first % layer->out_c == 0 && end % layer->out_c == 0;
    if (!pixels && step->first / layer->out_c != (end - 1) / layer->out_c)
        return refuse(c, s, "outputs %u to %llu are neither whole pixels nor channels of one",
                      step->first, (unsigned long long)end);
    if (step->first * wick_out_size(layer) % wick_device_unit_bytes(c->plan->device))
        return refuse(c, s, "it starts within a write unit");
    uint32_t scratch = wick_plan_step_scratch(&c->costs, *step);
    if (c->model->arena_bytes > c->model->scratch_bytes ||
        scratch > c->model->scratch_bytes - c->model->arena_bytes)
        return refuse(c, s, "it needs %u bytes of scratch, the plan has %u", scratch,
                      c->model->scratch_bytes - c->model->arena_bytes);
    return WICK_OK;
}

static wick_status simulate_read(const checker *c, int s, const wick_operand *operand,
                                 uint32_t from, uint32_t bytes) {
    const wick_place *place = &c->model->tensors[operand->tensor];
    for (uint32_t copy = 0; copy <= place->stride; copy += place->stride ? place->stride : 1) {
        for (uint32_t i = 0; i < bytes; i++) {
            uint32_t at = place->offset + copy + from + i;
            if (c->owner[at] != operand->tensor)
                return refuse(c, s, "it reads byte %u of %s, which holds %s", from + i,
                              tensor_name(c, operand->tensor), tensor_name(c, c->owner[at]));
            c->read_in[at] = c->run;
        }
    }
    return WICK_OK;
}

static wick_status simulate_write(const checker *c, int s) {
    const wick_step *step = &c->model->steps[s];
    const wick_layer *layer = &c->plan->net->layers[step->layer];
    int32_t dst = layer->dst;
    uint32_t size = wick_out_size(layer);
    uint32_t begin = c->model->tensors[dst].offset + step->first * size;
    uint32_t end = (uint32_t)wick_plan_align((int64_t)begin + step->count * size,
                                             wick_device_unit_bytes(c->plan->device));
    for (uint32_t at = begin; at < end; at++) {
        if (c->keep[at] != NOBODY && c->keep[at] != dst)
            return refuse(c, s, "it overwrites %s, which must survive",
                          tensor_name(c, c->keep[at]));
        if (c->read_in[at] == c->run)
            return refuse(c, s,
                          "write after read: it writes byte %u, which held %s when it was read "
                          "since the last mandatory commit",
                          at, tensor_name(c, c->owner[at]));
        c->owner[at] = dst;
    }
    return WICK_OK;
}

/* Places in SRAM: a tensor that has one is computed in one step, and every reader still finds it.
 */
static wick_status check_sram(const checker *c, int s) {
    const wick_step *step = &c->model->steps[s];
    const wick_layer *layer = &c->plan->net->layers[step->layer];
    for (int o = 0; o < layer->n_operands; o++) {
        int32_t tensor = layer->operands[o].tensor;
        const wick_place *place = &c->model->tensors[tensor];
        for (uint32_t i = 0; place->sram != WICK_NO_SRAM && i < place->bytes; i++)
            if (c->in_sram[place->sram + i] != tensor)
                return refuse(c, s, "byte %u of %s in SRAM is that of %s", i,
                              tensor_name(c, tensor), tensor_name(c, c->in_sram[place->sram + i]));
    }
    const wick_place *dst = &c->model->tensors[layer->dst];
    int index = s - (int)wick_chain_base(c->model, (uint32_t)c->segment);
    if (dst->sram == WICK_NO_SRAM)
        return WICK_OK;
    if (step->first != 0 || step->count * wick_out_size(layer) != dst->bytes)
        return refuse(c, s, "%s has a place in SRAM but is computed in pieces",
                      tensor_name(c, layer->dst));
    for (uint32_t i = 0; i < dst->bytes; i++) {
        int32_t old = c->in_sram[dst->sram + i];
        if (old != NOBODY && old != layer->dst && c->model->tensors[old].last_reader >= index)
            return refuse(c, s, "it overwrites %s in SRAM, which is needed", tensor_name(c, old));
        c->in_sram[dst->sram + i] = layer->dst;
    }
    return WICK_OK;
}

static wick_status check_step(const checker *c, int s, uint32_t expected) {
    const wick_step *step = &c->model->steps[s];
    const wick_layer *layer = &c->plan->net->layers[step->layer];
    WICK_TRY(check_shape(c, s, expected));
    WICK_TRY(check_sram(c, s));
    wick_rows rows = wick_layer_input_rows(layer, step->first, step->count);
    for (uint32_t o = 0; o < layer->n_operands; o++) {
        uint32_t row = wick_operand_row_bytes(layer, o);
        WICK_TRY(simulate_read(c, s, &layer->operands[o], rows.row0 * row, rows.rows * row));
    }
    return simulate_write(c, s);
}

/* The first reload that is not before a step; they are in the order of steps. */
static int first_reload(const wick_plan *plan, int step) {
    int low = 0, high = plan->n_reloads;
    while (low < high) {
        int middle = (low + high) / 2;
        if (plan->reloads[middle].step < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static wick_status check_energy(const checker *c) {
    const wick_plan *plan = c->plan;
    wick_plan_draw boot = wick_plan_draw_of(plan->device, plan->boot);
    double per_v2 = wick_plan_uj_per_v2(plan->device, plan->options.margin);
    int reload = first_reload(plan, plan->model.spans[c->span].first_step);
    wick_plan_draw span = wick_plan_draw_behind(boot, wick_plan_span_draw(plan, c->span, &reload));
    double needed = wick_plan_asked_uj(plan->device, per_v2, span);
    double budget = plan->options.margin * plan->charge_uj;
    if (needed > budget * WICK_PLAN_SLACK)
        return refuse(c, -1, "it takes %.3f µJ with its boot, the budget is %.3f µJ", needed,
                      budget);
    return WICK_OK;
}

/* One segment's spans: its layers in order, each output exactly once, behind the extractor's where
   each module begins with these. *layer: the next to compute. */
static wick_status check_segment(checker *c, int segment, int *layer) {
    const wick_segment *seg = &c->model->segments[segment];
    const wick_qnet *net = c->plan->net;
    uint32_t next = 0;
    int own = *layer;
    bool again = segment != 0 && wick_recomputes(c->model);
    if (again)
        *layer = 0;
    c->segment = segment;
    c->run++;
    for (c->span = seg->first_span; c->span < seg->first_span + seg->n_spans; c->span++) {
        const wick_span *span = &c->model->spans[c->span];
        for (int s = span->first_step; s < span->first_step + span->n_steps; s++) {
            if (c->model->steps[s].layer != *layer ||
                (*layer >= own && net->info[*layer].segment != segment))
                return refuse(c, s, "layer %d is due", *layer);
            WICK_TRY(check_step(c, s, next));
            next += c->model->steps[s].count;
            if (next == wick_plan_layer_total(&net->layers[*layer])) {
                next = 0;
                ++*layer;
                if (again && *layer == c->extractor)
                    *layer = own;
            }
        }
        WICK_TRY(check_energy(c));
        c->run += span->mandatory;
    }
    c->span = -1;
    if (next || *layer < own || (*layer < net->n_layers && net->info[*layer].segment == segment))
        return refuse(c, -1, "segment %d ends before layer %d is computed", segment, *layer);
    return WICK_OK;
}

static void own(const checker *c, int t, int32_t who) {
    const wick_place *place = &c->model->tensors[t];
    for (uint32_t copy = 0; copy <= place->stride; copy += place->stride ? place->stride : 1)
        for (uint32_t i = 0; i < place->bytes; i++)
            c->owner[place->offset + copy + i] = who;
}

/* Before module k: of everything but the input and what the extractor left in keep, any other
   module may have made garbage. */
static void forget_temporaries(const checker *c) {
    for (uint32_t at = 0; at < c->model->nvm_bytes; at++)
        if (c->keep[at] == NOBODY || c->keep[at] != c->owner[at])
            c->owner[at] = NOBODY;
    for (uint32_t i = 0; i < c->model->arena_bytes; i++)
        if (c->in_sram[i] != NOBODY &&
            (wick_recomputes(c->model) ||
             c->model->tensors[c->in_sram[i]].producer >= c->model->extractor_steps))
            c->in_sram[i] = NOBODY;
}

/* Another module may go on from what this one has left of the extractor in SRAM. */
static wick_status check_left_over(const checker *c) {
    const wick_qnet *net = c->plan->net;
    for (int l = c->extractor; l < net->n_layers; l++)
        for (int o = 0; o < net->layers[l].n_operands; o++) {
            int32_t tensor = net->layers[l].operands[o].tensor;
            const wick_place *place = &c->model->tensors[tensor];
            if (tensor == net->input || place->producer >= c->model->extractor_steps ||
                place->sram == WICK_NO_SRAM)
                continue;
            for (uint32_t i = 0; i < place->bytes; i++)
                if (c->in_sram[place->sram + i] != tensor)
                    return refuse(c, -1, "module %d overwrites %s in SRAM, which the next reads",
                                  c->segment, tensor_name(c, tensor));
        }
    return WICK_OK;
}

/* What modules read of the extractor must be whole at its end and survive every module. */
static wick_status keep_shared(const checker *c) {
    const wick_qnet *net = c->plan->net;
    bool *kept = wick_xalloc((size_t)net->n_tensors);
    bool *made = wick_xalloc((size_t)net->n_tensors);
    for (int l = 0; l < net->n_layers && net->info[l].segment == 0; l++)
        made[net->layers[l].dst] = true;
    wick_status status = WICK_OK;
    for (int l = 0; l < net->n_layers && status == WICK_OK; l++)
        for (int o = 0; o < net->layers[l].n_operands && status == WICK_OK; o++) {
            int t = net->layers[l].operands[o].tensor;
            if (net->info[l].segment == 0 || kept[t] || !made[t])
                continue;
            kept[t] = true;
            status = claim(c, t);
        }
    free(kept);
    free(made);
    return status;
}

/* What a module reads of another's keeps a place of its own; logits have theirs already. */
static wick_status keep_crossing(const checker *c) {
    const wick_qnet *net = c->plan->net;
    for (int t = 0; t < net->n_tensors; t++) {
        if (!wick_plan_crosses(net, t) || c->keep[c->model->tensors[t].offset] == t)
            continue;
        if (c->model->tensors[t].sram != WICK_NO_SRAM)
            return refuse(c, -1, "%s is read by another module but has a place in SRAM",
                          tensor_name(c, t));
        WICK_TRY(claim(c, t));
    }
    return WICK_OK;
}

static int first_layer_of(const wick_qnet *net, int segment) {
    int l = 0;
    while (l < net->n_layers && net->info[l].segment < segment)
        l++;
    return l;
}

static wick_status check_spans(checker *c) {
    const wick_qnet *net = c->plan->net;
    int layer = 0;
    WICK_TRY(claim(c, net->input));
    for (int m = 0; m < net->n_modules; m++)
        WICK_TRY(claim(c, net->logits[m]));
    own(c, net->input, net->input);
    bool again = wick_recomputes(c->model);
    if (again)
        layer = c->extractor;
    else
        WICK_TRY(check_segment(c, 0, &layer));
    if (!again)
        WICK_TRY(keep_shared(c));
    if (net->chain)
        WICK_TRY(keep_crossing(c));
    for (int turn = 1; turn <= net->n_modules; turn++) {
        int m = net->chain ? net->n_modules + 1 - turn : turn;
        if (net->chain) /* in the order in which they run */
            layer = first_layer_of(net, m);
        forget_temporaries(c);
        WICK_TRY(check_segment(c, m, &layer));
        if (again)
            WICK_TRY(check_left_over(c));
        const wick_place *logits = &c->model->tensors[net->logits[m - 1]];
        for (uint32_t i = 0; i < logits->bytes; i++)
            if (c->owner[logits->offset + i] != net->logits[m - 1])
                return refuse(c, -1, "module %d does not compute its logits", m);
    }
    return WICK_OK;
}

/* A module that begins with the extractor: its layers, each whole and with a place in SRAM. */
static wick_status check_beginning(const checker *c, int k) {
    const wick_model *m = c->model;
    const wick_segment *segment = &m->segments[k];
    int first = segment->n_spans ? m->spans[segment->first_span].first_step : m->n_steps;
    int end = k < m->n_modules && m->segments[k + 1].n_spans
                  ? m->spans[m->segments[k + 1].first_span].first_step
                  : m->n_steps;
    if (m->extractor_steps != c->extractor || end - first <= c->extractor)
        return refuse(c, -1, "module %d does not hold the %d steps of the extractor", k,
                      c->extractor);
    for (int i = 0; i < m->extractor_steps; i++) {
        const wick_step *step = &m->steps[first + i];
        const wick_layer *layer = &c->plan->net->layers[step->layer];
        if (step->layer != i || step->first != 0 || step->count != wick_plan_layer_total(layer) ||
            m->tensors[layer->dst].sram == WICK_NO_SRAM)
            return refuse(c, -1, "module %d does not begin with the extractor in SRAM", k);
    }
    return WICK_OK;
}

/* Indices that everything else relies on. */
static wick_status check_structure(const checker *c) {
    const wick_model *m = c->model;
    const wick_qnet *net = c->plan->net;
    if (m->n_layers != net->n_layers || m->n_tensors != net->n_tensors ||
        m->n_modules != net->n_modules || m->input_tensor != net->input)
        return refuse(c, -1, "it belongs to another network");
    int spans = 0, steps = 0;
    for (int s = 0; s <= m->n_modules; s++) {
        int result = s ? net->logits[s - 1] : net->features;
        if (m->segments[s].first_span != spans || m->segments[s].result != result ||
            m->segments[s].wide != (s && net->tensors[result].wide))
            return refuse(c, -1, "segment %d does not follow the one before it", s);
        spans += m->segments[s].n_spans;
    }
    for (int s = 0; s < m->n_spans; s++) {
        if (m->spans[s].first_step != steps)
            return refuse(c, -1, "span %d does not follow the one before it", s);
        if (m->spans[s].n_steps == 0)
            return refuse(c, -1, "span %d is empty", s);
        steps += m->spans[s].n_steps;
    }
    if (spans != m->n_spans || steps != m->n_steps)
        return refuse(c, -1, "%d spans and %d steps are listed, %d and %d are reached", m->n_spans,
                      m->n_steps, spans, steps);
    for (int s = 0; s < m->n_steps; s++) {
        const wick_step *step = &m->steps[s];
        if (step->layer >= m->n_layers ||
            (uint64_t)step->first + step->count > wick_plan_layer_total(&net->layers[step->layer]))
            return refuse(c, -1, "step %d is not inside layer %d of %d", s, step->layer,
                          m->n_layers);
    }
    for (int k = 1; k <= m->n_modules && wick_recomputes(m); k++)
        WICK_TRY(check_beginning(c, k));
    return WICK_OK;
}

static checker checker_of(const wick_plan *plan, wick_diag *diag) {
    int extractor = 0;
    for (int l = 0; l < plan->net->n_layers; l++)
        extractor += plan->net->info[l].segment == 0;
    return (checker){.plan = plan,
                     .model = &plan->model,
                     .costs = wick_plan_costs_of(plan),
                     .diag = diag,
                     .span = -1,
                     .extractor = extractor};
}

wick_status wick_plan_check_steps(const wick_plan *plan, wick_diag *diag) {
    checker c = checker_of(plan, diag);
    return check_structure(&c);
}

wick_status wick_plan_check(const wick_plan *plan, wick_diag *diag) {
    checker c = checker_of(plan, diag);
    WICK_TRY(check_structure(&c));
    WICK_TRY(check_places(&c));
    size_t bytes = plan->model.nvm_bytes;
    size_t arena = plan->model.arena_bytes;
    c.owner = wick_xalloc(wick_size_mul(bytes * 3 + arena, sizeof(int32_t)));
    c.keep = c.owner + bytes;
    c.read_in = (uint32_t *)(c.keep + bytes);
    c.in_sram = (int32_t *)(c.read_in + bytes);
    for (size_t i = 0; i < arena; i++)
        c.in_sram[i] = NOBODY;
    for (size_t i = 0; i < bytes; i++)
        c.owner[i] = c.keep[i] = NOBODY;
    wick_status status = check_spans(&c);
    free(c.owner);
    return status;
}
