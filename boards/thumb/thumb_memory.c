/* SPDX-License-Identifier: 0BSD */
#include "thumb_memory.h"
#include "model.h"
#include "thumb_mailbox.h"

#include <stddef.h>
#include <string.h>

#if MODEL_FLASH_PAGES
/* As a driver for a real part would: data and address into registers, the command last, then wait.
   Reads go to the flash itself, after the controller has said that nothing there traps. */
#define NVM ((const int8_t *)0x21000000)
#define REGISTERS ((volatile controller *)CONTROLLER_AT)

const wick_flash_shape thumb_flash = MODEL_FLASH_SHAPE;
static uint16_t where[MODEL_FLASH_BLOCKS];
static wick_flash_page pages[MODEL_FLASH_PAGES];

static int done(void) {
    uint32_t status;
    do {
        status = REGISTERS->status;
    } while (status & CONTROLLER_BUSY);
    return status & CONTROLLER_FAILED ? -1 : 0;
}

static int nvm_read(void *context, uint32_t offset, void *dst, uint32_t bytes) {
    (void)context;
    REGISTERS->address = offset;
    REGISTERS->bytes = bytes;
    REGISTERS->command = CONTROLLER_CHECK;
    if (done() != 0)
        return -1;
    memcpy(dst, NVM + offset, bytes);
    return 0;
}

static int nvm_write(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    (void)context;
    const uint8_t *from = src;
    uint32_t unit = thumb_flash.unit_bytes;
    for (uint32_t at = 0; at < bytes; at += unit) {
        for (uint32_t i = 0; i < unit / 4u; i++) {
            uint32_t word;
            memcpy(&word, from + at + 4u * i, sizeof word);
            REGISTERS->data[i] = word;
        }
        REGISTERS->address = offset + at;
        REGISTERS->command = CONTROLLER_PROGRAM;
        if (done() != 0)
            return -1;
    }
    return 0;
}

static int nvm_erase(void *context, uint32_t offset) {
    (void)context;
    REGISTERS->address = offset;
    REGISTERS->command = CONTROLLER_ERASE;
    return done();
}

static int nvm_barrier(void *context) {
    (void)context;
    REGISTERS->command = CONTROLLER_FINISH;
    return done();
}

wick_rt_status thumb_memory(wick_port *port, int mapped) {
    static wick_flash flash;
    static wick_port bare;
    (void)mapped;
    bare = *port;
    bare.nvm_read = nvm_read;
    bare.nvm_write = nvm_write;
    bare.nvm_barrier = nvm_barrier;
    return wick_flash_make(&flash, &bare, nvm_erase, &thumb_flash, where, pages, port);
}

#else

/* Full words go there by STM, four at a time, so that the rig can cut between them. */
static __attribute__((section(".nvm"), aligned(64))) int8_t region[MODEL_NVM_BYTES];
const wick_flash_shape thumb_flash = {0};

static int nvm_read(void *context, uint32_t offset, void *dst, uint32_t bytes) {
    (void)context;
    memcpy(dst, region + offset, bytes);
    return 0;
}

static int nvm_write(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    (void)context;
    int8_t *to = region + offset;
    const int8_t *from = src;
    while (bytes >= 16 && (uintptr_t)to % 4 == 0 && (uintptr_t)from % 4 == 0) {
        __asm__ volatile("ldmia %0!, {r3, r4, r5, r6}\n\tstmia %1!, {r3, r4, r5, r6}"
                         : "+l"(from), "+l"(to)
                         :
                         : "r3", "r4", "r5", "r6", "memory");
        bytes -= 16;
    }
    for (; bytes != 0; bytes--)
        *(volatile int8_t *)to++ = *from++;
    return 0;
}

static int nvm_barrier(void *context) {
    (void)context;
    __asm__ volatile("dsb" ::: "memory");
    return 0;
}

wick_rt_status thumb_memory(wick_port *port, int mapped) {
    port->nvm_read = nvm_read;
    port->nvm_write = nvm_write;
    port->nvm_barrier = nvm_barrier;
    port->nvm_mapped = mapped ? region : NULL;
    return WICK_RT_OK;
}
#endif
