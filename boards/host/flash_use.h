/* SPDX-License-Identifier: 0BSD */
/* Flash that has had another life before the run that is looked at. */
#ifndef WICK_FLASH_USE_H
#define WICK_FLASH_USE_H

#include "flash_emulation.h"

#include <wick/flash.h>

/* Boots of a log on `chip` until its pages have taken turns twice: they leave something in every
   block but those of the two records, and in some of them long ago. where [shape->blocks] and pages
   [shape->pages] are the log's. NULL, or what went wrong. */
const char *flash_use(flash_emulation *chip, const wick_flash_shape *shape, uint16_t *where,
                      wick_flash_page *pages, const uint32_t record_offset[2], uint64_t seed);

#endif
