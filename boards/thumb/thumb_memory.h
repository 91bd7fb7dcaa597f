/* SPDX-License-Identifier: 0BSD */
/* The guest's NVM: board RAM, or, where the plan is for flash, flash behind a controller. */
#ifndef WICK_THUMB_MEMORY_H
#define WICK_THUMB_MEMORY_H

#include <wick/flash.h>
#include <wick/port.h>

/* page_bytes 0: no flash. */
extern const wick_flash_shape thumb_flash;

/* At each boot, with the rest of *port filled in: adds the NVM. mapped: the engine may read board
   RAM in place. As wick_flash_make's status. */
wick_rt_status thumb_memory(wick_port *port, int mapped);

#endif
