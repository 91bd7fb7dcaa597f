/* model.h, model_data.c, model_dispatch.c: the model as constant data, and the way to its kernels.
 */
#include "emit/emit_parts.h"

#include <math.h>
#include <string.h>

static const char *const kinds[][2] = {
#define X(upper, lower) {#upper, #lower},
    WICK_LAYER_TABLE(X)
#undef X
};

static const char *const kernels[] = {"PORTABLE",
#define X(NAME, name, KIND) #NAME,
                                      WICK_KERNEL_TABLE(X)
#undef X
};

/* How a pixel becomes an input value: by arithmetic where the tables allow it. */
typedef enum pixel_rule { FLIP_TOP_BIT, ONE_TABLE, TABLE_EACH } pixel_rule;

static pixel_rule pixel_rule_of(const wick_qnet *net) {
    bool flip = true, same = true;
    for (int c = 0; c < net->input_channels; c++)
        for (int p = 0; p < 256; p++) {
            flip &= net->pixel_to_input[c][p] == (int8_t)(p - 128);
            same &= net->pixel_to_input[c][p] == net->pixel_to_input[0][p];
        }
    return flip ? FLIP_TOP_BIT : same ? ONE_TABLE : TABLE_EACH;
}

static void emit_floats(wick_buf *buf, const char *name, const float *values, int n) {
    wick_buf_printf(buf, "    static const float %s[MODEL_CHANNELS] = {", name);
    for (int i = 0; i < n; i++)
        wick_buf_printf(buf, "%s%.9ef", i ? ", " : "", (double)values[i]);
    wick_buf_puts(buf, "};\n");
}

/* For sensors: from a value to the byte that the training saw. Inline, so that an application that
   brings bytes pays nothing. */
static void emit_ranges(const wick_qnet *net, wick_buf *buf) {
    if (!net->ranged)
        return;
    wick_buf_puts(buf, "/* A sensor's value as the 8-bit pixel that it was trained as: low becomes "
                       "0, high 255. */\n"
                       "static inline uint8_t wick_model_pixel(int channel, float value) {\n");
    emit_floats(buf, "low", net->low, net->input_channels);
    emit_floats(buf, "high", net->high, net->input_channels);
    wick_buf_puts(buf, "    float range = high[channel] - low[channel];\n"
                       "    float pixel = range > 0 ? (value - low[channel]) / range * 255 : 0;\n"
                       "    return (uint8_t)(pixel > 0 ? pixel < 255 ? pixel + 0.5f : 255 : 0);\n"
                       "}\n\n");
}

/* What wick_flash_make wants, where the memory is flash. */
static void define_flash(const wick_plan *plan, wick_buf *buf) {
    wick_flash_shape shape = {0};
    if (plan->device->nvm.page_bytes)
        shape =
            wick_device_flash_shape(plan->device, plan->model.nvm_bytes / plan->model.write_unit);
    wick_buf_puts(
        buf, "/* Flash that is erased before it is written (wick/flash.h): bytes of a page, pages, "
             "bytes programmed at once, of a\n   block, blocks, bytes moved at most when a page "
             "is opened. 0 pages: the memory is not flash. */\n");
    wick_buf_printf(buf, "#define MODEL_FLASH_PAGES %uu\n#define MODEL_FLASH_BLOCKS %uu\n",
                    shape.pages, shape.blocks);
    wick_buf_printf(buf, "#define MODEL_FLASH_SHAPE {%uu, %uu, %uu, %uu, %uu, %uu}\n",
                    shape.page_bytes, shape.pages, shape.unit_bytes, shape.block_bytes,
                    shape.blocks, shape.spare_bytes);
}

/* What the logits stand for, module by module. Macros: who does not read them stores nothing. */
static void define_logits(const wick_qnet *net, wick_buf *buf) {
    static const char *const names[] = {"SCALES", "ZERO_POINTS", "BITS"};
    wick_buf_puts(buf, "/* Of each module: logit y stands for scale * (y - zero point); its bits "
                       "(wick_result). */\n");
    for (int what = 0; what < 3; what++) {
        wick_buf_printf(buf, "#define MODEL_LOGIT_%s {", names[what]);
        for (int k = 0; k < net->n_modules; k++) {
            const wick_qtensor *t = &net->tensors[net->logits[k]];
            wick_buf_puts(buf, k ? ", " : "");
            if (what == 0)
                wick_buf_printf(buf, "%.9ef", (double)t->scale);
            else
                wick_buf_printf(buf, "%d", what == 1 ? t->zero_point : t->wide ? 16 : 8);
        }
        wick_buf_puts(buf, "}\n");
    }
    wick_buf_puts(buf, "\n");
}

