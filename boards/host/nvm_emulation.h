/* SPDX-License-Identifier: 0BSD */
/* Non-volatile memory as bad as it may legally be. A write arrives unit by unit; before each unit
   the power may fail. What the unit then holds, and whether earlier units since the last barrier
   arrived, depends on the variant. */
#ifndef WICK_NVM_EMULATION_H
#define WICK_NVM_EMULATION_H

#include <setjmp.h>
#include <stdint.h>
#include <wick/port.h>

/* What a power failure does to the unit that was about to be written and to unbarriered ones. */
typedef enum cut_variant {
    CUT_CLEAN,      /* the unit keeps its old bytes */
    CUT_TORN,       /* a seeded mixture of old and new bits; of whole atomic words where the memory
                       promises them */
    CUT_REORDER,    /* as CUT_TORN, and a seeded subset of the units since the last barrier never
                       arrived */
    CUT_WEAK,       /* as CUT_TORN, and so are the last few units since the last barrier */
    CUT_GARBAGE,    /* the whole write unit or ECC word holds anything; atomic words as CUT_TORN */
    CUT_ERASED,     /* the memory erases before it writes: the write unit is on its way from old to
                       erased, or from erased to new; atomic words as CUT_TORN */
    CUT_UNREADABLE, /* as CUT_GARBAGE, and the memory refuses to read it (a torn ECC word) until it
                       is written again; atomic words as CUT_TORN */
    CUT_VARIANTS,   /* those above fail before a unit; those below instead before the barrier that
                     lies between it and the unit before, which are all written but none yet
                     durable: */
    CUT_BARRIER = CUT_VARIANTS, /* as CUT_REORDER */
    CUT_BARRIER_WEAK,           /* as CUT_WEAK */
    CUT_ALL_VARIANTS
} cut_variant;

typedef struct nvm_emulation {
    uint8_t *image;
    uint32_t bytes;
    uint32_t unit;       /* bytes that arrive together on this bus: 4 */
    uint32_t write_unit; /* smallest write of the memory: what a write leaves of its last unit is
                            filled with other bytes, as the port's contract allows */
    uint32_t ecc;     /* bytes that one error-correcting code covers: a cut spoils all of those in
                         flight, though less can be written at once; 1 = none */
    uint32_t atomic;  /* aligned bytes that are whole or absent after a failure; 1 = every byte by
                         itself */
    uint8_t *refused; /* [bytes]; other than 0: a read that touches it fails */
    uint32_t n_refused;
    uint64_t writes; /* units so far */
    uint64_t cut_at; /* 0 = never; the power fails before unit number cut_at (from 1) */
    cut_variant variant;
    uint64_t seed; /* of the mixture */
    jmp_buf power_off;
    struct unit_log {
        uint32_t offset, bytes;
        uint8_t before[8], after[8];
    } * log; /* units since the last barrier */
    uint32_t log_count, log_cap;
    uint32_t *wear; /* [bytes / write_unit + 1] writes of each write unit, or NULL */
    int record;     /* keep every unit in `history` */
    struct unit_log *history;
    uint32_t history_count, history_cap;
    uint32_t *barriers; /* history_count at each barrier while recording */
    uint32_t barrier_count, barrier_cap;
} nvm_emulation;

int nvm_emulation_read(void *emulation, uint32_t offset, void *dst, uint32_t bytes);
int nvm_emulation_write(void *emulation, uint32_t offset, const void *src, uint32_t bytes);
int nvm_emulation_barrier(void *emulation);

/* What the memory holds when the power fails before unit k (0-based) of `count` units that were
   recorded since a barrier: units [0, k) applied to `image`, then the variant. k may equal count.
 */
void nvm_emulation_fail(const nvm_emulation *emulation, uint8_t *image,
                        const struct unit_log *units, uint32_t count, uint32_t k,
                        cut_variant variant, uint64_t seed);

/* After CUT_UNREADABLE, where the memory has no atomic words: the write unit or ECC word that
   `unit` lies in refuses to be read until it is written. */
void nvm_emulation_refuse(nvm_emulation *emulation, const struct unit_log *unit);
/* These bytes can be read. */
void nvm_emulation_allow(nvm_emulation *emulation, uint32_t offset, uint32_t bytes);

/* splitmix64 */
uint64_t mix64(uint64_t *state);

#endif
