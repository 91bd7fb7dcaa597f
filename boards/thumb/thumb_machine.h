/* SPDX-License-Identifier: 0BSD */
/* A Cortex-M in Unicorn with its memories, and how long it runs: to the guest's next message, to an
   NVM store, or for so many instructions. Where the guest's NVM is flash, its stores are the
   operations of a controller. Failures of the rig end the program (4). */
#ifndef WICK_THUMB_MACHINE_H
#define WICK_THUMB_MACHINE_H

#include "thumb_mailbox.h"

#include <stddef.h>
#include <stdint.h>
#include <unicorn/unicorn.h>

enum {
    FLASH_BYTES = 4 << 20,
    SRAM_AT = 0x20000000,
    SRAM_BYTES = 1 << 20,
    NVM_AT = 0x21000000,
    NVM_BYTES = 16 << 20,
    INPUT_BYTES = 1 << 20,
    STACK_BYTES = 8 << 10 /* that are poisoned; the engine declares less than 1 KB */
};

typedef struct machine {
    /* Processors on the same memories: the first counts NVM stores, the second instructions too;
       the third neither, which is faster. */
    uc_engine *processor, *counting, *plain;
    uc_context *fresh; /* registers of a processor that has not run */
    uint8_t *flash, *sram, *nvm, *input;
    uint8_t *view; /* [box->nvm_bytes] of flash, through its log */
    mailbox *box;
    uint32_t bss_end; /* SRAM in use: [SRAM_AT, bss_end) and the stack */
    uint32_t
        nvm_bytes; /* of `nvm` that a copy of the machine needs: all that the guest can change */
    int is_flash;
    uint32_t many;     /* cuts after which the pages of flash have turned around twice */
    uint32_t variants; /* ways in which a store in flight fails; 0 = it has not begun */
    uint64_t stores;   /* NVM stores since the count was cleared */
    uint64_t cut_at;   /* power fails before that store, from 1; 0 = never */
    int cut;           /* it did: `at_cut` is the NVM, and what would have been stored: */
    uint8_t *at_cut;
    uint32_t store_offset, store_bytes;
    uint64_t store_value;
    uint32_t message;      /* GUEST_..., 0 = none */
    uint32_t resume_at;    /* behind the message */
    volatile int astray;   /* the last run was stopped: it had taken more than its time */
    uint64_t instructions; /* of the counting processor */
    uint64_t stop_at;      /* it stops after so many */
    uint32_t in_block;     /* instructions of an IT block that are still to come */
} machine;

extern machine m;

void machine_fail(const char *what);
void *machine_allocate(size_t bytes);
/* Loads the guest; core is m0, m3, m4 or m33. */
void machine_make(const char *elf, const char *core);
/* A run that takes more than `seconds` (> 0) of processor time is astray: it is stopped after at
   most twice as many. Without it runs may take for ever. */
void machine_watch(uint32_t seconds);
/* The NVM as it was before the guest's first boot. */
void machine_blank(void);
/* After the guest's first message: how much of the NVM it uses, and, of flash, the life before that
   machine_blank restores. The guest then has to start again. */
void machine_describe(uint64_t seed);
/* Flash was programmed as flash must not be: units twice, or commands that did not wait. */
int machine_is_misused(void);
/* The NVM after the cut that has just been made: the store, as the variant says; or, of flash, what
   was in flight after an instruction. */
void machine_fail_store(uint32_t variant, uint64_t *random);
void machine_fail_instruction(uint64_t *random);
/* m.box->nvm_bytes as the engine sees them, until the next call. */
const uint8_t *machine_view(void);
/* Power comes back: SRAM and registers hold noise, the guest has been reset. */
void machine_reset(uc_engine *processor, uint64_t *random);
/* Goes on until the guest's next message, a cut, or `most` instructions (0 = as many as it takes).
   A fault, or far too many instructions, end the program's case: returns 0. */
int machine_run(uc_engine *processor, uint64_t most);
uint64_t machine_random(uint64_t *state);

#endif
