/* SPDX-License-Identifier: 0BSD */
/* Flash as bad as it may legally be: pages to erase, units to program once. The power may fail in
   the middle of each such operation. What the operation leaves depends on the variant; that
   programming a unit which was not erased since is wrong does not. */
#ifndef WICK_FLASH_EMULATION_H
#define WICK_FLASH_EMULATION_H

#include <setjmp.h>
#include <stdint.h>

/* What a power failure leaves of the operation in flight. Of all but the first, no unit counts as
   erased, whatever it reads. */
typedef enum flash_variant {
    FLASH_CLEAN,      /* nothing has begun */
    FLASH_TORN,       /* bits on their way: some old, some new */
    FLASH_GARBAGE,    /* anything; an erased page: each unit old, erased or anything */
    FLASH_UNREADABLE, /* as FLASH_GARBAGE, and reading it fails: ECC */
    FLASH_BLANK,      /* it reads as erased */
    FLASH_WEAK,       /* as FLASH_TORN, and so are the last few units since a barrier or erasure */
    FLASH_LOST,       /* as FLASH_TORN, and of the units since a barrier or erasure any are erased
                         again */
    FLASH_VARIANTS
} flash_variant;

enum { FLASH_MOST_UNIT = 32 };

typedef struct flash_op {
    uint32_t offset;
    int erase; /* a page; else the program of a unit */
    uint8_t data[FLASH_MOST_UNIT];
} flash_op;

typedef struct flash_emulation {
    uint8_t *image;
    uint8_t *state; /* [units] FLASH_..., below */
    uint32_t bytes, page, unit;
    uint64_t ops;    /* operations so far */
    uint64_t cut_at; /* 0 = never; the power fails in operation number cut_at (from 1) */
    flash_variant variant;
    uint64_t seed;
    jmp_buf power_off;
    uint32_t since;      /* operations of `history` before the last barrier or erasure */
    uint32_t violations; /* programs of units that were not erased, and of parts of units */
    uint32_t *erasures;  /* [pages] */
    flash_op *history;   /* since the last flash_start */
    uint32_t count, cap;
    uint32_t *barriers; /* `count` at each */
    uint32_t barrier_count, barrier_cap;
} flash_emulation;

enum { FLASH_IS_ERASED = 1, FLASH_IS_REFUSED = 2 }; /* bits of a unit's state */

/* Memory for a flash whose pages hold anything. 0, or -1 without memory. */
int flash_make(flash_emulation *flash, uint32_t bytes, uint32_t page, uint32_t unit, uint64_t seed);
void flash_free(flash_emulation *flash);
/* Forgets the history. */
void flash_start(flash_emulation *flash);
/* Does an operation on an image and its states. 0, or -1 where that was no erased unit. */
int flash_apply(const flash_emulation *flash, uint8_t *image, uint8_t *state, const flash_op *op);
/* The power fails in operation `at` of `ops`; those before it are done. */
void flash_fail(const flash_emulation *flash, uint8_t *image, uint8_t *state, const flash_op *ops,
                uint32_t since, uint32_t at, flash_variant variant, uint64_t seed);

int flash_emulation_read(void *flash, uint32_t offset, void *dst, uint32_t bytes);
int flash_emulation_program(void *flash, uint32_t offset, const void *src, uint32_t bytes);
int flash_emulation_erase(void *flash, uint32_t offset);
int flash_emulation_barrier(void *flash);

#endif
