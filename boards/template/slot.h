/* SPDX-License-Identifier: 0BSD */
/* What stands at the beginning of a model image in a slot (wick/image.h). The image is this
   folder's model_data.c and slot_head.c, linked to the slot's address by slot.ld; the firmware that
   stays (engine, kernels, port, application) finds the model through it. */
#ifndef SLOT_H
#define SLOT_H

#include <wick/model.h>

#define SLOT_MAGIC UINT32_C(0x6C736D77) /* "wmsl" */

typedef struct slot_head {
    uint32_t magic;
    uint32_t layout[2]; /* model->id, for wick_image_begin */
    uint32_t classes, module_count;
    const wick_model *model;
    const char *const *labels;  /* [classes] */
    const char *const *modules; /* [module_count] */
    void (*quantize)(const uint8_t *pixels, int8_t *input);
} slot_head;

#endif
