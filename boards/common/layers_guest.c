/* SPDX-License-Identifier: 0BSD */
/* The emitted layers one by one, as the plan divides them into steps, with the whole of every
   tensor kept. Arguments: INPUTS OUTPUTS N. INPUTS holds N inputs; OUTPUTS receives for each of
   them every tensor, in the model's order, each in an even number of bytes, and then for each
   module the logits that the engine delivers, as int16. */
#include "model.h"
#include "semihost.h"

#include <stddef.h>
#include <string.h>
#include <wick/engine.h>
#include <wick/kernels.h>

#define NVM __attribute__((section(".nvm"), aligned(64)))
enum { ROOM = (15 << 20) - (int)MODEL_NVM_BYTES, MAX_TENSORS = 8192 };

static NVM int8_t region[MODEL_NVM_BYTES];
static NVM int8_t values[ROOM];
static NVM uint32_t at[MAX_TENSORS];
static int8_t scratch[MODEL_SCRATCH_BYTES] __attribute__((aligned(8)));
static int16_t logits[MODEL_CLASSES];
static uint32_t delivered;

static int nvm_read(void *context, uint32_t offset, void *dst, uint32_t bytes) {
    (void)context;
    memcpy(dst, region + offset, bytes);
    return 0;
}

static int nvm_write(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    (void)context;
    memcpy(region + offset, src, bytes);
    return 0;
}

static int nvm_barrier(void *context) {
    (void)context;
    return 0;
}

static int on_result(void *context, const wick_result *result) {
    (void)context;
    for (uint16_t c = 0; c < MODEL_CLASSES; c++)
        logits[c] = wick_result_logit(result, c);
    delivered++;
    return 0;
}

/* Gives every tensor its place; the bytes of all, or 0 when there is no room. */
static uint32_t lay_out(const wick_model *model) {
    uint32_t bytes = 0;
    if (model->n_tensors > MAX_TENSORS)
        return 0;
    for (uint32_t t = 0; t < model->n_tensors; t++) {
        at[t] = bytes;
        bytes += (model->tensors[t].bytes + 1u) / 2u * 2u; /* int16 tensors want even places */
        if (bytes > (uint32_t)ROOM)
            return 0;
    }
    return bytes;
}

static void run_step(const wick_model *model, const wick_step *step) {
    const wick_layer *layer = &model->layers[step->layer];
    const int8_t *src[WICK_MAX_OPERANDS];
    wick_rows rows = wick_layer_input_rows(layer, step->first, step->count);
    for (uint32_t i = 0; i < layer->n_operands; i++)
        src[i] =
            values + at[layer->operands[i].tensor] + rows.row0 * wick_operand_row_bytes(layer, i);
    wick_layer_run(layer, src, rows.row0, step->first, step->count,
                   values + at[layer->dst] + step->first * wick_out_size(layer), scratch);
}

static void run_layers(const wick_model *model) {
    for (uint32_t s = 0; s <= model->n_modules; s++)
        for (uint32_t p = 0; p < model->segments[s].n_spans; p++) {
            const wick_span *span = &model->spans[model->segments[s].first_span + p];
            for (uint32_t i = 0; i < span->n_steps; i++)
                run_step(model, &model->steps[span->first_step + i]);
        }
}

/* One module through the engine; 0 when it has answered. */
static int run_engine(const wick_model *model, uint8_t module, const int8_t *input) {
    static wick_engine engine;
    wick_policy policy = {0};
    wick_port port = {0};
    policy.kind = WICK_POLICY_FIXED;
    policy.module = module;
    port.nvm_read = nvm_read;
    port.nvm_write = nvm_write;
    port.nvm_barrier = nvm_barrier;
    port.nvm_mapped = MODEL_NVM_MAPPED ? region : NULL;
    port.result = on_result;
    memset(region, 0, sizeof region);
    memset(&engine, 0, sizeof engine);
    delivered = 0;
    wick_rt_status status =
        wick_engine_boot(&engine, model, &port, &policy, scratch, MODEL_SCRATCH_BYTES);
    if (status >= 0)
        status = wick_engine_submit(&engine, input, MODEL_INPUT_BYTES, NULL);
    while (status >= 0 && engine.record.phase != WICK_PHASE_IDLE)
        status = wick_engine_step(&engine);
    return status >= 0 && delivered == 1 ? 0 : -1;
}

static char *next_word(char **text) {
    char *word = *text;
    while (**text && **text != ' ')
        (*text)++;
    if (**text)
        *(*text)++ = '\0';
    return word;
}

static int broken(const char *what) {
    semihost_put(what);
    return 1;
}

/* The memory of all tensors is written after the engine has run, which does not touch it. */
static int run_input(const wick_model *model, int32_t in, int32_t out, uint32_t bytes) {
    int8_t *input = values + at[model->input_tensor];
    memset(values, 0x55, bytes); /* what no layer writes is not what the PC has there */
    if (semihost_read(in, input, MODEL_INPUT_BYTES) != 0)
        return broken("the inputs are too short\n");
    run_layers(model);
    if (semihost_write(out, values, bytes) != 0)
        return broken("the outputs cannot be written\n");
    for (uint8_t module = 1; module <= model->n_modules; module++) {
        if (run_engine(model, module, input) != 0)
            return broken("the engine does not answer\n");
        if (semihost_write(out, logits, sizeof logits) != 0)
            return broken("the outputs cannot be written\n");
    }
    return 0;
}

int main(void) {
    static char line[1024];
    const wick_model *model = &wick_model_data;
    if (semihost_command_line(line, sizeof line) != 0)
        return broken("no command line\n");
    char *text = line;
    next_word(&text); /* the program */
    const char *inputs = next_word(&text), *outputs = next_word(&text), *count = next_word(&text);
    uint32_t n = 0, bytes = lay_out(model);
    for (; *count >= '0' && *count <= '9'; count++)
        n = n * 10 + (uint32_t)(*count - '0');
    if (bytes == 0)
        return broken("its tensors are larger than the board's memory\n");
    int32_t in = semihost_open(inputs, 0), out = semihost_open(outputs, 1);
    if (in < 0 || out < 0)
        return broken("a file cannot be opened\n");
    for (; n > 0; n--)
        if (run_input(model, in, out, bytes) != 0)
            return 1;
    semihost_close(in);
    semihost_close(out);
    semihost_put("DONE\n");
    return 0;
}
