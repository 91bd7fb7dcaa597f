/* SPDX-License-Identifier: 0BSD */
/* The work between two commits: spans, joined while the charge lasts, or divided where one charge
   did not carry them. */
#include <stddef.h>

#include <wick/engine_parts.h>
#include <wick/kernels.h>

enum {
    MOST_SPLIT = 15,
    TRIES = 2,      /* boots in a row without progress before parts are halved */
    CALM_BOOTS = 16 /* boots that achieve something before larger parts are tried again */
};

static uint32_t align4(uint32_t bytes) {
    return (bytes + 3u) & ~(uint32_t)3;
}

#define NEVER UINT16_MAX

void wick_engine_forget(wick_engine *engine, int extractor_too) {
    if (extractor_too) {
        engine->from[0] = NEVER;
        engine->extracted = 0;
    }
    engine->from[1] = NEVER;
}

/* Which of engine->from counts for a step of a chain: the extractor's are the first. */
static uint32_t side_of(const wick_model *model, uint32_t step) {
    return step >= model->extractor_steps;
}

/* The tensor's value is in its place in SRAM: this boot computed it, and its place is its own until
   its last reader. */
static int resident(const wick_engine *engine, uint32_t tensor) {
    const wick_place *place = &engine->model->tensors[tensor];
    return place->sram != WICK_NO_SRAM && engine->split == 0 &&
           place->producer >= engine->from[side_of(engine->model, place->producer)];
}

/* Makes the rows of each operand addressable: in SRAM or in the NVM where they are, or copied to
   SRAM: to the tensor's own place, or to scratch one after the other from *used on. alone: scratch
   begins where the arena does. */
static wick_rt_status fetch(wick_engine *engine, const wick_layer *layer, wick_rows rows, int alone,
                            const int8_t **src, uint32_t *used) {
    const wick_port *port = engine->port;
    for (uint32_t i = 0; i < layer->n_operands; i++) {
        uint32_t tensor = layer->operands[i].tensor, row = wick_operand_row_bytes(layer, i);
        uint32_t skipped = rows.row0 * row, bytes = rows.rows * row;
        uint32_t offset = wick_engine_place(engine, tensor, engine->record.epoch) + skipped;
        uint32_t sram = engine->model->tensors[tensor].sram;
        if (!alone && resident(engine, tensor)) {
            src[i] = engine->scratch + sram + skipped;
            continue;
        }
        if (port->nvm_mapped) {
            src[i] = port->nvm_mapped + offset;
            continue;
        }
        int8_t *copy = engine->scratch + *used;
        if (alone || sram == WICK_NO_SRAM)
            *used += align4(bytes);
        else
            copy = engine->scratch + sram + skipped;
        src[i] = copy;
        if (bytes != 0 && port->nvm_read(port->ctx, offset, copy, bytes) != 0)
            return WICK_RT_NVM;
    }
    return WICK_RT_OK;
}

/* Step `index` of the chain, a whole one or a piece. A whole one leaves a tensor that has a place
   in SRAM there; a piece goes to NVM, with all of scratch to work in. */
static wick_rt_status run_step(wick_engine *engine, uint32_t index, int whole,
                               const wick_step *piece) {
    const wick_port *port = engine->port;
    const wick_model *model = engine->model;
    const wick_layer *layer = &model->layers[piece->layer];
    const wick_place *place = &model->tensors[layer->dst];
    const int8_t *src[WICK_MAX_OPERANDS];
    uint16_t *from = &engine->from[side_of(model, index)];
    int alone = engine->split != 0 || !whole;
    uint32_t used = alone ? 0 : model->arena_bytes;
    wick_rows rows = wick_layer_input_rows(layer, piece->first, piece->count);
    if (used + wick_rows_scratch_bytes(model, piece, port->nvm_mapped ? 0 : rows.rows, alone) >
        engine->scratch_bytes)
        return WICK_RT_ARGUMENT;
    if (alone) { /* it works where the arena is: nothing before it is in SRAM */
        wick_engine_forget(engine, 1);
        *from = (uint16_t)(index + 1u);
    } else if (*from > index)
        *from = (uint16_t)index;
    wick_rt_status status = fetch(engine, layer, rows, alone, src, &used);
    if (status != WICK_RT_OK)
        return status;
    int8_t *dst = engine->scratch + used;
    uint32_t size = wick_out_size(layer), bytes = piece->count * size;
    int stays = !alone && place->sram != WICK_NO_SRAM;
    if (stays)
        dst = engine->scratch + place->sram;
    else
        used += align4(bytes);
    wick_layer_run(layer, src, rows.row0, piece->first, piece->count, dst, engine->scratch + used);
    if (stays)
        return WICK_RT_OK;
    uint32_t offset =
        wick_engine_place(engine, layer->dst, engine->record.epoch) + piece->first * size;
    return port->nvm_write(port->ctx, offset, dst, bytes) == 0 ? WICK_RT_OK : WICK_RT_NVM;
}

