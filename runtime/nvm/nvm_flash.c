/* SPDX-License-Identifier: 0BSD */
/* A port that keeps blocks in a log on flash: flash.h. A page's head: unit 0 with its sequence
   number and a CRC-32 over that and the table; then the table, two bytes a block. An entry: block
   (2 bytes), bytes (2), CRC-32 over these, the page's sequence number and the entry's unit; data.
 */
#include <string.h>

#include <wick/flash.h>
#include <wick/nvm.h>

#define NONE UINT32_MAX

static uint32_t round_up(uint32_t bytes, uint32_t unit) {
    return (bytes + unit - 1u) / unit * unit;
}

uint32_t wick_flash_head_bytes(uint32_t blocks, uint32_t unit_bytes) {
    return unit_bytes + round_up(2u * blocks, unit_bytes);
}

uint32_t wick_flash_entry_bytes(uint32_t bytes, uint32_t unit_bytes) {
    return round_up(WICK_FLASH_ENTRY_BYTES + bytes, unit_bytes);
}

static int read_bare(const wick_flash *flash, uint32_t offset, void *dst, uint32_t bytes) {
    return flash->under->nvm_read(flash->under->ctx, offset, dst, bytes);
}

static int program_bare(const wick_flash *flash, uint32_t offset, const void *src, uint32_t bytes) {
    return flash->under->nvm_write(flash->under->ctx, offset, src, bytes);
}

static int pass_barrier(const wick_flash *flash) {
    return flash->under->nvm_barrier(flash->under->ctx);
}

/* ---- entries ---- */

typedef struct entry {
    uint32_t block, bytes;
} entry;

static uint32_t entry_crc(const wick_flash *flash, const uint8_t *header, uint32_t sequence,
                          uint32_t offset) {
    uint8_t place[8];
    wick_put32(place, sequence);
    wick_put32(place + 4, offset / flash->shape.unit_bytes);
    return wick_crc32(wick_crc32(0, header, 4), place, sizeof place);
}

static void put_entry(const wick_flash *flash, entry e, uint32_t sequence, uint32_t offset,
                      uint8_t *header) {
    wick_put32(header, e.block | e.bytes << 16);
    wick_put32(header + 4, entry_crc(flash, header, sequence, offset));
}

/* The entry at `offset` of a page with that sequence number. Returns 0 when it is one. */
static int get_entry(const wick_flash *flash, uint32_t offset, uint32_t sequence, entry *e) {
    uint8_t header[WICK_FLASH_ENTRY_BYTES];
    if (read_bare(flash, offset, header, sizeof header) != 0 ||
        wick_get32(header + 4) != entry_crc(flash, header, sequence, offset))
        return -1;
    e->block = wick_get32(header) & 0xFFFFu;
    e->bytes = wick_get32(header) >> 16;
    if (e->block >= flash->shape.blocks || e->bytes > flash->shape.block_bytes)
        return -1;
    uint32_t in_page = offset & (flash->shape.page_bytes - 1u);
    return in_page + wick_flash_entry_bytes(e->bytes, flash->shape.unit_bytes) <=
                   flash->shape.page_bytes
               ? 0
               : -1;
}

static uint32_t place_of(const wick_flash *flash, uint32_t block) {
    return flash->where[block] * flash->shape.unit_bytes;
}

/* Copies the data of an entry at `from` behind its first unit to the entry at `to`. */
static int move_rest(const wick_flash *flash, uint32_t from, uint32_t to, uint32_t bytes) {
    uint32_t unit = flash->shape.unit_bytes;
    uint8_t one[WICK_FLASH_MOST_UNIT];
    for (uint32_t at = unit; at < bytes; at += unit)
        if (read_bare(flash, from + at, one, unit) != 0 ||
            program_bare(flash, to + at, one, unit) != 0)
            return -1;
    return 0;
}

/* Moves a block's newest entry behind flash->at of page `to`, whose number will be `sequence`. */
static int move_entry(wick_flash *flash, uint32_t block, uint32_t to, uint32_t sequence) {
    uint32_t unit = flash->shape.unit_bytes, from = place_of(flash, block);
    uint32_t offset = to * flash->shape.page_bytes + flash->at;
    uint8_t first[WICK_FLASH_MOST_UNIT];
    entry e;
    if (get_entry(flash, from, flash->pages[from / flash->shape.page_bytes].sequence, &e) != 0)
        return -1;
    uint32_t bytes = wick_flash_entry_bytes(e.bytes, unit);
    if (read_bare(flash, from, first, unit) != 0)
        return -1;
    put_entry(flash, e, sequence, offset, first);
    if (move_rest(flash, from, offset, bytes) != 0 || program_bare(flash, offset, first, unit) != 0)
        return -1;
    flash->where[block] = (uint16_t)(offset / unit);
    flash->at += bytes;
    flash->moved += bytes;
    return 0;
}

