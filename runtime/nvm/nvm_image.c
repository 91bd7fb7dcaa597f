/* SPDX-License-Identifier: 0BSD */
/* Two slots for a model image and the header that says which counts. Layout and promises: image.h.
 */
#include <wick/image.h>

enum { IMAGE_CRC_AT = WICK_IMAGE_HEADER_BYTES - 4, FIELDS = 11 };

#define IMAGE_MAGIC (UINT32_C(0x006D6977) | UINT32_C(1) << 24)

static void put_header(const wick_image *image, uint8_t *p) {
    const uint32_t fields[FIELDS] = {
        image->sequence,   image->slot,     image->layout[0],      image->layout[1],
        image->bytes,      image->crc,      image->next_layout[0], image->next_layout[1],
        image->next_bytes, image->next_crc, image->written};
    wick_put32(p, IMAGE_MAGIC);
    for (uint32_t i = 0; i < FIELDS; i++)
        wick_put32(p + 4 + 4 * i, fields[i]);
    wick_put32(p + IMAGE_CRC_AT, wick_crc32(0, p, IMAGE_CRC_AT));
}

static void get_header(const uint8_t *p, wick_image *image) {
    *image = (wick_image){.sequence = wick_get32(p + 4),
                          .slot = wick_get32(p + 8),
                          .layout = {wick_get32(p + 12), wick_get32(p + 16)},
                          .bytes = wick_get32(p + 20),
                          .crc = wick_get32(p + 24),
                          .next_layout = {wick_get32(p + 28), wick_get32(p + 32)},
                          .next_bytes = wick_get32(p + 36),
                          .next_crc = wick_get32(p + 40),
                          .written = wick_get32(p + 44)};
}

/* OK, FRESH (no trace of a header), CORRUPT or NVM. */
static wick_rt_status load_header(const wick_image_places *places, const wick_port *port,
                                  uint8_t copy, wick_image *image) {
    uint8_t bytes[WICK_IMAGE_HEADER_BYTES];
    if (port->nvm_read(port->ctx, places->header_offset[copy], bytes, sizeof bytes) != 0)
        return WICK_RT_NVM;
    get_header(bytes, image);
    image->copy = copy;
    if (wick_get32(bytes) != IMAGE_MAGIC)
        return WICK_RT_FRESH;
    if (wick_get32(bytes + IMAGE_CRC_AT) != wick_crc32(0, bytes, IMAGE_CRC_AT))
        return WICK_RT_CORRUPT;
    int possible = image->slot <= 1 && image->bytes <= places->slot_bytes &&
                   image->next_bytes <= places->slot_bytes && image->written <= image->next_bytes;
    return possible ? WICK_RT_OK : WICK_RT_CORRUPT;
}

wick_rt_status wick_image_load(const wick_image_places *places, const wick_port *port,
                               wick_image *image) {
    wick_image copies[2];
    wick_rt_status a = load_header(places, port, 0, &copies[0]);
    wick_rt_status b = load_header(places, port, 1, &copies[1]);
    if (a != WICK_RT_OK && b != WICK_RT_OK) {
        *image = (wick_image){.copy = 1};
        if (a == WICK_RT_NVM && b == WICK_RT_NVM)
            return WICK_RT_NVM;
        /* One copy without a trace: the other, if it is damaged, is a first one that was cut. */
        return a == WICK_RT_FRESH || b == WICK_RT_FRESH ? WICK_RT_FRESH : WICK_RT_CORRUPT;
    }
    int second = a != WICK_RT_OK;
    if (a == b) {
        uint32_t ahead = copies[1].sequence - copies[0].sequence; /* modulo 2^32 */
        second = ahead != 0 && ahead < UINT32_C(0x80000000);
    }
    *image = copies[second];
    return WICK_RT_OK;
}