/* Absolute number of the step where a record's work goes on, or that follows its segment. */
static uint32_t next_step(const wick_model *model, const wick_record *at) {
    const wick_segment *segment = &model->segments[at->segment];
    uint32_t last = segment->n_spans - 1u;
    const wick_span *span =
        &model->spans[segment->first_span + (at->span > last ? last : at->span)];
    return (uint32_t)span->first_step + (at->span > last ? span->n_steps : at->step);
}

/* Before a commit of *next: what was computed since the last one, is only in SRAM and will be read
   again goes to NVM. */
static wick_rt_status write_back(wick_engine *engine, const wick_record *next) {
    const wick_model *model = engine->model;
    const wick_port *port = engine->port;
    uint32_t base = wick_chain_base(model, next->segment), end = next_step(model, next) - base;
    for (uint32_t s = next_step(model, &engine->record) - base; s < end; s++) {
        uint32_t tensor = model->layers[model->steps[base + s].layer].dst;
        const wick_place *place = &model->tensors[tensor];
        if (place->last_reader < end || !resident(engine, tensor))
            continue;
        if (port->nvm_write(port->ctx, place->offset, engine->scratch + place->sram,
                            place->bytes) != 0)
            return WICK_RT_NVM;
    }
    return WICK_RT_OK;
}

static uint32_t capacitor_mv(const wick_engine *engine) {
    return engine->port->capacitor_mv ? engine->port->capacitor_mv(engine->port->ctx) : 0;
}

/* What is left of a span of n steps, divided in 2^split parts: whole steps, or a share of one. Sets
   the part's number of steps, or 0 and the shift that makes a step's outputs a part's. */
static uint32_t part_steps(uint32_t n_steps, uint32_t split, uint32_t *shift) {
    uint32_t steps = n_steps >> split;
    *shift = 0;
    for (; steps == 0 && n_steps > 1; n_steps >>= 1)
        split--; /* one halving for each power of two of steps */
    if (steps == 0)
        *shift = split;
    return steps;
}

/* Outputs of the next part of a step of which `done` are complete: about count >> shift, but a
   legal piece: whole pixels, or channels of a step that is within one pixel, ending on a write
   unit. */
static uint32_t part_outputs(const wick_model *model, const wick_step *step, uint32_t done,
                             uint32_t shift) {
    const wick_layer *layer = &model->layers[step->layer];
    uint32_t unit = wick_unit_outputs(layer, model->write_unit), grain = unit;
    uint32_t left = step->count - done, part = step->count >> shift;
    if (step->count > layer->out_c || step->first % layer->out_c + step->count > layer->out_c)
        for (grain = layer->out_c; grain % unit != 0;)
            grain += layer->out_c;
    part = part < grain ? grain : part - part % grain;
    return part < left ? part : left;
}

/* From *at to the end of its span, or one part of it. */
static wick_rt_status run_part(wick_engine *engine, const wick_span *span, wick_record *at) {
    const wick_model *model = engine->model;
    uint32_t shift, steps = span->n_steps;
    uint32_t chain = span->first_step - wick_chain_base(model, at->segment);
    shift = 0;
    if (engine->split != 0)
        steps = part_steps(span->n_steps, engine->split, &shift);
    do {
        wick_step step = model->steps[span->first_step + at->step];
        uint32_t count =
            shift ? part_outputs(model, &step, at->outputs, shift) : step.count - at->outputs;
        uint32_t whole = step.count;
        step.first += at->outputs;
        step.count = count;
        wick_rt_status status = run_step(engine, chain + at->step, count == whole, &step);
        if (status != WICK_RT_OK)
            return status;
        if (chain + at->step + 1u == model->extractor_steps && engine->from[0] == 0)
            engine->extracted = 1;
        at->outputs += count;
        if (at->outputs == whole) {
            at->outputs = 0;
            at->step++;
        }
        if (steps > 0)
            steps--;
    } while (steps != 0 && at->step < span->n_steps);
    if (at->step == span->n_steps) {
        at->step = 0;
        at->span++;
    }
    return WICK_RT_OK;
}

/* The span before *at need not commit: nothing demands it, and the charge surely carries the next
   one. The first work of a boot always commits, so a wrong reading cannot stop progress. */
static int may_join(const wick_engine *engine, const wick_span *done, const wick_span *next) {
    if (engine->eager || !engine->warm || engine->split != 0 || done->mandatory ||
        next->need_mv == 0)
        return 0;
    uint32_t mv = capacitor_mv(engine);
    return mv != 0 && mv >= next->need_mv;
}

