/* SPDX-License-Identifier: 0BSD */
#include "flash_use.h"

#include <stddef.h>

static uint64_t draw(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(uint64_t *random, uint32_t limit) {
    return (uint32_t)(draw(random) % limit);
}

const char *flash_use(flash_emulation *chip, const wick_flash_shape *shape, uint16_t *where,
                      wick_flash_page *pages, const uint32_t record_offset[2], uint64_t seed) {
    const wick_port bare = {.ctx = chip,
                            .nvm_read = flash_emulation_read,
                            .nvm_write = flash_emulation_program,
                            .nvm_barrier = flash_emulation_barrier};
    wick_flash flash = {.sequence = 0};
    wick_port port;
    uint8_t bytes[32];
    for (uint32_t boot = 0; boot < 3 * shape->pages || flash.sequence < 2 * shape->pages; boot++) {
        if (boot > 1000 * shape->pages)
            return "the pages do not take turns";
        if (wick_flash_make(&flash, &bare, flash_emulation_erase, shape, where, pages, &port) !=
            WICK_RT_OK)
            return "the log refuses its shape";
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t block = boot < shape->blocks ? boot : below(&seed, shape->blocks);
            if (boot >= shape->pages)
                block = block % (shape->blocks / 2 + 1);
            uint32_t offset = block * shape->block_bytes;
            for (uint32_t b = 0; b < sizeof bytes; b++)
                bytes[b] = (uint8_t)draw(&seed);
            if (offset != record_offset[0] && offset != record_offset[1] &&
                port.nvm_write(port.ctx, offset, bytes, 1u + below(&seed, 8)) != 0)
                return "a log in use takes no more entries";
        }
        if (chip->violations)
            return "the log programs units that are not erased";
    }
    return NULL;
}
