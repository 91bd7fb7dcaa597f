/* The integer network: running it on the PC, its size and its hash. */
#include "shrink/lower.h"

#include <assert.h>
#include <string.h>

static int64_t weight_count(const wick_layer *layer) {
    int64_t taps = (int64_t)layer->k_h * layer->k_w;
    switch ((wick_layer_kind)layer->kind) {
    case WICK_LAYER_CONV2D:
        return taps * layer->in_c * layer->out_c;
    case WICK_LAYER_DWCONV2D:
        return taps * layer->out_c;
    case WICK_LAYER_FC:
        return (int64_t)layer->in_h * layer->in_w * layer->in_c * layer->out_c;
    case WICK_LAYER_CONCAT: /* a table */
        return layer->weights ? 256 : 0;
    default:
        return 0;
    }
}

static int64_t multiplier_count(const wick_layer *layer) {
    return !layer->mult ? 0 : layer->kind <= WICK_LAYER_FC ? layer->out_c : 1;
}

int64_t wick_qlayer_bias_count(const wick_layer *layer) {
    if (!layer->bias)
        return 0;
    if (layer->kind == WICK_LAYER_MOVE)
        return (int64_t)layer->out_h + layer->out_w + layer->out_c;
    return layer->kind == WICK_LAYER_SOFTMAX ? 256 : layer->out_c;
}

int64_t wick_qlayer_constant_bytes(const wick_layer *layer) {
    return weight_count(layer) + 4 * wick_qlayer_bias_count(layer) +
           (4 + 1) * multiplier_count(layer);
}

int64_t wick_qnet_constant_bytes(const wick_qnet *net) {
    int64_t bytes = 0;
    for (int l = 0; l < net->n_layers; l++)
        bytes += wick_qlayer_constant_bytes(&net->layers[l]);
    return bytes;
}

int32_t wick_qtensor_at(const wick_qtensor *tensor, const int8_t *values, size_t i) {
    int16_t wide;
    if (!tensor->wide)
        return values[i];
    memcpy(&wide, values + 2 * i, sizeof wide);
    return wide;
}

double wick_qtensor_real(const wick_qtensor *tensor, const int8_t *values, size_t i) {
    return (double)tensor->scale * (wick_qtensor_at(tensor, values, i) - tensor->zero_point);
}

int wick_qtensor_argmax(const wick_qtensor *tensor, const int8_t *values) {
    int n = tensor->h * tensor->w * tensor->c, best = 0;
    for (int i = 1; i < n; i++)
        if (wick_qtensor_at(tensor, values, (size_t)i) >
            wick_qtensor_at(tensor, values, (size_t)best))
            best = i;
    return best;
}

uint16_t wick_qtensor_margin(const wick_qtensor *tensor, const int8_t *values) {
    int n = tensor->h * tensor->w * tensor->c, best = wick_qtensor_argmax(tensor, values);
    int32_t largest = wick_qtensor_at(tensor, values, (size_t)best), margin = UINT16_MAX;
    for (int i = 0; i < n; i++) {
        int32_t below = largest - wick_qtensor_at(tensor, values, (size_t)i);
        if (i != best && below < margin)
            margin = below;
    }
    return (uint16_t)margin;
}

int64_t wick_qtensor_bytes(const wick_qtensor *tensor) {
    return (int64_t)tensor->h * tensor->w * tensor->c * (tensor->wide ? 2 : 1);
}

int8_t **wick_qnet_buffers(const wick_qnet *net, wick_arena *arena) {
    int8_t **values = wick_new(arena, int8_t *, net->n_tensors + 1);
    for (int t = 0; t < net->n_tensors; t++) {
        const wick_qtensor *q = &net->tensors[t];
        /* As int16, of which wide ones need all: an array is aligned for either. */
        values[t] = (int8_t *)wick_new(arena, int16_t, (size_t)q->h * (size_t)q->w * (size_t)q->c);
    }
    values[net->n_tensors] = wick_new(arena, int8_t, net->scratch_bytes);
    return values;
}

void wick_qnet_run(const wick_qnet *net, const uint8_t *pixels, uint32_t modules, int8_t **values) {
    const wick_qtensor *input = &net->tensors[net->input];
    size_t n = (size_t)input->h * (size_t)input->w, channels = net->input_channels;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = c; i < n * channels; i += channels)
            values[net->input][i] = net->pixel_to_input[c][pixels[i]];
    wick_qnet_run_layers(net, modules, values);
}