/* The voltage is known and too low for the next span. Who has begun to wait goes on with a margin:
   else every span would wait for its own charge and commit. After WICK_ENGINE_PATIENCE sleeps in
   which the voltage did not rise the margin is given up; and if it is too low even so, the span is
   tried nevertheless: the reading may be wrong. */
static int must_wait(wick_engine *engine, const wick_span *span) {
    if (engine->eager)
        return 0;
    uint32_t mv = capacitor_mv(engine), enough = span->need_mv;
    if (engine->highest_mv != 0)
        enough += 16u * span->margin_16mv;
    if (mv > engine->highest_mv && mv < enough) {
        engine->highest_mv = mv;
        engine->patience = WICK_ENGINE_PATIENCE;
    }
    if (mv == 0 || mv >= enough || engine->split != 0 ||
        (engine->patience == 0 && mv >= span->need_mv)) {
        engine->patience = 0;
        engine->highest_mv = 0;
        return 0;
    }
    if (engine->patience == 0)
        return 0;
    engine->patience--;
    return 1;
}

/* A module that begins while SRAM still holds what the extractor computed goes on behind it. */
static void skip_extractor(const wick_engine *engine, wick_record *at) {
    const wick_model *model = engine->model;
    if (!engine->extracted || engine->split != 0 || !wick_recomputes(model) || at->span != 0 ||
        at->step != 0 || at->outputs != 0)
        return;
    const wick_span *span = &model->spans[model->segments[at->segment].first_span];
    uint16_t left = model->extractor_steps;
    for (; left >= span->n_steps; span++) {
        left = (uint16_t)(left - span->n_steps);
        at->span++;
    }
    at->step = left;
}

/* What failed may be repeated, but not with what is in SRAM: a place there may hold a later tensor
   than the one that the first step reads. */
static wick_rt_status span_failed(wick_engine *engine, wick_rt_status status) {
    wick_engine_forget(engine, 1);
    return wick_engine_fault(engine, status);
}

wick_rt_status wick_engine_run_span(wick_engine *engine) {
    const wick_model *model = engine->model;
    const wick_segment *segment = &model->segments[engine->record.segment];
    wick_record next = engine->record;
    skip_extractor(engine, &next);
    const wick_span *span = &model->spans[segment->first_span + next.span];
    if (must_wait(engine, span))
        return WICK_RT_WAIT;
    for (;;) {
        uint16_t before = next.span;
        wick_rt_status status = run_part(engine, span, &next);
        if (status != WICK_RT_OK)
            return span_failed(engine, status);
        if (next.span == before || next.span == segment->n_spans ||
            !may_join(engine, span, span + 1))
            break;
        span++;
    }
    wick_rt_status status = write_back(engine, &next);
    if (status != WICK_RT_OK)
        return span_failed(engine, status);
    if (next.span == segment->n_spans) {
        next.span = 0;
        next.phase = next.segment ? WICK_PHASE_PUBLISH : WICK_PHASE_DECIDE;
        if (next.segment)
            next.modules_done |= (uint8_t)(1u << (next.segment - 1u));
    }
    status = wick_engine_commit(engine, &next);
    if (status == WICK_RT_OK)
        engine->warm = 1;
    return status == WICK_RT_OK ? WICK_RT_BUSY : status;
}

/* A boot that finds the same record as the interrupted boot before it: that one achieved nothing.
   The first time something else may have taken its energy; from the second time on the charge does
   not carry one part, so parts are halved. After a while larger ones are tried again. Without a
   tally, or with a torn one, spans stay whole. */
void wick_engine_learn_split(wick_engine *engine) {
    const wick_model *model = engine->model;
    if (model->tally_offset == 0)
        return;
    wick_tally tally;
    uint16_t sequence = (uint16_t)engine->record.sequence;
    if (wick_tally_load(model, engine->port, &tally) != WICK_RT_OK) {
        tally = (wick_tally){sequence, 0, 0, 0};
    } else if (tally.sequence == sequence) {
        if (++tally.tries >= TRIES) {
            tally.split = (uint8_t)(tally.split < MOST_SPLIT ? tally.split + 1 : MOST_SPLIT);
            tally.tries = 0;
        }
        tally.calm = 0;
    } else {
        tally.tries = 0;
        if (tally.split != 0 && ++tally.calm >= CALM_BOOTS) {
            tally.split--;
            tally.calm = 0;
        }
    }
    tally.sequence = sequence;
    engine->split = tally.split;
    /* A hint: not to have it stored costs a boot, no more. */
    if (wick_tally_store(model, engine->port, &tally) != WICK_RT_OK)
        wick_engine_fault(engine, WICK_RT_NVM);
}