/* ---- pages ---- */

static uint32_t head_crc(uint32_t crc, const uint8_t *sequence) {
    return wick_crc32(crc, sequence, 4);
}

/* The table of the page at `offset`, to flash->where. Returns 0 when its head is intact and names
   no place outside this flash: a log of another shape may have been here. */
static int load_head(wick_flash *flash, uint32_t offset) {
    uint32_t unit = flash->shape.unit_bytes, blocks = flash->shape.blocks, crc;
    uint32_t units = flash->shape.pages * (flash->shape.page_bytes / unit);
    uint8_t head[8], two[2];
    if (read_bare(flash, offset, head, sizeof head) != 0)
        return -1;
    crc = head_crc(0, head);
    for (uint32_t b = 0; b < blocks; b++) {
        if (read_bare(flash, offset + unit + 2u * b, two, sizeof two) != 0)
            return -1;
        crc = wick_crc32(crc, two, sizeof two);
        flash->where[b] = (uint16_t)(two[0] | two[1] << 8);
        if (flash->where[b] >= units)
            return -1;
    }
    return crc == wick_get32(head + 4) ? 0 : -1;
}

/* The head makes the page count, and all that was moved to it: unit 0 comes last. */
static int write_head(const wick_flash *flash, uint32_t offset, uint32_t sequence) {
    uint32_t unit = flash->shape.unit_bytes, blocks = flash->shape.blocks, crc;
    uint8_t head[WICK_FLASH_MOST_UNIT], table[WICK_FLASH_MOST_UNIT];
    memset(head, 0xFF, sizeof head);
    wick_put32(head, sequence);
    crc = head_crc(0, head);
    for (uint32_t b = 0; b < blocks;) {
        uint32_t at = 2u * b;
        memset(table, 0xFF, sizeof table);
        for (uint32_t i = 0; i < unit && b < blocks; i += 2, b++) {
            table[i] = (uint8_t)flash->where[b];
            table[i + 1u] = (uint8_t)(flash->where[b] >> 8);
            crc = wick_crc32(crc, table + i, 2);
        }
        if (program_bare(flash, offset + unit + at, table, unit) != 0)
            return -1;
    }
    wick_put32(head + 4, crc);
    return pass_barrier(flash) == 0 ? program_bare(flash, offset, head, unit) : -1;
}

/* The page with the largest sequence number; NONE without one. */
static uint32_t newest_page(const wick_flash *flash) {
    uint32_t best = NONE;
    for (uint32_t p = 0; p < flash->shape.pages; p++)
        if (flash->pages[p].sequence != 0 &&
            (best == NONE || flash->pages[p].sequence > flash->pages[best].sequence))
            best = p;
    return best;
}

/* From what the flash holds: the newest state that is whole. No page takes entries. */
static void find_state(wick_flash *flash) {
    uint32_t page_bytes = flash->shape.page_bytes, newest;
    for (uint32_t p = 0; p < flash->shape.pages; p++) {
        uint8_t sequence[4];
        int readable = read_bare(flash, p * page_bytes, sequence, sizeof sequence) == 0;
        flash->pages[p].sequence = readable ? wick_get32(sequence) : 0;
        if (flash->pages[p].sequence == NONE) /* erased: there is no head to read */
            flash->pages[p].sequence = 0;
    }
    flash->head = flash->shape.pages;
    /* One that is torn, or on its way to be erased, may claim any number, the newest page's too. */
    while ((newest = newest_page(flash)) != NONE && load_head(flash, newest * page_bytes) != 0)
        flash->pages[newest].sequence = 0;
    flash->sequence = newest == NONE ? 0 : flash->pages[newest].sequence;
    for (uint32_t p = 0; p < flash->shape.pages; p++)
        if (p != newest && flash->pages[p].sequence == flash->sequence)
            flash->pages[p].sequence = 0;
    if (newest == NONE) {
        memset(flash->where, 0, (size_t)(flash->shape.blocks * sizeof *flash->where));
        return;
    }
    uint32_t at = newest * page_bytes, end = at + page_bytes, unit = flash->shape.unit_bytes;
    entry e;
    /* Entries that were moved stand first: the table names them too. */
    for (at += wick_flash_head_bytes(flash->shape.blocks, unit); at < end;) {
        if (get_entry(flash, at, flash->sequence, &e) != 0)
            break;
        flash->where[e.block] = (uint16_t)(at / unit);
        at += wick_flash_entry_bytes(e.bytes, unit);
    }
}