void wick_qnet_take(const wick_qnet *net, const float *x, int8_t **values) {
    const wick_qtensor *input = &net->tensors[net->input];
    size_t n = (size_t)input->h * (size_t)input->w, channels = (size_t)input->c;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < n; i++)
            values[net->input][i * channels + c] =
                wick_quantize_value((double)x[c * n + i], (double)input->scale, input->zero_point);
}

static void run_segment(const wick_qnet *net, int segment, int8_t **values) {
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = net->prepared ? &net->prepared[l] : &net->layers[l];
        if (net->info[l].segment != segment)
            continue;
        const int8_t *src[WICK_MAX_OPERANDS];
        for (int i = 0; i < layer->n_operands; i++)
            src[i] = values[layer->operands[i].tensor];
        uint32_t count = (uint32_t)layer->out_h * layer->out_w * layer->out_c;
        wick_layer_run(layer, src, 0, 0, count, values[layer->dst], values[net->n_tensors]);
    }
}

void wick_qnet_run_layers(const wick_qnet *net, uint32_t modules, int8_t **values) {
    run_segment(net, 0, values);
    for (int m = net->n_modules; m >= 1; m--) /* a chain's smallest goes first */
        if (modules >> (m - 1) & 1 || (net->chain && modules & ((1u << (m - 1)) - 1u)))
            run_segment(net, m, values);
}

/* Little-endian, so that the hash is the same on every machine. */
static void put(wick_buf *buf, int64_t value, int bytes) {
    uint8_t data[8];
    for (int i = 0; i < bytes; i++)
        data[i] = (uint8_t)((uint64_t)value >> (8 * i));
    wick_buf_append(buf, data, (size_t)bytes);
}

/* Zero point and width as one number; of int8 the zero point alone. */
static int64_t zero_field(int zero_point, bool wide) {
    return zero_point + (wide ? 65536 : 0);
}

static void put_layer(wick_buf *buf, const wick_layer *layer, int segment) {
    const int64_t fields[] = {segment,
                              layer->kind,
                              layer->n_operands,
                              layer->dst,
                              layer->in_h,
                              layer->in_w,
                              layer->in_c,
                              layer->out_h,
                              layer->out_w,
                              layer->out_c,
                              layer->k_h,
                              layer->k_w,
                              layer->stride_h,
                              layer->stride_w,
                              layer->pad_top,
                              layer->pad_left,
                              zero_field(layer->out_zp, layer->wide),
                              layer->clamp_min,
                              layer->clamp_max};
    for (size_t i = 0; i < WICK_LEN(fields); i++)
        put(buf, fields[i], 4);
    for (int i = 0; i < layer->n_operands; i++) {
        const wick_operand *operand = &layer->operands[i];
        put(buf, operand->tensor, 4);
        put(buf, operand->channels, 4);
        put(buf, zero_field(operand->zero_point, operand->wide), 4);
        put(buf, operand->mult, 4);
        put(buf, operand->shift, 4);
    }
    put(buf, weight_count(layer), 8);
    if (layer->weights)
        wick_buf_append(buf, layer->weights, (size_t)weight_count(layer));
    for (int64_t o = 0; o < wick_qlayer_bias_count(layer); o++)
        put(buf, layer->bias[o], 4);
    for (int64_t o = 0; o < multiplier_count(layer); o++) {
        put(buf, layer->mult[o], 4);
        put(buf, layer->shift[o], 1);
    }
}

wick_hash wick_qnet_hash(const wick_qnet *net) {
    wick_buf buf = {0};
    wick_buf_puts(&buf, "wick-qnet-1");
    put(&buf, net->n_layers, 4);
    put(&buf, net->n_tensors, 4);
    put(&buf, net->n_modules, 4);
    put(&buf, net->n_classes, 4);
    put(&buf, net->input, 4);
    put(&buf, net->features, 4);
    if (net->chain)
        wick_buf_puts(&buf, "chain");
    for (int k = 0; k < net->n_modules; k++)
        put(&buf, net->logits[k], 4);
    for (int t = 0; t < net->n_tensors; t++) {
        const wick_qtensor *q = &net->tensors[t];
        put(&buf, q->h, 4);
        put(&buf, q->w, 4);
        put(&buf, q->c, 4);
        put(&buf, zero_field(q->zero_point, q->wide), 4);
    }
    for (int l = 0; l < net->n_layers; l++)
        put_layer(&buf, &net->layers[l], net->info[l].segment);
    wick_buf_append(&buf, net->pixel_to_input, net->input_channels * sizeof net->pixel_to_input[0]);
    wick_hash hash = wick_hash_bytes(buf.data, buf.len);
    wick_buf_free(&buf);
    return hash;
}
