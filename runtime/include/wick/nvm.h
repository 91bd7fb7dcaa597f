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

enum {
    WICK_RECORD_BYTES = 40,
    WICK_VARS_BYTES = 24, /* counters and checksum; the application's variables follow */
    WICK_TALLY_BYTES = 8,
    WICK_STAMP_BYTES = 16
};

enum {                         /* wick_record.flags */
       WICK_FLAG_VARS_COPY = 1 /* which copy of the variables is this commit's */
};

/* Where the engine stands, persisted at each commit. In NVM, 40 bytes, little-endian:
     0 "wck", 3 WICK_MODEL_FORMAT, 4 model_id[0], 8 model_id[1], 12 sequence, 16 epoch,
     20 span (2 bytes), 22 segment, 23 phase, 24 modules_done, 25 modules_sent, 26 flags,
     27 reserved, 28 step (2 bytes), 30 reserved (2 bytes), 32 outputs,
     36 CRC-32 (IEEE 802.3, reflected, as zlib's) over bytes 0 to 35. */
typedef struct wick_record {
    uint32_t model_id[2];
    uint32_t sequence;    /* +1 a commit; compared modulo 2^32 */
    uint32_t epoch;       /* input in work; 0 = none yet */
    uint32_t outputs;     /* of that step that are complete: other than 0 in divided spans only */
    uint16_t span;        /* next span to run within the segment */
    uint16_t step;        /* next step within the span: other than 0 in divided spans only */
    uint8_t segment;      /* segment in work, 0 = extractor */
    uint8_t phase;        /* engine.h: wick_phase */
    uint8_t modules_done; /* bit k-1: module k has its logits in NVM for this epoch */
    uint8_t modules_sent; /* bit k-1: delivered */
    uint8_t flags;        /* WICK_FLAG_... */
    uint8_t reserved;     /* 0 */
} wick_record;

/* What a fielded device tells of itself, since its memory was formatted. Each is persisted by the
   next commit after it changed: a boot whose power failed before any commit is not in it. In NVM,
   little-endian, in this order: 16 bytes, then 4 that are 0, then CRC-32 over these 20 and the
   application's variables, which begin at the next write unit. */
typedef struct wick_counters {
    uint32_t boots;
    uint32_t replays; /* boots that found work interrupted: a span, or part of one, ran again */
    uint32_t dropped; /* inputs that were never answered: replaced by a newer one, or too old */
    uint32_t faults;  /* of the port, and checksums that did not match */
} wick_counters;

/* What boots tell each other about the charge they find, in one write unit of its own: a hint,
   which nothing but the size of spans depends on. In NVM: 0 sequence (2 bytes), 2 split + 16 tries,
   3 calm, 4 CRC-32 over bytes 0 to 3, begun with 0xA5: a torn one that passed would divide spans
   for nothing. */
typedef struct wick_tally {
    uint16_t sequence; /* modulo 2^16, of the record that the last interrupted boot found */
    uint8_t split;     /* spans are divided in 2^split parts, 0..15 */
    uint8_t tries;     /* boots in a row that found what the one before found, 0..15 */
    uint8_t calm;      /* boots since then that achieved something */
} wick_tally;

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

/* The variables of copy `copy` (wick_model.vars_offset): counters to *counters, the application's
   to `app` (may be NULL when there are none). OK, NVM, or CORRUPT: then both outputs are
   unspecified. */
wick_rt_status wick_vars_load(const wick_model *model, const wick_port *port, uint8_t copy,
                              wick_counters *counters, void *app);
/* Writes them, without a barrier: the commit that names the copy has one. OK or NVM. */
wick_rt_status wick_vars_store(const wick_model *model, const wick_port *port, uint8_t copy,
                               const wick_counters *counters, const void *app);

/* OK, NVM, or CORRUPT where there is no whole tally. */
wick_rt_status wick_tally_load(const wick_model *model, const wick_port *port, wick_tally *tally);
/* Writes it with a barrier. OK or NVM. */
wick_rt_status wick_tally_store(const wick_model *model, const wick_port *port,
                                const wick_tally *tally);

/* When an input was taken. In NVM behind each of its two places: 0 time_ms, 4 window_ms, 8 known,
   9 three bytes of 0, 12 CRC-32 over bytes 0 to 11. */
typedef struct wick_stamp {
    uint32_t time_ms;   /* by the port's surviving clock */
    uint32_t window_ms; /* how long an answer is worth something; 0 = for ever */
    uint8_t known;      /* 1: time_ms is the clock's */
} wick_stamp;
/* `offset`: of the stamp in the region. As wick_vars_load and wick_vars_store. */
wick_rt_status wick_stamp_load(const wick_port *port, uint32_t offset, wick_stamp *stamp);
wick_rt_status wick_stamp_store(const wick_port *port, uint32_t offset, const wick_stamp *stamp);

/* Little-endian words: one access each, where the core allows it at any address. */
static inline void wick_put32(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)(value >> 16);
    p[3] = (uint8_t)(value >> 24);
}

static inline uint32_t wick_get32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

#endif
