/* SPDX-License-Identifier: 0BSD */
#include "thumb_chip.h"
#include "flash_use.h"
#include "thumb_machine.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUSY_FOR = 2, /* readings of the status register while an operation is in flight */
    RECENT = 64   /* units that may be lost before they are durable */
};

/* Behind the flash's bytes and units' states, in m.nvm. */
typedef struct core {
    controller registers;
    uint32_t busy, in_flight, misuses, n_recent;
    flash_op recent[RECENT + 1]; /* since the last barrier or erasure; then what is in flight */
} core;

static struct {
    flash_emulation flash; /* image and state lie in m.nvm */
    wick_flash_shape shape;
    core *core;
    uint16_t *where;
    wick_flash_page *pages;
    uint8_t *blank; /* [chip_bytes] */
} chip;

static uint32_t flash_bytes(const wick_flash_shape *shape) {
    return shape->page_bytes * shape->pages;
}

size_t chip_bytes(const wick_flash_shape *shape) {
    return flash_bytes(shape) + flash_bytes(shape) / shape->unit_bytes + sizeof(core);
}

void chip_make(const wick_flash_shape *shape, uint8_t *memory, uint64_t seed) {
    uint32_t bytes = flash_bytes(shape), units = bytes / shape->unit_bytes;
    chip.shape = *shape;
    chip.flash = (flash_emulation){.image = memory,
                                   .state = memory + bytes,
                                   .bytes = bytes,
                                   .page = shape->page_bytes,
                                   .unit = shape->unit_bytes,
                                   .erasures = machine_allocate(shape->pages * sizeof(uint32_t))};
    chip.core = (core *)(void *)(memory + bytes + units); /* units come in multiples of 16 */
    chip.where = machine_allocate(shape->blocks * sizeof *chip.where);
    chip.pages = machine_allocate(shape->pages * sizeof *chip.pages);
    chip.blank = machine_allocate(chip_bytes(shape));
    for (uint32_t i = 0; i < bytes; i++)
        chip.blank[i] = (uint8_t)machine_random(&seed);
    chip_blank();
}

void chip_age(const uint32_t record_offset[2], uint64_t seed) {
    chip_blank();
    const char *wrong =
        flash_use(&chip.flash, &chip.shape, chip.where, chip.pages, record_offset, seed);
    if (wrong)
        machine_fail(wrong);
    memcpy(chip.blank, chip.flash.image, chip_bytes(&chip.shape));
    free(chip.flash.history);
    free(chip.flash.barriers);
    chip.flash.history = NULL;
    chip.flash.barriers = NULL;
    chip.flash.cap = chip.flash.barrier_cap = 0;
    flash_start(&chip.flash);
}

void chip_blank(void) {
    memcpy(chip.flash.image, chip.blank, chip_bytes(&chip.shape));
}

/* ---- the controller ---- */

static int can_be_read(uint32_t offset, uint32_t bytes) {
    if (offset > chip.flash.bytes || bytes > chip.flash.bytes - offset)
        return 0;
    for (uint32_t at = offset / chip.shape.unit_bytes * chip.shape.unit_bytes; at < offset + bytes;
         at += chip.shape.unit_bytes)
        if (chip.flash.state[at / chip.shape.unit_bytes] & FLASH_IS_REFUSED)
            return 0;
    return 1;
}

/* What was in flight has arrived. */
static void complete(core *c) {
    const flash_op *op = &c->recent[c->n_recent];
    c->in_flight = 0;
    c->misuses += flash_apply(&chip.flash, chip.flash.image, chip.flash.state, op) != 0;
    c->n_recent = op->erase ? 0 : c->n_recent + 1u;
    if (c->n_recent == RECENT) { /* long ago */
        memmove(c->recent, c->recent + RECENT / 2, RECENT / 2 * sizeof *c->recent);
        c->n_recent = RECENT / 2;
    }
}

