/* SPDX-License-Identifier: 0BSD */
/* The progress record: two alternating copies with sequence number and CRC-32. A commit writes the
   older copy after a barrier, so the newest intact copy is never touched. A single damaged copy is
   what a cut commit looks like, then the other one counts; damage to the newest copy after it was
   complete cannot be told from that: against decay, use memory with ECC. */
#ifndef WICK_NVM_H
#define WICK_NVM_H

#include <wick/model.h>
#include <wick/port.h>
#include <wick/rt_status.h>

enum { WICK_RECORD_BYTES = 32 };

/* Where the engine stands, persisted at each commit. In NVM, 32 bytes, little-endian:
     0 "wck", 3 WICK_MODEL_FORMAT, 4 model_id[0], 8 model_id[1], 12 sequence, 16 epoch,
     20 span (2 bytes), 22 segment, 23 phase, 24 modules_done, 25 modules_sent, 26 flags,
     27 reserved, 28 CRC-32 (IEEE 802.3, reflected, as zlib's) over bytes 0 to 27. */
typedef struct wick_record {
    uint32_t model_id[2];
    uint32_t sequence;    /* +1 a commit; compared modulo 2^32 */
    uint32_t epoch;       /* input in work; 0 = none yet */
    uint16_t span;        /* next span to run within the segment */
    uint8_t segment;      /* segment in work, 0 = extractor */
    uint8_t phase;        /* engine.h: wick_phase */
    uint8_t modules_done; /* bit k-1: module k has its logits in NVM for this epoch */
    uint8_t modules_sent; /* bit k-1: delivered */
    uint8_t flags;        /* 0; for lazy commits */
    uint8_t reserved;     /* 0 */
} wick_record;

/* Continues `crc` (0 to begin) over more bytes. */
uint32_t wick_crc32(uint32_t crc, const void *data, uint32_t bytes);

/* The newest intact record of this model, OK. Otherwise *out is unspecified, *copy is the one that
   a commit should spare, and: FOREIGN  a copy is intact, but another model's or format's (beside
   one of ours: unless ours is FORMATTING) FRESH    at least one copy bears no trace (magic or model
   id) of a record: never written, or the very first commit was cut CORRUPT  both copies bear
   traces, none is intact NVM      neither copy could be read. A copy that cannot be read counts as
   damaged (a torn ECC word): transient faults are the port's to retry. */
wick_rt_status wick_record_load(const wick_model *model, const wick_port *port, wick_record *out,
                                uint8_t *copy);

/* Barrier, writes the other copy with sequence + 1, barrier. Updates record->sequence and *copy.
   After NVM both are unchanged, but the write may have happened: load again before going on. */
wick_rt_status wick_record_commit(const wick_model *model, const wick_port *port,
                                  wick_record *record, uint8_t *copy);

#endif
