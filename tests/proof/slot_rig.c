/* The firmware that stays, on the PC: engine and kernels of an emitted folder, and a model image in
   each of two slots (wick/image.h). slot_rig OLD_B NEW_A INPUT: the old model is in slot B and in
   the middle of an inference, the new one comes in pieces; the power is cut at every NVM write of
   that life, the word in flight garbage, SRAM poisoned, half of the time once more soon after.
   Whichever image counts must be whole, never the old one again after the update, and every result
   its own. Exit status 0: no difference. */
#include <wick/engine.h>
#include <wick/image.h>

#include "slot.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { REGION = 1 << 16, SLOT = 1 << 18, CLASSES = 1000, SCRATCH = 1 << 16, PIECE = 256 };
#define MEMORY                                                                                     \
    ((uint8_t *)0x40000000) /* headers at 0 and 64, slots at SLOT and 2 * SLOT, region             \
                             */
#define REGION_AT (3u * SLOT)
#define BYTES (REGION_AT + REGION)

typedef struct image_file {
    uint8_t *data;
    uint32_t bytes, crc;
    const slot_head *head; /* in its slot */
    int8_t logits[CLASSES];
} image_file;

static image_file images[2]; /* the old one, the new one */
static int8_t pixels[1 << 16], input[1 << 16];
static uint32_t scratch[SCRATCH / 4];
static wick_engine engine;
static wick_image image;
static const wick_image_places places = {{0, 64}, {SLOT, 2u * SLOT}, SLOT, 4};
static jmp_buf power;
static unsigned long writes, cut_at;
static int results, current, updated, wrong;

static void fail(const char *what) {
    fprintf(stderr, "slot_rig: %s (cut at %lu)\n", what, cut_at);
    exit(1);
}

static int read_at(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    memcpy(dst, MEMORY + *(const uint32_t *)ctx + offset, bytes);
    return 0;
}

static int write_at(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    uint8_t *to = MEMORY + *(const uint32_t *)ctx + offset;
    for (uint32_t done = 0; done < bytes; done += 4) {
        uint32_t word = bytes - done < 4 ? bytes - done : 4;
        if (++writes == cut_at) {
            memset(to + done, 0x6B, word);
            longjmp(power, 1);
        }
        memcpy(to + done, (const uint8_t *)src + done, word);
    }
    return 0;
}

static int barrier(void *ctx) {
    (void)ctx;
    return 0;
}

static int on_result(void *ctx, const wick_result *result) {
    (void)ctx;
    wrong += memcmp(result->logits, images[current].logits, result->n_classes) != 0;
    results++;
    return 0;
}

static int keep_result(void *ctx, const wick_result *result) {
    (void)ctx;
    memcpy(images[current].logits, result->logits, result->n_classes);
    results++;
    return 0;
}

static uint32_t bases[2] = {0, REGION_AT};
static const wick_port memory_port = {
    .ctx = &bases[0], .nvm_read = read_at, .nvm_write = write_at, .nvm_barrier = barrier};
static wick_port engine_port = {.ctx = &bases[1],
                                .nvm_read = read_at,
                                .nvm_write = write_at,
                                .nvm_barrier = barrier,
                                .result = on_result};
static const wick_policy policy = {.kind = WICK_POLICY_FIXED, .module = 1};

static void load(image_file *file, const char *path, uint32_t slot) {
    FILE *f = fopen(path, "rb");
    file->data = malloc(SLOT);
    if (!f || !file->data || (file->bytes = (uint32_t)fread(file->data, 1, SLOT, f)) < 64)
        fail("an image cannot be read");
    fclose(f);
    file->crc = wick_crc32(0, file->data, file->bytes);
    file->head = (const slot_head *)(MEMORY + places.slot_offset[slot]);
}

static const slot_head *head_in(const image_file *file) {
    return (const slot_head *)file->data;
}

