/* SPDX-License-Identifier: 0BSD */
/* The beginning of a model image: slot.h. */
#include "slot.h"

#include "model.h"

extern const slot_head wick_slot_head;
__attribute__((section(".wick_slot_head"), used)) const slot_head wick_slot_head = {
    SLOT_MAGIC,       MODEL_LAYOUT,      MODEL_CLASSES,      MODEL_MODULES,
    &wick_model_data, wick_model_labels, wick_model_modules, wick_model_quantize};
