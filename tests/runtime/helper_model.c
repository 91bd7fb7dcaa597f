#include "helper_model.h"
#include "helper_reference.h"

#include <assert.h>
#include <string.h>

enum { INPUT, WIDE, Z, A, SUM, BOTH, LOGITS1, MEAN, LOGITS2, TENSORS };
enum { CONV, POOL, CONV1, ADD1, CONCAT1, FC1, POOL2, FC2, LAYERS };

static const uint16_t shapes[TENSORS][3] = {{6, 6, 3}, {6, 6, 4}, {3, 3, 4}, {3, 3, 4}, {3, 3, 4},
                                            {3, 3, 8}, {1, 1, 5}, {1, 1, 4}, {1, 1, 5}};

static uint32_t bytes_of(int tensor) {
    return (uint32_t)shapes[tensor][0] * shapes[tensor][1] * shapes[tensor][2];
}

static wick_layer *layer(tiny_model *t, int index, wick_layer_kind kind, uint16_t dst) {
    wick_layer *l = &t->layers[index];
    l->kind = (uint8_t)kind;
    l->dst = dst;
    l->out_h = shapes[dst][0], l->out_w = shapes[dst][1], l->out_c = shapes[dst][2];
    l->k_h = l->k_w = l->stride_h = l->stride_w = 1;
    l->out_zp = (int8_t)(3 * index - 9);
    l->clamp_min = -128;
    l->clamp_max = 127;
    l->operands = t->operands + t->used_operands;
    return l;
}

static void operand(tiny_model *t, wick_layer *l, uint16_t tensor, int32_t mult, uint8_t shift) {
    const uint16_t *shape = shapes[tensor];
    l->in_h = shape[0], l->in_w = shape[1], l->in_c = shape[2];
    t->operands[t->used_operands++] =
        (wick_operand){tensor, shape[2], (int8_t)(5 - tensor), shift, 0, mult};
    l->n_operands++;
}

/* taps weights for each of n channels, and constants that keep outputs spread over int8. */
static void constants(tiny_model *t, wick_layer *l, uint32_t taps, uint32_t n, uint64_t *random) {
    l->weights = t->weights + t->used_weights;
    l->bias = t->bias + t->used_channels;
    l->mult = t->mult + t->used_channels;
    l->shift = t->shift + t->used_channels;
    for (uint32_t i = 0; i < taps * n; i++)
        t->weights[t->used_weights++] = (int8_t)random_in(random, -127, 127);
    for (uint32_t i = 0; i < n; i++) {
        t->bias[t->used_channels] = random_in(random, -3000, 3000);
        t->mult[t->used_channels] = random_in(random, 1 << 29, 1 << 30);
        t->shift[t->used_channels++] = taps > 1 ? 0 : 2;
    }
    for (uint32_t i = 0; taps > 1 && i < n; i++)
        t->mult[t->used_channels - n + i] >>= 8;
    assert(t->used_weights <= sizeof t->weights && t->used_channels <= 32);
}

static void make_layers(tiny_model *t) {
    uint64_t random = 20261120;
    wick_layer *l = layer(t, CONV, WICK_LAYER_CONV2D, WIDE);
    operand(t, l, INPUT, 0, 0);
    l->k_h = l->k_w = 3, l->pad_top = l->pad_left = 1;
    constants(t, l, 27, 4, &random);
    l = layer(t, POOL, WICK_LAYER_MAXPOOL, Z);
    operand(t, l, WIDE, 0, 0);
    l->k_h = l->k_w = l->stride_h = l->stride_w = 2;
    l = layer(t, CONV1, WICK_LAYER_CONV2D, A);
    operand(t, l, Z, 0, 0);
    l->k_h = l->k_w = 3, l->pad_top = l->pad_left = 1;
    constants(t, l, 36, 4, &random);
    l = layer(t, ADD1, WICK_LAYER_ADD, SUM);
    operand(t, l, A, 1 << 19, 0);
    operand(t, l, Z, 300000, 0);
    constants(t, l, 0, 1, &random);
    l->weights = NULL;
    l->bias = NULL;
    t->mult[t->used_channels - 1] = 6000;
    t->shift[t->used_channels - 1] = 0;
    l = layer(t, CONCAT1, WICK_LAYER_CONCAT, BOTH);
    operand(t, l, SUM, 1 << 30, 2);
    operand(t, l, Z, 1500000000, 1);
    l = layer(t, FC1, WICK_LAYER_FC, LOGITS1);
    operand(t, l, BOTH, 0, 0);
    constants(t, l, 72, 5, &random);
    l = layer(t, POOL2, WICK_LAYER_AVGPOOL, MEAN);
    operand(t, l, Z, 0, 0);
    l->k_h = l->k_w = 3;
    constants(t, l, 0, 1, &random);
    t->mult[t->used_channels - 1] = (1 << 30) / 9;
    l->weights = NULL;
    l->bias = NULL;
    l = layer(t, FC2, WICK_LAYER_FC, LOGITS2);
    operand(t, l, MEAN, 0, 0);
    constants(t, l, 4, 5, &random);
}

