/* SPDX-License-Identifier: 0BSD */
/* The progress record: two alternating copies with sequence number and CRC-32. A commit writes the
   older copy after a barrier, so one intact copy always remains; the newest intact one counts. */
#ifndef WICK_NVM_H
#define WICK_NVM_H

#include <wick/model.h>
#include <wick/port.h>
#include <wick/rt_status.h>

enum { WICK_RECORD_BYTES = 32 };

/* Where the engine stands, persisted at each commit. Serialised little-endian, field by field; the
   CRC-32 (IEEE 802.3, reflected, as zlib's) covers everything before it. */
typedef struct wick_record {
    uint32_t model_id[2];
    uint32_t sequence;    /* +1 a commit; compared modulo 2^32 */
    uint32_t epoch;       /* input in work; 0 = none yet */
    uint16_t span;        /* next span to run within the segment */
    uint8_t segment;      /* segment in work, 0 = extractor */
    uint8_t phase;        /* engine.h: wick_phase */
    uint8_t modules_done; /* bit k-1: module k has its logits in NVM for this epoch */
    uint8_t modules_sent; /* bit k-1: delivered */
    uint8_t flags;
    uint8_t reserved;
} wick_record;

uint32_t wick_crc32(uint32_t crc, const void *data, uint32_t bytes);
/* Newest intact record of this model. FRESH: none was ever written here. FOREIGN: intact, but
   another model's. CORRUPT: neither copy is intact though something was written. NVM: the port
   failed. */
wick_rt_status wick_record_load(const wick_model *model, const wick_port *port, wick_record *out,
                                uint8_t *copy);
/* Barrier, writes the other copy with sequence + 1, barrier. Updates record->sequence and *copy. */
wick_rt_status wick_record_commit(const wick_model *model, const wick_port *port,
                                  wick_record *record, uint8_t *copy);

#endif
