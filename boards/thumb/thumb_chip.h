/* SPDX-License-Identifier: 0BSD */
/* Flash behind a controller (thumb_mailbox.h), as bad as boards/host/flash_emulation.h says. All of
   it, operation in flight included, lies in m.nvm, so that a copy of that is a copy of the chip. */
#ifndef WICK_THUMB_CHIP_H
#define WICK_THUMB_CHIP_H

#include "flash_emulation.h"

#include <unicorn/unicorn.h>
#include <wick/flash.h>

/* Bytes of the memory, from address 0 of its own, that chip_make needs for `shape`. */
size_t chip_bytes(const wick_flash_shape *shape);
/* `memory` [chip_bytes] begins with what the flash holds. */
void chip_make(const wick_flash_shape *shape, uint8_t *memory, uint64_t seed);
/* Flash and controller for this processor. */
void chip_attach(uc_engine *uc);
/* From now on chip_blank leaves the chip as another life did: its records have those offsets. */
void chip_age(const uint32_t record_offset[2], uint64_t seed);
void chip_blank(void);
/* The power fails: what is in flight is left as the variant says, and the controller is reset. */
void chip_fail(flash_variant variant, uint64_t seed);
/* What the engine sees through the log, to `view`. */
void chip_look(uint8_t *view, uint32_t bytes);
/* Units were programmed that had not been erased, or a command did not wait for the last one. */
int chip_is_misused(void);

#endif