static wick_rt_status boot(const slot_head *head) {
    if (head->magic != SLOT_MAGIC || head->classes > CLASSES ||
        head->model->scratch_bytes > SCRATCH || head->model->nvm_bytes > REGION)
        fail("the slot that counts holds no model");
    engine_port.nvm_mapped = (const int8_t *)MEMORY + REGION_AT;
    memset(scratch, 0xA5, sizeof scratch);
    memset(&engine, 0, sizeof engine);
    wick_rt_status status =
        wick_engine_boot(&engine, head->model, &engine_port, &policy, (int8_t *)scratch, SCRATCH);
    if (status == WICK_RT_CORRUPT)
        status = wick_engine_format(&engine);
    if (status >= 0 && engine.record.epoch == 0) {
        uint32_t bytes = head->model->tensors[head->model->input_tensor].bytes;
        head->quantize((const uint8_t *)pixels, input);
        status = wick_engine_submit(&engine, input, bytes, NULL);
    }
    return status;
}

static wick_rt_status update(const image_file *file) {
    wick_rt_status status = wick_image_begin(&places, &memory_port, &image, head_in(file)->layout,
                                             file->bytes, file->crc);
    while (status == WICK_RT_OK && image.written < file->bytes) {
        uint32_t left = file->bytes - image.written;
        status = wick_image_append(&places, &memory_port, &image, file->data + image.written,
                                   left < PIECE ? left : PIECE);
    }
    return status == WICK_RT_OK ? wick_image_finish(&places, &memory_port, &image) : status;
}

/* One boot. Returns 0 when the new model has answered. */
static int live(void) {
    if (wick_image_load(&places, &memory_port, &image) != WICK_RT_OK ||
        wick_image_check(&places, &memory_port, &image) != WICK_RT_OK)
        fail("no whole image counts");
    current = image.layout[0] == head_in(&images[1])->layout[0];
    if (current < updated)
        fail("the old model is back");
    if (boot(images[current].head) < 0)
        fail("the engine does not start");
    for (int i = 0; (current || i < 2) && engine.record.phase != WICK_PHASE_IDLE; i++)
        if (wick_engine_step(&engine) < 0)
            fail("a step fails");
    if (current)
        return 0;
    if (update(&images[1]) != WICK_RT_OK)
        fail("the update fails");
    updated = 1;
    return 1;
}

static void whole_life(const uint8_t *start, unsigned long cut) {
    static unsigned long again; /* static: survives longjmp */
    memcpy(MEMORY, start, BYTES);
    results = updated = 0;
    writes = 0;
    cut_at = cut;
    again = cut % 2 ? cut * 7 % 97 + 1 : 0;
    if (setjmp(power)) {
        cut_at = again ? writes + again : 0;
        again = 0;
    }
    while (live())
        continue;
    if (results == 0)
        fail("the new model gives no answer");
    cut_at = 0;
}

/* What each model answers when nothing fails. */
static void reference(int k) {
    engine_port.result = keep_result;
    current = k;
    memcpy(MEMORY + places.slot_offset[k ^ 1], images[k].data, images[k].bytes);
    memset(MEMORY + REGION_AT, 0xFF, REGION);
    results = 0;
    wick_rt_status status = boot(images[k].head);
    while (status >= 0 && engine.record.phase != WICK_PHASE_IDLE)
        status = wick_engine_step(&engine);
    if (results != 1)
        fail("a model gives no answer");
    engine_port.result = on_result;
    memset(MEMORY, 0xFF, BYTES);
}

int main(int argc, char **argv) {
    if (argc != 4 || mmap(MEMORY, BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != MEMORY)
        fail("arguments, or no memory at the slots' addresses");
    load(&images[0], argv[1], 1);
    load(&images[1], argv[2], 0);
    FILE *f = fopen(argv[3], "rb");
    if (!f || fread(pixels, 1, sizeof pixels, f) == 0)
        fail("no input");
    fclose(f);
    for (int k = 0; k < 2; k++)
        reference(k);
    if (memcmp(images[0].logits, images[1].logits, head_in(&images[0])->classes) == 0)
        fail("both models answer the same");
    uint8_t *start = malloc(BYTES);
    if (!start || wick_image_load(&places, &memory_port, &image) != WICK_RT_FRESH ||
        update(&images[0]) != WICK_RT_OK || image.slot != 1)
        fail("the first image cannot be stored");
    memcpy(start, MEMORY, BYTES);
    whole_life(start, 0);
    unsigned long total = writes;
    for (unsigned long cut = 1; cut <= total; cut++)
        whole_life(start, cut);
    printf("%lu cuts at every write of the update and the work around it, %d wrong results\n",
           total, wrong);
    return wrong ? 1 : 0;
}
