/* SPDX-License-Identifier: 0BSD */
/* What the guest (thumb_guest.c) and the rig around it (thumbcut.c) tell each other. Both are
   little-endian. */
#ifndef WICK_THUMB_MAILBOX_H
#define WICK_THUMB_MAILBOX_H

#include <stdint.h>

enum {
    MAILBOX_AT = 0x40000000, /* a page */
    INPUT_AT = 0x30000000,   /* the quantized input, read-only */
    MAILBOX_CLASSES = 512
};

/* Register 0 at a BKPT 0xAB. */
enum {
    GUEST_BOOTED = 1, /* the engine stands where the mailbox says */
    GUEST_COMMITTED,
    GUEST_RESULT, /* label and logits are in the mailbox */
    GUEST_DONE,   /* the input is finished */
    GUEST_BROKEN  /* status says how */
};

typedef struct mailbox {
    /* from the rig */
    uint32_t module, mapped, lazy_seed; /* lazy_seed other than 0: voltage readings are random */
    /* from the guest: the model */
    uint32_t record_offset[2], record_bytes, beside_offset, beside_bytes, nvm_bytes, n_classes;
    /* where the engine stands */
    uint32_t status, sequence;
    struct {
        uint32_t epoch, segment, span, step, outputs, phase, done, sent;
    } at;
    /* what it delivered */
    uint32_t epoch, answered_by, label;
    int8_t logits[MAILBOX_CLASSES];
} mailbox;

#endif
