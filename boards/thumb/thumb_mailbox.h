/* SPDX-License-Identifier: 0BSD */
/* What the guest (thumb_guest.c, thumb_memory.c) and the rig around it (thumbcut.c) tell each
   other. Both are little-endian. */
#ifndef WICK_THUMB_MAILBOX_H
#define WICK_THUMB_MAILBOX_H

#include <stdint.h>

enum {
    MAILBOX_AT = 0x40000000,    /* a page */
    INPUT_AT = 0x30000000,      /* the quantized input, read-only */
    CONTROLLER_AT = 0x50000000, /* of flash: a page of registers */
    MAILBOX_CLASSES = 512,
    MAILBOX_KEPT = 128
};

/* The controller of the flash at the NVM's addresses, where the guest can but read. A command
   begins when it is written; CONTROLLER_BUSY stands until it is done, and the next one has to wait
   for that. Afterwards CONTROLLER_FAILED says how it went. */
typedef struct controller {
    uint32_t status;
    uint32_t address; /* in the flash, of a unit, a page or bytes */
    uint32_t bytes;   /* of CONTROLLER_CHECK */
    uint32_t data[8]; /* of CONTROLLER_PROGRAM: the unit */
    uint32_t command;
} controller;

enum { CONTROLLER_BUSY = 1, CONTROLLER_FAILED = 2 };

enum {
    CONTROLLER_PROGRAM = 1,
    CONTROLLER_ERASE,
    CONTROLLER_FINISH, /* what was programmed is durable; before that a power failure may take it */
    CONTROLLER_CHECK   /* fails where one of the bytes' units cannot be read (ECC) */
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
    /* what is in the NVM whatever spans were joined or divided: input, features, results */
    struct {
        uint32_t offset, bytes;
    } kept[MAILBOX_KEPT];
    uint32_t n_kept;
    /* where the engine stands */
    uint32_t status, sequence;
    struct {
        uint32_t epoch, segment, span, step, outputs, phase, done, sent;
    } at;
    /* what it delivered */
    uint32_t epoch, answered_by, label;
    int16_t logits[MAILBOX_CLASSES];
} mailbox;

#endif
