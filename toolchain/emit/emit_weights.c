/* The large arrays: weights, and the vectors of the self-test. */
#include "emit/emit_parts.h"

#include <stdlib.h>
#include <string.h>

int64_t wick_emit_weight_count(const wick_layer *layer) {
    int64_t window = (int64_t)layer->k_h * layer->k_w;
    switch ((wick_layer_kind)layer->kind) {
    case WICK_LAYER_CONV2D:
        return window * layer->in_c * layer->out_c;
    case WICK_LAYER_DWCONV2D:
        return window * layer->out_c;
    case WICK_LAYER_FC:
        return (int64_t)layer->in_h * layer->in_w * layer->in_c * layer->out_c;
    case WICK_LAYER_CONCAT: /* a table */
        return layer->weights ? 256 : 0;
    case WICK_LAYER_MAXPOOL:
    case WICK_LAYER_AVGPOOL:
    case WICK_LAYER_ADD:
    case WICK_LAYER_MOVE:
    case WICK_LAYER_MUL:
    case WICK_LAYER_SOFTMAX:
    case WICK_LAYER_KINDS:
        break;
    }
    return 0;
}

int64_t wick_emit_multiplier_count(const wick_layer *layer) {
    return !layer->mult ? 0 : layer->kind <= WICK_LAYER_FC ? layer->out_c : 1;
}

static void begin_array(wick_buf *header, wick_buf *source, const char *type, const char *what,
                        int layer, int64_t n) {
    wick_buf_printf(header, "extern const %s model_%s_%d[%lld];\n", type, what, layer,
                    (long long)n);
    wick_buf_printf(source, "const %s model_%s_%d[%lld] = {\n", type, what, layer, (long long)n);
}

void wick_emit_weights(wick_emit *emit) {
    const wick_qnet *net = emit->plan->net;
    wick_buf *header = wick_emit_file_new(emit, "model_weights.h");
    wick_buf *source = wick_emit_file_new(emit, "model_weights.c");
    wick_emit_c_stamp(emit, header, "Constants of the layers, by layer number.");
    wick_buf_puts(header,
                  "#ifndef MODEL_WEIGHTS_H\n#define MODEL_WEIGHTS_H\n\n#include <stdint.h>\n\n");
    wick_emit_c_stamp(
        emit, source,
        "Weights, biases, multipliers and shifts; layouts stand in wick/model.h, those "
        "of packed\n   weights in their kernel's file.");
    wick_buf_puts(source, "#include \"model_weights.h\"\n");
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &emit->plan->layers[l];
        int64_t weights = layer->weights ? wick_emit_weight_count(layer) : 0;
        int64_t words = layer->packed ? wick_weights_words(layer) : 0;
        int64_t multipliers = wick_emit_multiplier_count(layer);
        if (weights || words || multipliers || layer->bias)
            wick_buf_printf(source, "\n/* %d: %s, %s */\n", l,
                            wick_emit_plain(emit, net->info[l].name),
                            wick_kernel_name(layer->kind, layer->kernel));
        if (weights) {
            begin_array(header, source, "int8_t", "weights", l, weights);
            wick_emit_s8(source, layer->weights, weights);
            wick_buf_puts(source, "};\n");
        }
        if (words) {
            begin_array(header, source, "uint32_t", "packed", l, words);
            wick_emit_u32(source, layer->packed, words);
            wick_buf_puts(source, "};\n");
        }
        if (layer->bias) {
            int64_t biases = wick_qlayer_bias_count(layer);
            begin_array(header, source, "int32_t", "bias", l, biases);
            wick_emit_s32(source, layer->bias, biases);
            wick_buf_puts(source, "};\n");
        }
        if (multipliers) {
            begin_array(header, source, "int32_t", "mult", l, multipliers);
            wick_emit_s32(source, layer->mult, multipliers);
            wick_buf_puts(source, "};\n");
            begin_array(header, source, "uint8_t", "shift", l, multipliers);
            wick_emit_u8(source, layer->shift, multipliers);
            wick_buf_puts(source, "};\n");
        }
    }
    wick_buf_puts(header, "\n#endif\n");
}

