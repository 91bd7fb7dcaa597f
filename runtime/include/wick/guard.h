/* SPDX-License-Identifier: 0BSD */
/* Checksums over all of the engine's memory, tensors included, for memory whose bits may decay: a
   port in front of another one, which keeps a CRC-32 beside every block. A block whose checksum is
   wrong cannot be read; the engine reports that (WICK_RT_NVM), or goes on from the other copy of a
   record, and never computes with it. A block that a power failure cut is such a block until it is
   written again, as a torn ECC word is.
   `wick plan --checksums` plans for it: no block is shared between committed and in-flight bytes,
   nothing is mapped (everything is read through the port), and the memory is wick_guard_bytes
   large. The region
   is blank (one value in all bytes) or made so by wick_guard_clear before the first boot. */
#ifndef WICK_GUARD_H
#define WICK_GUARD_H

#include <wick/port.h>
#include <wick/rt_status.h>

enum { WICK_GUARD_MOST_BLOCK = 64, WICK_GUARD_SUM_BYTES = 4, WICK_GUARD_MOST_UNIT = 16 };

typedef struct wick_guard {
    const wick_port *under;
    uint32_t block;   /* bytes that one checksum covers */
    uint32_t stride;  /* from one block to the next in the memory */
    uint32_t refused; /* reads that met a wrong one since wick_guard_make */
} wick_guard;

/* Bytes from one block to the next: with its checksum, up to a whole write unit of the memory, so
   that a cut damages one block. */
uint32_t wick_guard_stride(uint32_t block, uint32_t unit);
/* Memory that `bytes` of the engine's region take. */
uint32_t wick_guard_bytes(uint32_t block, uint32_t unit, uint32_t bytes);
/* Makes *port, which the engine gets; `guard` and `under` must live as long. block: a power of two,
   8 to WICK_GUARD_MOST_BLOCK; unit: of the memory, a power of two up to WICK_GUARD_MOST_UNIT; else
   ARGUMENT. Writes must begin on a block, as an engine's do whose
   plan knows it; others fail. */
wick_rt_status wick_guard_make(wick_guard *guard, const wick_port *under, uint32_t block,
                               uint32_t unit, wick_port *port);
/* Makes a region of `bytes` blank. OK or NVM. */
wick_rt_status wick_guard_clear(const wick_guard *guard, uint32_t bytes);

#endif