/* Commits *next to the other copy; *image changes only when that is durable. */
static wick_rt_status commit_header(const wick_image_places *places, const wick_port *port,
                                    wick_image *image, const wick_image *next) {
    uint8_t bytes[WICK_IMAGE_HEADER_BYTES];
    wick_image header = *next;
    header.sequence = image->sequence + 1u;
    header.copy = (uint8_t)(image->copy ^ 1u);
    put_header(&header, bytes);
    if (port->nvm_barrier(port->ctx) != 0 ||
        port->nvm_write(port->ctx, places->header_offset[header.copy], bytes, sizeof bytes) != 0 ||
        port->nvm_barrier(port->ctx) != 0)
        return WICK_RT_NVM;
    *image = header;
    return WICK_RT_OK;
}

static wick_rt_status slot_crc(const wick_image_places *places, const wick_port *port,
                               uint32_t slot, uint32_t bytes, uint32_t *crc) {
    uint8_t piece[32];
    *crc = 0;
    for (uint32_t done = 0; done < bytes; done += sizeof piece) {
        uint32_t n = bytes - done < sizeof piece ? bytes - done : (uint32_t)sizeof piece;
        if (port->nvm_read(port->ctx, places->slot_offset[slot] + done, piece, n) != 0)
            return WICK_RT_NVM;
        *crc = wick_crc32(*crc, piece, n);
    }
    return WICK_RT_OK;
}

wick_rt_status wick_image_check(const wick_image_places *places, const wick_port *port,
                                const wick_image *image) {
    uint32_t crc;
    if (image->bytes == 0)
        return WICK_RT_FRESH;
    wick_rt_status status = slot_crc(places, port, image->slot, image->bytes, &crc);
    return status == WICK_RT_OK && crc != image->crc ? WICK_RT_CORRUPT : status;
}

wick_rt_status wick_image_begin(const wick_image_places *places, const wick_port *port,
                                wick_image *image, const uint32_t layout[2], uint32_t bytes,
                                uint32_t crc) {
    if (bytes == 0 || bytes > places->slot_bytes)
        return WICK_RT_ARGUMENT;
    if (image->next_bytes == bytes && image->next_crc == crc &&
        image->next_layout[0] == layout[0] && image->next_layout[1] == layout[1])
        return WICK_RT_OK;
    wick_image next = *image;
    next.next_layout[0] = layout[0];
    next.next_layout[1] = layout[1];
    next.next_bytes = bytes;
    next.next_crc = crc;
    next.written = 0;
    return commit_header(places, port, image, &next);
}

wick_rt_status wick_image_append(const wick_image_places *places, const wick_port *port,
                                 wick_image *image, const void *data, uint32_t bytes) {
    uint32_t unit = places->write_unit ? places->write_unit : 1;
    uint32_t left = image->next_bytes - image->written;
    if (bytes == 0 || bytes > left || (bytes != left && bytes % unit != 0))
        return WICK_RT_ARGUMENT;
    uint32_t offset = places->slot_offset[image->slot ^ 1u] + image->written;
    if (port->nvm_write(port->ctx, offset, data, bytes) != 0)
        return WICK_RT_NVM;
    wick_image next = *image;
    next.written += bytes;
    return commit_header(places, port, image, &next);
}

wick_rt_status wick_image_finish(const wick_image_places *places, const wick_port *port,
                                 wick_image *image) {
    uint32_t crc;
    if (image->next_bytes == 0 || image->written != image->next_bytes)
        return WICK_RT_ARGUMENT;
    wick_rt_status status = slot_crc(places, port, image->slot ^ 1u, image->next_bytes, &crc);
    if (status != WICK_RT_OK)
        return status;
    wick_image next = *image;
    next.written = 0;
    if (crc == image->next_crc) {
        next.slot ^= 1u;
        next.layout[0] = next.next_layout[0];
        next.layout[1] = next.next_layout[1];
        next.bytes = next.next_bytes;
        next.crc = crc;
        next.next_bytes = 0;
    }
    status = commit_header(places, port, image, &next);
    if (status != WICK_RT_OK)
        return status;
    return crc == next.next_crc ? WICK_RT_OK : WICK_RT_CORRUPT;
}