static void emit_header(wick_emit *emit) {
    const wick_plan *plan = emit->plan;
    const wick_qnet *net = plan->net;
    const wick_qtensor *input = &net->tensors[net->input];
    wick_buf *buf = wick_emit_file_new(emit, "model.h");
    wick_emit_c_stamp(emit, buf,
                      "The model: sizes, data, labels, and how pixels become its input.");
    wick_buf_puts(buf, "#ifndef MODEL_H\n#define MODEL_H\n\n#include <wick/engine.h>\n\n");
    wick_buf_puts(buf, "/* Images are [height][width][channel], 8 bits. */\n");
    wick_buf_printf(buf,
                    "#define MODEL_HEIGHT %d\n#define MODEL_WIDTH %d\n#define MODEL_CHANNELS %d\n",
                    input->h, input->w, input->c);
    wick_buf_printf(buf, "#define MODEL_INPUT_BYTES %du\n", input->h * input->w * input->c);
    wick_buf_printf(buf, "#define MODEL_LAYOUT {0x%08xu, 0x%08xu} /* wick_model.id */\n",
                    plan->model.id[0], plan->model.id[1]);
    wick_buf_printf(buf, "#define MODEL_CLASSES %d\n#define MODEL_MODULES %d\n\n", net->n_classes,
                    net->n_modules);
    define_logits(net, buf);
    wick_buf_puts(
        buf,
        "/* The application's variables (wick_engine.app), SRAM for wick_engine_boot, and the size "
        "of the\n   non-volatile region. */\n");
    wick_buf_printf(buf, "#define MODEL_APP_BYTES %uu\n", plan->model.app_bytes);
    wick_buf_printf(buf, "#define MODEL_SCRATCH_BYTES %uu\n#define MODEL_NVM_BYTES %uu\n",
                    plan->model.scratch_bytes, plan->model.nvm_bytes);
    wick_buf_printf(
        buf,
        "/* Bytes that each checksum of wick/guard.h covers, 0: planned without; the "
        "memory's write unit then; and\n   the memory that the region takes, with them. */\n"
        "#define MODEL_CHECKSUM_BLOCK %du\n#define MODEL_CHECKSUM_UNIT %lldu\n#define MODEL_MEMORY_BYTES %lldu\n",
        plan->options.checksum_block, (long long)plan->device->nvm.checksum_unit,
        (long long)plan->totals.memory_bytes);
    define_flash(plan, buf);
    wick_buf_printf(buf,
                    "/* 1: planned for memory that the CPU loads from directly "
                    "(wick_port.nvm_mapped). */\n#define MODEL_NVM_MAPPED %d\n\n",
                    plan->device->nvm.mapped ? 1 : 0);
    wick_buf_printf(
        buf,
        "/* Modelled: with less harvest than this (uW that reach the capacitor) waiting "
        "for charge takes more than\n   power failures do: set wick_engine.eager. */\n"
        "#define MODEL_LAZY_FROM_UW %.0fu\n\n",
        ceil(wick_plan_lazy_from(plan)));
    wick_buf_puts(buf, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    wick_buf_puts(buf,
                  "extern const wick_model wick_model_data;\n"
                  "/* Names of the classes and of the modules, large to small. */\n"
                  "extern const char *const wick_model_labels[MODEL_CLASSES];\n"
                  "extern const char *const wick_model_modules[MODEL_MODULES];\n\n"
                  "/* MODEL_INPUT_BYTES pixels to the input of wick_engine_submit; both may be "
                  "the same memory. */\n"
                  "void wick_model_quantize(const uint8_t *pixels, int8_t *input);\n\n");
    emit_ranges(net, buf);
    wick_buf_puts(buf, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

static void emit_operands(wick_emit *emit, wick_buf *buf) {
    const wick_qnet *net = emit->plan->net;
    wick_buf_puts(buf, "/* tensor, channels, zero point, shift, 16 bits, multiplier */\n");
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        wick_buf_printf(buf, "static const wick_operand operands_%d[] = {", l);
        for (int o = 0; o < layer->n_operands; o++) {
            const wick_operand *operand = &layer->operands[o];
            wick_buf_printf(buf, "%s{%u, %u, %d, %u, %u, %d}", o ? ", " : "", operand->tensor,
                            operand->channels, operand->zero_point, operand->shift, operand->wide,
                            (int)operand->mult);
        }
        wick_buf_puts(buf, "};\n");
    }
    wick_buf_puts(buf, "\n");
}

static void emit_layer(wick_emit *emit, wick_buf *buf, int l) {
    const wick_qnet *net = emit->plan->net;
    const wick_layer *y = &emit->plan->layers[l];
    wick_buf_printf(buf, "    /* %d: %s, %s */\n", l, wick_emit_plain(emit, net->info[l].name),
                    wick_emit_plain(emit, emit->plan->segments[net->info[l].segment].name));
    wick_buf_printf(buf, "    {.kind = WICK_LAYER_%s,\n", kinds[y->kind][0]);
    if (y->kernel)
        wick_buf_printf(buf, "     .kernel = WICK_KERNEL_%s,\n", kernels[y->kernel]);
    wick_buf_printf(buf, "     .n_operands = %u,\n", y->n_operands);
    if (y->wide)
        wick_buf_puts(buf, "     .wide = 1,\n");
    wick_buf_printf(buf, "     .dst = %u,\n", y->dst);
    wick_buf_printf(
        buf, "     .in_h = %u, .in_w = %u, .in_c = %u, .out_h = %u, .out_w = %u, .out_c = %u,\n",
        y->in_h, y->in_w, y->in_c, y->out_h, y->out_w, y->out_c);
    wick_buf_printf(
        buf,
        "     .k_h = %u, .k_w = %u, .stride_h = %u, .stride_w = %u, .pad_top = %u, .pad_left = %u,\n",
        y->k_h, y->k_w, y->stride_h, y->stride_w, y->pad_top, y->pad_left);
    wick_buf_printf(
        buf, "     .out_zp = %d, .clamp_min = %d, .clamp_max = %d,\n     .operands = operands_%d",
        y->out_zp, y->clamp_min, y->clamp_max, l);
    if (y->packed)
        wick_buf_printf(buf, ",\n     .packed = model_packed_%d", l);
    else if (wick_emit_weight_count(y))
        wick_buf_printf(buf, ",\n     .weights = model_weights_%d", l);
    if (y->bias)
        wick_buf_printf(buf, ",\n     .bias = model_bias_%d", l);
    if (y->mult)
        wick_buf_printf(buf, ",\n     .mult = model_mult_%d,\n     .shift = model_shift_%d", l, l);
    wick_buf_puts(buf, "},\n");
}

static void emit_tables(wick_emit *emit, wick_buf *buf) {
    const wick_plan *plan = emit->plan;
    const wick_model *m = &plan->model;
    wick_buf_puts(buf, "/* offset, bytes, stride between the two inputs, place in SRAM, step that "
                       "computes it,\n   last step that reads it */\n"
                       "static const wick_place tensors[] = {\n");
    for (int t = 0; t < m->n_tensors; t++)
        wick_buf_printf(buf, "    {%u, %u, %u, %uu, %u, %u}, /* %d: %s */\n", m->tensors[t].offset,
                        m->tensors[t].bytes, m->tensors[t].stride, m->tensors[t].sram,
                        m->tensors[t].producer, m->tensors[t].last_reader, t,
                        wick_emit_plain(emit, plan->net->tensors[t].name));
    wick_buf_puts(buf,
                  "};\n\n/* layer, first output, outputs */\nstatic const wick_step steps[] = {\n");
    for (int s = 0; s < m->n_steps; s++)
        wick_buf_printf(buf, "    {%u, %u, %u},\n", m->steps[s].layer, m->steps[s].first,
                        m->steps[s].count);
    wick_buf_puts(
        buf,
        "};\n\n/* first step, steps, voltage that carries it in mV, mandatory commit, margin\n   after a wait in "
        "16 mV, modelled energy in nJ */\n"
        "static const wick_span spans[] = {\n");
    for (int s = 0; s < m->n_spans; s++)
        wick_buf_printf(buf, "    {%u, %u, %u, %u, %u, %u},\n", m->spans[s].first_step,
                        m->spans[s].n_steps, m->spans[s].need_mv, m->spans[s].mandatory,
                        m->spans[s].margin_16mv, m->spans[s].energy_nj);
    wick_buf_puts(
        buf, "};\n\n/* first span, spans, result tensor, accuracy in permille, logits are int16, "
             "modelled nJ, modelled us */\nstatic const wick_segment segments[] = {\n");
    for (int s = 0; s < plan->n_segments; s++)
        wick_buf_printf(buf, "    {%u, %u, %u, %u, %u, %u, %u}, /* %s */\n",
                        m->segments[s].first_span, m->segments[s].n_spans, m->segments[s].result,
                        m->segments[s].accuracy_permille, m->segments[s].wide,
                        m->segments[s].energy_nj, m->segments[s].time_us,
                        wick_emit_plain(emit, plan->segments[s].name));
    wick_buf_puts(buf, "};\n\n");
}

static void emit_model_struct(wick_emit *emit, wick_buf *buf) {
    const wick_model *m = &emit->plan->model;
    wick_buf_printf(
        buf,
        "const wick_model wick_model_data = {\n"
        "    .format = %u,\n    .n_layers = %u,\n    .n_tensors = %u,\n"
        "    .n_steps = %u,\n    .n_spans = %u,\n    .n_modules = MODEL_MODULES,\n"
        "    .input_tensor = %u,\n    .n_classes = MODEL_CLASSES,\n    .extractor_steps = %u,\n"
        "    .chain = %u,\n    .id = MODEL_LAYOUT,\n    .nvm_bytes = MODEL_NVM_BYTES,\n"
        "    .record_offset = {%u, %u},\n    .record_bytes = %u,\n"
        "    .vars_offset = {%u, %u},\n    .app_bytes = MODEL_APP_BYTES,\n"
        "    .tally_offset = %u,\n    .stamp_offset = %u,\n    .write_unit = %u,\n"
        "    .arena_bytes = %u,\n    .scratch_bytes = MODEL_SCRATCH_BYTES,\n    .layers = layers,\n"
        "    .tensors = tensors,\n    .steps = steps,\n    .spans = spans,\n"
        "    .segments = segments};\n\n",
        m->format, m->n_layers, m->n_tensors, m->n_steps, m->n_spans, m->input_tensor,
        m->extractor_steps, m->chain, m->record_offset[0], m->record_offset[1], m->record_bytes,
        m->vars_offset[0], m->vars_offset[1], m->tally_offset, m->stamp_offset, m->write_unit,
        m->arena_bytes);
}

static void emit_names(wick_emit *emit, wick_buf *buf) {
    const wick_qnet *net = emit->plan->net;
    wick_buf_puts(buf, "const char *const wick_model_labels[MODEL_CLASSES] = {\n");
    for (int c = 0; c < net->n_classes; c++) {
        const char *label =
            net->labels ? net->labels[c] : wick_arena_printf(emit->arena, "class %d", c);
        wick_buf_printf(buf, "    %s,\n", wick_emit_literal(emit, label));
    }
    wick_buf_puts(buf, "};\n\nconst char *const wick_model_modules[MODEL_MODULES] = {\n");
    for (int m = 0; m < net->n_modules; m++)
        wick_buf_printf(buf, "    %s,\n", wick_emit_literal(emit, net->module_names[m]));
    wick_buf_puts(buf, "};\n\n");
}

static void emit_quantize(wick_emit *emit, wick_buf *buf) {
    const wick_qnet *net = emit->plan->net;
    pixel_rule rule = pixel_rule_of(net);
    if (rule != FLIP_TOP_BIT) {
        int tables = rule == ONE_TABLE ? 1 : net->input_channels;
        wick_buf_printf(buf, "static const int8_t pixel_to_input[%d][256] = {\n", tables);
        for (int c = 0; c < tables; c++) {
            wick_buf_puts(buf, "{");
            wick_emit_s8(buf, net->pixel_to_input[c], 256);
            wick_buf_puts(buf, "},\n");
        }
        wick_buf_puts(buf, "};\n\n");
    }
    wick_buf_puts(buf, "void wick_model_quantize(const uint8_t *pixels, int8_t *input) {\n"
                       "    for (uint32_t i = 0; i < MODEL_INPUT_BYTES; i++)\n");
    wick_buf_puts(buf, rule == FLIP_TOP_BIT ? "        input[i] = (int8_t)((int)pixels[i] - 128);\n"
                       : rule == ONE_TABLE
                           ? "        input[i] = pixel_to_input[0][pixels[i]];\n"
                           : "        input[i] = pixel_to_input[i % MODEL_CHANNELS][pixels[i]];\n");
    wick_buf_puts(buf, "}\n");
}

static void emit_data(wick_emit *emit) {
    wick_buf *buf = wick_emit_file_new(emit, "model_data.c");
    wick_emit_c_stamp(emit, buf,
                      "Layers, memory layout, steps, spans and segments; see wick/model.h.");
    wick_buf_puts(buf, "#include \"model.h\"\n#include \"model_weights.h\"\n\n");
    emit_operands(emit, buf);
    wick_buf_puts(buf, "static const wick_layer layers[] = {\n");
    for (int l = 0; l < emit->plan->net->n_layers; l++)
        emit_layer(emit, buf, l);
    wick_buf_puts(buf, "};\n\n");
    emit_tables(emit, buf);
    emit_model_struct(emit, buf);
    emit_names(emit, buf);
    emit_quantize(emit, buf);
}

/* A function that switches over the kernels in use: `head` begins it, `call` prints one case's
   statements from the kernel's name. */
static void emit_switch(const wick_emit *emit, wick_buf *buf, const char *head,
                        void (*call)(wick_buf *buf, const char *kernel, bool portable)) {
    const wick_plan *plan = emit->plan;
    bool seen[WICK_LAYER_KINDS][WICK_KERNELS] = {{false}};
    wick_buf_printf(buf, "%s {\n    switch (layer->kernel * 256 + layer->kind) {\n", head);
    for (int l = 0; l < plan->net->n_layers; l++) {
        const wick_layer *layer = &plan->model.layers[l];
        if (seen[layer->kind][layer->kernel])
            continue;
        seen[layer->kind][layer->kernel] = true;
        wick_buf_printf(buf, "    case %d * 256 + WICK_LAYER_%s:\n", layer->kernel,
                        kinds[layer->kind][0]);
        call(buf, wick_kernel_name(layer->kind, layer->kernel), !layer->kernel);
    }
    wick_buf_puts(buf, "    default:\n        break;\n    }\n");
}

static void call_run(wick_buf *buf, const char *kernel, bool portable) {
    (void)portable;
    wick_buf_printf(
        buf, "        wick_%s(layer, src, row0, first, count, dst, scratch);\n        break;\n",
        kernel);
}

static void call_fits(wick_buf *buf, const char *kernel, bool portable) {
    if (portable)
        wick_buf_puts(buf, "        return 1;\n");
    else
        wick_buf_printf(buf, "        return wick_%s_fits(layer);\n", kernel);
}

static void call_scratch(wick_buf *buf, const char *kernel, bool portable) {
    if (portable)
        wick_buf_puts(buf, "        return 0;\n");
    else
        wick_buf_printf(buf, "        return wick_%s_scratch_bytes(layer);\n", kernel);
}

static void emit_dispatch(wick_emit *emit) {
    wick_buf *buf = wick_emit_file_new(emit, "model_dispatch.c");
    wick_emit_c_stamp(emit, buf, "From a layer to its kernel: only those that this model uses.");
    wick_buf_puts(buf, "#include <wick/kernels.h>\n\n");
    emit_switch(emit, buf,
                "void wick_layer_run(const wick_layer *layer, const int8_t *const *src, "
                "uint16_t row0,\n                    uint32_t first, uint32_t count, int8_t *dst, "
                "void *scratch)",
                call_run);
    wick_buf_puts(buf, "}\n\n");
    emit_switch(emit, buf, "int wick_kernel_fits(const wick_layer *layer, uint8_t kernel)",
                call_fits);
    wick_buf_puts(buf, "    (void)kernel; /* it is layer->kernel */\n    return 0;\n}\n\n");
    emit_switch(emit, buf, "uint32_t wick_layer_scratch_bytes(const wick_layer *layer)",
                call_scratch);
    wick_buf_puts(buf, "    return 0;\n}\n");
}

void wick_emit_model(wick_emit *emit) {
    emit_header(emit);
    emit_data(emit);
    emit_dispatch(emit);
}