/* Pixels of vector v: an image of the validation split, or seeded noise. */
static void take_pixels(const wick_emit *emit, int v, uint8_t *pixels, size_t bytes) {
    wick_rng rng = wick_rng_seed(1, 0x656d6974 + (uint64_t)v);
    const wick_images *images = emit->data ? &emit->data->split[WICK_VALIDATION] : NULL;
    if (images && images->n > 0) {
        size_t at = wick_rng_below(&rng, (uint32_t)images->n);
        memcpy(pixels, images->pixels + at * bytes, bytes);
        return;
    }
    for (size_t b = 0; b < bytes; b++)
        pixels[b] = (uint8_t)wick_rng_below(&rng, 256);
}

static wick_status check_data(const wick_emit *emit) {
    const wick_qtensor *input = &emit->plan->net->tensors[emit->plan->net->input];
    const wick_data *data = emit->data;
    if (!data ||
        (data->height == input->h && data->width == input->w && data->channels == input->c))
        return WICK_OK;
    return wick_fail(emit->diag, WICK_SHAPE, data->spec, NULL,
                     "use the data the model was trained on",
                     "images are %dx%dx%d, the model takes %dx%dx%d", data->height, data->width,
                     data->channels, input->h, input->w, input->c);
}

wick_status wick_emit_vectors(wick_emit *emit) {
    const wick_qnet *net = emit->plan->net;
    const wick_qtensor *input = &net->tensors[net->input];
    size_t bytes = (size_t)input->h * (size_t)input->w * (size_t)input->c;
    int n = emit->options->vectors;
    WICK_TRY(check_data(emit));
    wick_buf *header = wick_emit_file_new(emit, "host/model_vectors.h");
    wick_buf *source = wick_emit_file_new(emit, "host/model_vectors.c");
    wick_emit_c_stamp(emit, header, "Inputs and the answers that the PC's own int8 run gave.");
    wick_buf_printf(header,
                    "#ifndef MODEL_VECTORS_H\n#define MODEL_VECTORS_H\n\n#include \"model.h\"\n\n"
                    "#define MODEL_VECTORS %d\n\n"
                    "extern const uint8_t model_vector_pixels[MODEL_VECTORS][MODEL_INPUT_BYTES];\n"
                    "/* As wick_result_logit gives them. */\n"
                    "extern const int16_t\n"
                    "    model_vector_logits[MODEL_VECTORS][MODEL_MODULES][MODEL_CLASSES];\n\n"
                    "#endif\n",
                    n);
    wick_emit_c_stamp(emit, source, "Inputs and the answers that the PC's own int8 run gave.");
    wick_buf_puts(source,
                  "#include \"model_vectors.h\"\n\n"
                  "const uint8_t model_vector_pixels[MODEL_VECTORS][MODEL_INPUT_BYTES] = {\n");
    wick_buf logits = {0};
    uint8_t *pixels = wick_new(emit->arena, uint8_t, bytes);
    int8_t **values = wick_qnet_buffers(net, emit->arena);
    for (int v = 0; v < n; v++) {
        take_pixels(emit, v, pixels, bytes);
        wick_qnet_run(net, pixels, (1u << net->n_modules) - 1, values);
        wick_buf_puts(source, "{");
        wick_emit_u8(source, pixels, (int64_t)bytes);
        wick_buf_puts(source, "},\n");
        wick_buf_puts(&logits, "    {");
        for (int m = 0; m < net->n_modules; m++) {
            wick_buf_puts(&logits, m ? ",\n     {" : "{");
            for (int c = 0; c < net->n_classes; c++)
                wick_buf_printf(&logits, c ? ", %d" : "%d",
                                (int)wick_qtensor_at(&net->tensors[net->logits[m]],
                                                     values[net->logits[m]], (size_t)c));
            wick_buf_puts(&logits, "}");
        }
        wick_buf_puts(&logits, "},\n");
    }
    wick_buf_puts(source, "};\n\nconst int16_t "
                          "model_vector_logits[MODEL_VECTORS][MODEL_MODULES][MODEL_CLASSES] = {\n");
    wick_buf_append(source, logits.data, logits.len);
    wick_buf_puts(source, "};\n");
    wick_buf_free(&logits);
    return WICK_OK;
}