/* Whole pixels, or channels within one pixel where a pixel is too much. */
static void add_steps(tiny_model *t, uint16_t index, uint32_t most) {
    const wick_layer *l = &t->layers[index];
    uint32_t total = layer_outputs(l), channels = l->out_c;
    for (uint32_t first = 0; first < total;) {
        uint32_t count = most >= channels ? most / channels * channels : most;
        uint32_t end = most >= channels ? total : (first / channels + 1) * channels;
        count = count < end - first ? count : end - first;
        assert(t->model.n_steps < 600);
        t->steps[t->model.n_steps++] = (wick_step){index, first, count};
        first += count;
    }
}

static void add_segment(tiny_model *t, int k, const int *layers, int n, tiny_options options,
                        uint16_t result) {
    wick_model *m = &t->model;
    wick_segment *segment = &t->segments[k];
    *segment = (wick_segment){.first_span = m->n_spans, .result = result};
    uint32_t open = m->n_steps;
    for (int i = 0; i < n; i++) {
        add_steps(t, (uint16_t)layers[i], options.outputs_per_step);
        if (i < n - 1 && !options.reuse)
            continue;
        for (; open < m->n_steps; open += options.steps_per_span) {
            uint32_t left = m->n_steps - open;
            uint32_t steps = left < options.steps_per_span ? left : options.steps_per_span;
            t->spans[m->n_spans++] = (wick_span){
                .first_step = (uint16_t)open, .n_steps = (uint16_t)steps, .need_mv = TINY_NEED_MV};
            segment->n_spans++;
        }
        open = m->n_steps;
        t->spans[m->n_spans - 1].mandatory =
            i == n - 1 || (layers[i] == ADD1 && options.reuse && !options.skipped);
    }
    segment->energy_nj = 1000u * (uint32_t)(n * n);
}

static void place_tensors(tiny_model *t, tiny_options options) {
    uint32_t at = TINY_TENSORS_AT;
    for (int i = 0; i < TENSORS; i++) {
        t->places[i] = (wick_place){.offset = at,
                                    .bytes = bytes_of(i),
                                    .stride = i == INPUT ? bytes_of(i) + WICK_STAMP_BYTES : 0,
                                    .sram = WICK_NO_SRAM,
                                    .last_reader = UINT16_MAX};
        at += (t->places[i].bytes + 2 * t->places[i].stride + 7u) / 8u * 8u;
    }
    /* The extractor's wide tensor is dead once z is committed, so a module may work there; within
       one segment a span could read the one and write the other. */
    if (!options.independent)
        t->places[A].offset = t->places[WIDE].offset;
    if (options.reuse)
        t->places[BOTH].offset = t->places[A].offset;
    if (options.planted)
        t->places[SUM].offset = t->places[A].offset;
    t->model.nvm_bytes = at;
}

/* Places in SRAM one after the other, but for the last ones, which share WIDE's: it is dead once z
   is there; and the first module's logits, which share the sum's. */
static void place_in_sram(tiny_model *t) {
    wick_model *m = &t->model;
    int again = wick_recomputes(m);
    for (int i = 0; i < TENSORS; i++)
        t->places[i].last_reader =
            (i == Z && !again) || i == LOGITS1 || i == LOGITS2 ? UINT16_MAX : 0;
    t->places[INPUT].last_reader = UINT16_MAX;
    uint32_t at = 0, shared = 0, segment = 0;
    for (uint16_t i = 0; i < m->n_steps; i++) {
        const wick_layer *l = &t->layers[t->steps[i].layer];
        wick_place *dst = &t->places[l->dst];
        while (segment < 2 && (t->segments[segment].n_spans == 0 ||
                               t->spans[t->segments[segment + 1].first_span].first_step <= i))
            segment++;
        uint16_t s = (uint16_t)(i - wick_chain_base(m, segment));
        for (uint32_t o = 0; o < l->n_operands; o++)
            if (t->places[l->operands[o].tensor].last_reader < s)
                t->places[l->operands[o].tensor].last_reader = s;
        if (t->steps[i].count != dst->bytes || (dst->sram != WICK_NO_SRAM && dst->producer == s))
            continue;
        int reuses = (l->dst == SUM || l->dst == MEAN) && t->places[WIDE].sram != WICK_NO_SRAM;
        uint32_t *next = reuses ? &shared : &at;
        dst->producer = s;
        dst->sram = *next;
        *next += (dst->bytes + 3u) & ~3u;
    }
    /* Overwritten by the span that reads it: such a span must not be repeated from SRAM. */
    if (t->places[SUM].sram != WICK_NO_SRAM && t->places[LOGITS1].sram != WICK_NO_SRAM)
        t->places[LOGITS1].sram = t->places[SUM].sram;
    m->arena_bytes = at;
}

