/* SPDX-License-Identifier: 0BSD */
/* Flash that is erased page by page, as a port in front of another one: the engine sees memory that
   it may write in place, block after block, and the flash sees a log.
   - Every write of a block is an entry behind the last one: its data first, then the unit with its
     header, so that a block is old or new as a whole whatever a cut leaves.
   - A page begins with a head: its sequence number and where every block was when the page was
     opened. The newest page with an intact head is the state, with the entries behind its head;
     nothing else is ever looked for. So what half-erased pages and torn units hold does not matter.
   - A page is programmed only in the boot that erased it, each program unit once: what reads as
     erased is never trusted.
   - A page is erased only when no block's newest entry lies in it. When a page is opened, the
     oldest of those that hold at most `spare_bytes` of such entries gives them to the new page,
     before its head, which makes them count, is written. So there is always a page to open, and
     pages take turns. `wick plan` plans for it where the device's memory is flash.
   Assumed of the flash: calls of the port below are complete when they return; and a unit whose
   programming was cut may read as anything or not at all, but if it reads as intact at one boot it
   does at later ones. Where a cell may be left between two levels, keep the supply up for the
   programming of one unit behind the brown-out signal. */
#ifndef WICK_FLASH_H
#define WICK_FLASH_H

#include <wick/port.h>
#include <wick/rt_status.h>

enum {
    WICK_FLASH_ENTRY_BYTES = 8, /* header of an entry, before its data */
    WICK_FLASH_MOST_UNIT = 32,
    WICK_FLASH_STACK_BYTES = 320 /* of its calls, on top of the engine's */
};

/* The plan's. All sizes but `blocks` and `spare_bytes` are powers of two. */
typedef struct wick_flash_shape {
    uint32_t page_bytes, pages; /* pages >= 4; pages * page_bytes / unit_bytes <= 65,536 */
    uint32_t unit_bytes;        /* programmed at once, 8 to WICK_FLASH_MOST_UNIT */
    uint32_t block_bytes;       /* of the engine's region: wick_model.write_unit */
    uint32_t blocks;            /* of the engine's region */
    uint32_t spare_bytes;       /* of entries that opening a page may move */
} wick_flash_shape;

typedef struct wick_flash_page {
    uint32_t sequence; /* 0: its head is not intact */
    uint32_t live;     /* bytes of newest entries, as of the last opening */
} wick_flash_page;

typedef struct wick_flash {
    const wick_port *under;
    int (*erase)(void *ctx, uint32_t offset);
    wick_flash_shape shape;
    uint16_t *where;        /* [blocks] program unit of the newest entry; 0 = never written */
    wick_flash_page *pages; /* [pages] */
    uint32_t head;          /* the page that takes entries; `pages` = none, the next one opens it */
    uint32_t at;            /* bytes of it that are used */
    uint32_t sequence;      /* of the newest page */
    uint32_t opened, moved; /* pages, and bytes of entries, since wick_flash_make */
} wick_flash;

/* Bytes of a page before its first entry. */
uint32_t wick_flash_head_bytes(uint32_t blocks, uint32_t unit_bytes);
/* Bytes of an entry with so many of data. */
uint32_t wick_flash_entry_bytes(uint32_t bytes, uint32_t unit_bytes);

/* Makes *port, which the engine gets, at every boot before wick_engine_boot: finds the newest page.
   under: nvm_read of the bare flash from offset 0 (of a unit whose ECC is broken it fails, and
   nothing traps); nvm_write programs whole, erased units; its nvm_mapped is not used. erase, with
   under->ctx: the page that begins at `offset`. where [shape->blocks] and pages [shape->pages] are
   the caller's and live as long as `flash` and `under`. ARGUMENT: a shape that cannot be, or one in
   which a page does not hold its head, `spare_bytes` and one block. */
wick_rt_status wick_flash_make(wick_flash *flash, const wick_port *under,
                               int (*erase)(void *ctx, uint32_t offset),
                               const wick_flash_shape *shape, uint16_t *where,
                               wick_flash_page *pages, wick_port *port);

#endif