static void begin(uc_engine *uc, core *c, int erase) {
    flash_op op = {.offset = c->registers.address, .erase = erase};
    uint32_t size = erase ? chip.shape.page_bytes : chip.shape.unit_bytes;
    if (op.offset % size != 0 || op.offset > chip.flash.bytes - size) {
        c->misuses++;
        return;
    }
    memcpy(op.data, c->registers.data, chip.shape.unit_bytes);
    c->recent[c->n_recent] = op;
    c->in_flight = 1;
    c->busy = BUSY_FOR;
    if (!m.cut && ++m.stores == m.cut_at) {
        memcpy(m.at_cut, m.nvm, m.nvm_bytes);
        m.cut = 1;
        uc_emu_stop(uc);
    }
}

static void on_command(uc_engine *uc, core *c) {
    uint32_t command = c->registers.command;
    if (c->busy) {
        c->misuses++;
        return;
    }
    c->registers.status = 0;
    if (command == CONTROLLER_CHECK)
        c->registers.status =
            can_be_read(c->registers.address, c->registers.bytes) ? 0 : CONTROLLER_FAILED;
    else if (command == CONTROLLER_FINISH)
        c->n_recent = 0;
    else if (command == CONTROLLER_PROGRAM || command == CONTROLLER_ERASE)
        begin(uc, c, command == CONTROLLER_ERASE);
    else
        c->misuses++;
}

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned bytes, void *context) {
    (void)uc;
    (void)context;
    core *c = chip.core;
    uint32_t word = 0;
    if (bytes != sizeof word || offset % sizeof word != 0 || offset >= sizeof c->registers) {
        c->misuses++;
        return 0;
    }
    if (offset == offsetof(controller, status) && c->busy) {
        c->busy--;
        return CONTROLLER_BUSY;
    }
    if (c->in_flight && !c->busy)
        complete(c);
    memcpy(&word, (const uint8_t *)&c->registers + offset, sizeof word);
    return word;
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned bytes, uint64_t value,
                     void *context) {
    (void)context;
    core *c = chip.core;
    uint32_t word = (uint32_t)value;
    if (bytes != sizeof word || offset % sizeof word != 0 || offset >= sizeof c->registers ||
        offset == offsetof(controller, status)) {
        c->misuses++;
        return;
    }
    memcpy((uint8_t *)&c->registers + offset, &word, sizeof word);
    if (offset == offsetof(controller, command))
        on_command(uc, c);
}

void chip_attach(uc_engine *uc) {
    size_t mapped = (chip.flash.bytes + 4095u) / 4096u * 4096u;
    if (uc_mem_map_ptr(uc, NVM_AT, mapped, UC_PROT_READ, chip.flash.image) != UC_ERR_OK ||
        uc_mmio_map(uc, CONTROLLER_AT, 4096, on_read, NULL, on_write, NULL) != UC_ERR_OK)
        machine_fail("no flash");
}

/* ---- power failures ---- */

void chip_fail(flash_variant variant, uint64_t seed) {
    core *c = chip.core;
    if (c->in_flight)
        flash_fail(&chip.flash, chip.flash.image, chip.flash.state, c->recent, 0, c->n_recent,
                   variant, seed);
    uint32_t misuses = c->misuses;
    memset(c, 0, sizeof *c);
    c->misuses = misuses;
}

int chip_is_misused(void) {
    return chip.core->misuses != 0;
}

void chip_look(uint8_t *view, uint32_t bytes) {
    const wick_port bare = {.ctx = &chip.flash, .nvm_read = flash_emulation_read};
    wick_flash flash;
    wick_port port;
    if (wick_flash_make(&flash, &bare, flash_emulation_erase, &chip.shape, chip.where, chip.pages,
                        &port) != WICK_RT_OK)
        machine_fail("the log refuses its shape");
    for (uint32_t at = 0; at < bytes; at += chip.shape.block_bytes)
        if (port.nvm_read(port.ctx, at, view + at, chip.shape.block_bytes) != 0)
            memset(view + at, 0xEE, chip.shape.block_bytes);
}