static void count_live(wick_flash *flash) {
    for (uint32_t p = 0; p < flash->shape.pages; p++)
        flash->pages[p].live = 0;
    for (uint32_t b = 0; b < flash->shape.blocks; b++) {
        uint32_t at = place_of(flash, b);
        wick_flash_page *page = &flash->pages[at / flash->shape.page_bytes];
        entry e;
        if (at == 0)
            continue;
        if (get_entry(flash, at, page->sequence, &e) != 0)
            e.bytes = flash->shape.page_bytes; /* decayed: its page stays as it is */
        page->live += wick_flash_entry_bytes(e.bytes, flash->shape.unit_bytes);
    }
}

/* The oldest page but `other` with at most so many bytes of newest entries. */
static uint32_t oldest_page(const wick_flash *flash, uint32_t live, uint32_t other) {
    uint32_t best = NONE;
    for (uint32_t p = 0; p < flash->shape.pages; p++)
        if (p != other && flash->pages[p].live <= live &&
            (best == NONE || flash->pages[p].sequence < flash->pages[best].sequence))
            best = p;
    return best;
}

static int fill_page(wick_flash *flash, uint32_t page, uint32_t sequence) {
    const wick_flash_shape *shape = &flash->shape;
    uint32_t from = oldest_page(flash, shape->spare_bytes, page);
    flash->at = wick_flash_head_bytes(shape->blocks, shape->unit_bytes);
    if (from == NONE)
        return -1;
    for (uint32_t b = 0; b < shape->blocks && flash->pages[from].live != 0; b++)
        if (flash->where[b] != 0 && place_of(flash, b) / shape->page_bytes == from &&
            move_entry(flash, b, page, sequence) != 0)
            return -1;
    return write_head(flash, page * shape->page_bytes, sequence);
}

/* The page that the last opening emptied is there to be erased; it is not the newest, whose head is
   the state. */
static int open_page(wick_flash *flash) {
    count_live(flash);
    uint32_t page = oldest_page(flash, 0, NONE), sequence = flash->sequence + 1u;
    if (page == NONE)
        return -1;
    flash->pages[page].sequence = 0;
    if (pass_barrier(flash) != 0 || /* what has taken its entries' place is durable */
        flash->erase(flash->under->ctx, page * flash->shape.page_bytes) != 0 ||
        fill_page(flash, page, sequence) != 0) {
        find_state(flash); /* what was moved does not count */
        return -1;
    }
    flash->pages[page].sequence = flash->sequence = sequence;
    flash->head = page;
    flash->opened++;
    return 0;
}

/* ---- the port ---- */

/* Data first, then the unit that makes it count. */
static int program_entry(const wick_flash *flash, uint32_t offset, entry e, const uint8_t *src) {
    uint32_t unit = flash->shape.unit_bytes, in_first = unit - WICK_FLASH_ENTRY_BYTES;
    uint8_t one[WICK_FLASH_MOST_UNIT];
    uint32_t done = e.bytes < in_first ? e.bytes : in_first;
    uint32_t whole = (e.bytes - done) / unit * unit, rest = e.bytes - done - whole;
    if (whole != 0 && program_bare(flash, offset + unit, src + done, whole) != 0)
        return -1;
    memset(one, 0xFF, sizeof one);
    memcpy(one, src + done + whole, (size_t)rest);
    if (rest != 0 && program_bare(flash, offset + unit + whole, one, unit) != 0)
        return -1;
    memset(one, 0xFF, sizeof one);
    put_entry(flash, e, flash->sequence, offset, one);
    memcpy(one + WICK_FLASH_ENTRY_BYTES, src, (size_t)done);
    return program_bare(flash, offset, one, unit);
}

static int append_entry(wick_flash *flash, entry e, const uint8_t *src) {
    uint32_t bytes = wick_flash_entry_bytes(e.bytes, flash->shape.unit_bytes);
    if ((flash->head == flash->shape.pages || flash->at + bytes > flash->shape.page_bytes) &&
        open_page(flash) != 0)
        return -1;
    uint32_t offset = flash->head * flash->shape.page_bytes + flash->at;
    if (program_entry(flash, offset, e, src) != 0) {
        flash->head = flash->shape.pages; /* what it holds there nobody knows: no more entries */
        return -1;
    }
    flash->at += bytes;
    flash->where[e.block] = (uint16_t)(offset / flash->shape.unit_bytes);
    return 0;
}

