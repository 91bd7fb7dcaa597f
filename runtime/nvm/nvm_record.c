/* SPDX-License-Identifier: 0BSD */
/* Loading and committing the progress record. Layout: nvm.h. */
#include <wick/nvm.h>

enum { SEQUENCE_AT = 12, CRC_AT = WICK_RECORD_BYTES - 4 };

/* "wck" and the format: a record of another format is foreign. */
#define MAGIC (UINT32_C(0x006B6377) | (uint32_t)WICK_MODEL_FORMAT << 24)
#define MAGIC_MASK UINT32_C(0x00FFFFFF)

typedef enum copy_state {
    COPY_BLANK,      /* nothing looks like a record of ours */
    COPY_UNREADABLE, /* the port could not read it: a torn ECC word, or a fault */
    COPY_DAMAGED,    /* traces of a record, but not intact */
    COPY_FOREIGN,    /* intact, of another model or format */
    COPY_INTACT
} copy_state;

static void serialise(const wick_record *record, uint8_t *p) {
    wick_put32(p, MAGIC);
    wick_put32(p + 4, record->model_id[0]);
    wick_put32(p + 8, record->model_id[1]);
    wick_put32(p + 12, record->sequence);
    wick_put32(p + 16, record->epoch);
    p[20] = (uint8_t)record->span;
    p[21] = (uint8_t)(record->span >> 8);
    p[22] = record->segment;
    p[23] = record->phase;
    p[24] = record->modules_done;
    p[25] = record->modules_sent;
    p[26] = record->flags;
    p[27] = record->reserved;
    p[28] = (uint8_t)record->step;
    p[29] = (uint8_t)(record->step >> 8);
    p[30] = p[31] = 0;
    wick_put32(p + 32, record->outputs);
    wick_put32(p + CRC_AT, wick_crc32(0, p, CRC_AT));
}

static void parse(const uint8_t *p, wick_record *record) {
    record->model_id[0] = wick_get32(p + 4);
    record->model_id[1] = wick_get32(p + 8);
    record->sequence = wick_get32(p + 12);
    record->epoch = wick_get32(p + 16);
    record->span = (uint16_t)((uint32_t)p[20] | (uint32_t)p[21] << 8);
    record->segment = p[22];
    record->phase = p[23];
    record->modules_done = p[24];
    record->modules_sent = p[25];
    record->flags = p[26];
    record->reserved = p[27];
    record->step = (uint16_t)((uint32_t)p[28] | (uint32_t)p[29] << 8);
    record->outputs = wick_get32(p + 32);
}

/* Erased or cleared memory. */
static int uniform(const uint8_t *p) {
    for (uint32_t i = 1; i < WICK_RECORD_BYTES; i++)
        if (p[i] != p[0])
            return 0;
    return 1;
}

/* Both copies as they are in memory, in words: each is read once and loaded word by word. */
typedef struct copies {
    uint32_t words[2][WICK_RECORD_BYTES / 4];
    int readable[2];
} copies;

static void read_copies(const wick_model *model, const wick_port *port, copies *c) {
    for (uint32_t i = 0; i < 2; i++)
        c->readable[i] =
            port->nvm_read(port->ctx, model->record_offset[i], c->words[i], WICK_RECORD_BYTES) == 0;
}

/* older: another copy is intact and says more, so what counts of this one is whose it is. A record
   of ours that is damaged counts for no less than an intact one then, and its checksum need not be
   computed, nor what it says be read: that is a tenth of what a boot executes. */
static copy_state load_copy(const wick_model *model, const copies *c, uint8_t copy, int older,
                            wick_record *out) {
    const uint8_t *bytes = (const uint8_t *)c->words[copy];
    if (!c->readable[copy])
        return COPY_UNREADABLE;
    uint32_t magic = wick_get32(bytes);
    int same_model = wick_get32(bytes + 4) == model->id[0] && wick_get32(bytes + 8) == model->id[1];
    int marked = (magic & MAGIC_MASK) == (MAGIC & MAGIC_MASK);
    if (older && magic == MAGIC && same_model)
        return COPY_INTACT;
    parse(bytes, out);
    if (marked && wick_get32(bytes + CRC_AT) == wick_crc32(0, bytes, CRC_AT))
        return magic == MAGIC && same_model ? COPY_INTACT : COPY_FOREIGN;
    /* The magic or the model's id betrays a record whose other bytes are damaged. */
    return (marked || same_model) && !uniform(bytes) ? COPY_DAMAGED : COPY_BLANK;
}

/* Neither copy is intact. */
static wick_rt_status diagnose(copy_state a, copy_state b) {
    if (a == COPY_UNREADABLE && b == COPY_UNREADABLE)
        return WICK_RT_NVM;
    /* One copy without any trace: no second commit ever began, so the other, if it is damaged, is a
       first one that was cut. */
    if (a == COPY_BLANK || b == COPY_BLANK)
        return WICK_RT_FRESH;
    return WICK_RT_CORRUPT;
}

/* The copy whose sequence number is ahead, intact or not. */
static uint8_t copy_ahead(const copies *c) {
    if (!c->readable[0] || !c->readable[1])
        return (uint8_t)c->readable[1];
    uint32_t ahead = wick_get32((const uint8_t *)c->words[1] + SEQUENCE_AT) -
                     wick_get32((const uint8_t *)c->words[0] + SEQUENCE_AT); /* modulo 2^32 */
    return ahead != 0 && ahead < UINT32_C(0x80000000);
}

wick_rt_status wick_record_load(const wick_model *model, const wick_port *port, wick_record *out,
                                uint8_t *copy) {
    wick_record older;
    copies c;
    read_copies(model, port, &c);
    uint8_t newest = copy_ahead(&c), other = (uint8_t)(newest ^ 1u);
    copy_state a = load_copy(model, &c, newest, 0, out);
    copy_state b = load_copy(model, &c, other, a == COPY_INTACT, &older);
    int own = a == COPY_INTACT || b == COPY_INTACT;
    int foreign = a == COPY_FOREIGN || b == COPY_FOREIGN;
    *copy = 1;
    if (!own && !foreign)
        return diagnose(a, b);
    if (own && foreign) {
        /* A format was cut between its two commits: ours, or another firmware's over our work. Ours
           may be the older record, its buffers gone: it is the one to overwrite first. */
        *copy = a == COPY_INTACT ? other : newest;
        return WICK_RT_FOREIGN;
    }
    *copy = newest;
    if (a != COPY_INTACT && a != COPY_FOREIGN) {
        *out = older;
        *copy = other;
    }
    return own ? WICK_RT_OK : WICK_RT_FOREIGN;
}

wick_rt_status wick_record_commit(const wick_model *model, const wick_port *port,
                                  wick_record *record, uint8_t *copy) {
    uint8_t bytes[WICK_RECORD_BYTES], other = (uint8_t)(*copy ^ 1u);
    wick_record next = *record;
    next.sequence++;
    serialise(&next, bytes);
    if (port->nvm_barrier(port->ctx) != 0 ||
        port->nvm_write(port->ctx, model->record_offset[other], bytes, WICK_RECORD_BYTES) != 0 ||
        port->nvm_barrier(port->ctx) != 0)
        return WICK_RT_NVM;
    *record = next;
    *copy = other;
    return WICK_RT_OK;
}
