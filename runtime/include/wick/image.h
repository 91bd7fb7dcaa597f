/* SPDX-License-Identifier: 0BSD */
/* A model image in non-volatile memory, and its update in the field, in any number of pieces and
   power failures. Two slots hold the image (what the model's constants point into: weights, tables,
   or all of model_data.c linked to the slot's address); a header, kept as the progress records are,
   says which slot counts and how far the other one has been filled. The slot that counts is never
   written, and the header changes over in one commit, after the new image was read back and passed
   its checksum. So at any cut there is one whole image: the old one until the change, the new one
   from then on. The engine's own memory belongs to one layout (wick_model.id): the first boot with
   the new image finds it FOREIGN and formats it, unless the layouts are equal. An input that was in
   work is gone with it: submit again what is not answered (G5, G8). */
#ifndef WICK_IMAGE_H
#define WICK_IMAGE_H

#include <wick/nvm.h>

enum { WICK_IMAGE_HEADER_BYTES = 52 };

/* Where they are: the same in every firmware of a device, beside every model's own region, and none
   within a write unit, ECC word, cache line or page of another. Offsets as the port's. */
typedef struct wick_image_places {
    uint32_t header_offset[2];
    uint32_t slot_offset[2], slot_bytes;
    uint32_t write_unit; /* bytes; pieces end on it */
} wick_image_places;

/* In NVM, little-endian: 0 "wim", 3 format (1), 4 sequence, 8 slot (4 bytes), 12 layout[0], 16
   layout[1], 20 bytes, 24 crc, 28 next_layout[0], 32 next_layout[1], 36 next_bytes, 40 next_crc, 44
   written, 48 CRC-32 over bytes 0 to 47. */
typedef struct wick_image {
    uint32_t sequence;
    uint32_t slot;      /* that counts: 0 or 1 */
    uint32_t layout[2]; /* wick_model.id of what it holds */
    uint32_t bytes;     /* 0 = no image yet */
    uint32_t crc;       /* CRC-32 of it */
    uint32_t next_layout[2], next_bytes,
        next_crc;     /* of the update under way; next_bytes 0 = none */
    uint32_t written; /* of it, durable in the other slot */
    uint8_t copy;     /* of the header */
} wick_image;

/* After a reset. OK; FRESH: there has never been a header (*image is one without image); CORRUPT:
   both copies are damaged, or say what cannot be; NVM: neither can be read. */
wick_rt_status wick_image_load(const wick_image_places *places, const wick_port *port,
                               wick_image *image);
/* Reads the slot that counts and compares its checksum: OK, CORRUPT, NVM, or FRESH without an
 * image. */
wick_rt_status wick_image_check(const wick_image_places *places, const wick_port *port,
                                const wick_image *image);
/* An update to an image of `bytes` with this layout and CRC-32. The same update once more goes on
   where it was: send from image->written on. Another one starts over. OK, NVM, or ARGUMENT when it
   is empty or too large. */
wick_rt_status wick_image_begin(const wick_image_places *places, const wick_port *port,
                                wick_image *image, const uint32_t layout[2], uint32_t bytes,
                                uint32_t crc);
/* The next piece: whole write units, but for the last. Durable when it returns OK. NVM: may be
   repeated. ARGUMENT: no update is under way, or the piece is of another size. */
wick_rt_status wick_image_append(const wick_image_places *places, const wick_port *port,
                                 wick_image *image, const void *data, uint32_t bytes);
/* All pieces are there: the new image counts from now on. CORRUPT: its checksum is another one, the
   update starts over and the old image stands. ARGUMENT: pieces are missing. NVM: may be repeated.
 */
wick_rt_status wick_image_finish(const wick_image_places *places, const wick_port *port,
                                 wick_image *image);

#endif