static int flash_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    wick_flash *flash = ctx;
    uint32_t size = flash->shape.block_bytes;
    const uint8_t *from = src;
    if (offset % size != 0)
        return -1;
    for (uint32_t block = offset / size; bytes != 0; block++) {
        uint32_t part = bytes < size ? bytes : size;
        if (block >= flash->shape.blocks || append_entry(flash, (entry){block, part}, from) != 0)
            return -1;
        from += part;
        bytes -= part;
    }
    return 0;
}

/* A part of one block. What was never written reads as erased. */
static int read_block(const wick_flash *flash, uint32_t block, uint32_t skip, uint8_t *dst,
                      uint32_t bytes) {
    uint32_t at = place_of(flash, block);
    entry e;
    memset(dst, 0xFF, (size_t)bytes);
    if (at == 0)
        return 0;
    if (get_entry(flash, at, flash->pages[at / flash->shape.page_bytes].sequence, &e) != 0 ||
        e.block != block)
        return -1;
    if (skip >= e.bytes)
        return 0;
    bytes = bytes < e.bytes - skip ? bytes : e.bytes - skip;
    return read_bare(flash, at + WICK_FLASH_ENTRY_BYTES + skip, dst, bytes);
}

static int flash_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    const wick_flash *flash = ctx;
    uint32_t size = flash->shape.block_bytes;
    uint8_t *to = dst;
    while (bytes != 0) {
        uint32_t skip = offset % size, part = size - skip;
        part = part < bytes ? part : bytes;
        if (offset / size >= flash->shape.blocks ||
            read_block(flash, offset / size, skip, to, part) != 0)
            return -1;
        to += part;
        offset += part;
        bytes -= part;
    }
    return 0;
}

static const wick_port *under_of(void *ctx) {
    return ((const wick_flash *)ctx)->under;
}

static int flash_barrier(void *ctx) {
    return under_of(ctx)->nvm_barrier(under_of(ctx)->ctx);
}

static uint32_t flash_capacitor_mv(void *ctx) {
    return under_of(ctx)->capacitor_mv(under_of(ctx)->ctx);
}

static int flash_time_ms(void *ctx, uint32_t *ms) {
    return under_of(ctx)->time_ms(under_of(ctx)->ctx, ms);
}

static void flash_sleep(void *ctx, uint32_t ms) {
    under_of(ctx)->sleep(under_of(ctx)->ctx, ms);
}

static int flash_result(void *ctx, const wick_result *result) {
    return under_of(ctx)->result(under_of(ctx)->ctx, result);
}

static int power_of_two(uint32_t value) {
    return value != 0 && (value & (value - 1u)) == 0;
}

static int shape_fits(const wick_flash_shape *s) {
    if (!power_of_two(s->unit_bytes) || s->unit_bytes < WICK_FLASH_ENTRY_BYTES ||
        s->unit_bytes > WICK_FLASH_MOST_UNIT || !power_of_two(s->block_bytes) ||
        !power_of_two(s->page_bytes) || s->block_bytes < s->unit_bytes ||
        s->page_bytes > UINT32_C(65536) || s->block_bytes >= s->page_bytes || s->blocks == 0 ||
        s->blocks > s->page_bytes / 2u || s->pages < 4 || s->pages > UINT32_C(65536) ||
        s->spare_bytes >= s->page_bytes)
        return 0;
    uint32_t used = wick_flash_head_bytes(s->blocks, s->unit_bytes) + s->spare_bytes +
                    wick_flash_entry_bytes(s->block_bytes, s->unit_bytes);
    return used <= s->page_bytes && s->pages <= UINT32_C(65536) / (s->page_bytes / s->unit_bytes);
}

wick_rt_status wick_flash_make(wick_flash *flash, const wick_port *under,
                               int (*erase)(void *ctx, uint32_t offset),
                               const wick_flash_shape *shape, uint16_t *where,
                               wick_flash_page *pages, wick_port *port) {
    if (!shape_fits(shape))
        return WICK_RT_ARGUMENT;
    *flash = (wick_flash){
        .under = under, .erase = erase, .shape = *shape, .where = where, .pages = pages};
    find_state(flash);
    *port = (wick_port){.ctx = flash,
                        .nvm_read = flash_read,
                        .nvm_write = flash_write,
                        .nvm_barrier = flash_barrier,
                        .capacitor_mv = under->capacitor_mv ? flash_capacitor_mv : NULL,
                        .time_ms = under->time_ms ? flash_time_ms : NULL,
                        .sleep = under->sleep ? flash_sleep : NULL,
                        .result = flash_result};
    return WICK_RT_OK;
}