void tiny_make(tiny_model *t, tiny_options options) {
    memset(t, 0, sizeof *t);
    make_layers(t);
    place_tensors(t, options);
    wick_model *m = &t->model;
    m->format = WICK_MODEL_FORMAT;
    m->n_layers = LAYERS;
    m->n_tensors = TENSORS;
    m->n_modules = 2;
    m->input_tensor = INPUT;
    m->n_classes = TINY_CLASSES;
    m->id[0] = 0x12345678;
    m->id[1] = 0x9abcdef0;
    m->record_offset[0] = 0;
    m->record_offset[1] = 64;
    m->record_bytes = WICK_RECORD_BYTES;
    m->vars_offset[0] = 128;
    m->vars_offset[1] = 176;
    m->app_bytes = TINY_APP;
    m->tally_offset = 224;
    m->stamp_offset = bytes_of(INPUT);
    m->write_unit = 1;
    m->layers = t->layers;
    m->tensors = t->places;
    m->steps = t->steps;
    m->spans = t->spans;
    m->segments = t->segments;
    static const int alone1[] = {CONV, POOL, CONV1, ADD1, CONCAT1, FC1};
    static const int alone2[] = {CONV, POOL, POOL2, FC2};
    int skip = options.independent ? 0 : 2;
    add_segment(t, 0, alone1, skip, options, options.independent ? INPUT : Z);
    add_segment(t, 1, alone1 + skip, 6 - skip, options, LOGITS1);
    add_segment(t, 2, alone2 + skip, 4 - skip, options, LOGITS2);
    if (!options.independent)
        m->extractor_steps = t->spans[t->segments[1].first_span].first_step;
    else if (options.again)
        m->extractor_steps = 2;
    if (options.resident)
        place_in_sram(t);
    m->scratch_bytes = wick_model_scratch_bytes(m, 0);
    assert(m->scratch_bytes <= TINY_SCRATCH);
}

void tiny_input(uint32_t epoch, int8_t *input) {
    uint64_t random = epoch * 1000003u + 17;
    for (uint32_t i = 0; i < TINY_INPUT; i++)
        input[i] = (int8_t)random_in(&random, -128, 127);
}

void tiny_expected(const tiny_model *t, uint32_t epoch, int module, int8_t *logits) {
    static int8_t values[TENSORS][256];
    tiny_input(epoch, values[INPUT]);
    for (int i = 0; i < LAYERS; i++) {
        const wick_layer *l = &t->layers[i];
        const int8_t *src[2] = {0};
        for (int k = 0; k < l->n_operands; k++)
            src[k] = values[l->operands[k].tensor];
        for (uint32_t e = 0; e < layer_outputs(l); e++)
            values[l->dst][e] = reference_element(l, src, e);
    }
    memcpy(logits, values[module == 1 ? LOGITS1 : LOGITS2], TINY_CLASSES);
}

void tiny_place_in_blocks(tiny_model *t, uint32_t block) {
    wick_model *m = &t->model;
    uint32_t at = 5 * 64;
    m->write_unit = (uint16_t)block;
    m->vars_offset[0] = 128;
    m->vars_offset[1] = 192;
    m->tally_offset = 256;
    for (uint32_t i = 0; i < m->n_tensors; i++) {
        wick_place *place = &t->places[i];
        uint32_t whole = (place->bytes + block - 1u) / block * block;
        place->offset = at;
        at += whole;
        if (place->stride == 0)
            continue;
        m->stamp_offset = whole;
        place->stride = whole + block;
        at = place->offset + 2 * place->stride;
    }
    m->nvm_bytes = at;
}
