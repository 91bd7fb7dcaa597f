/* Flash behind wick/flash.h: the log's shape and what writing to it takes. */
#include "device/device.h"

enum {
    BLOCKS_A_PAGE = 4, /* a page in blocks */
    SPARE_SHARE = 8,   /* of a page: opening one moves at most so much */
    TABLE_SHARE = 32   /* of a page, for the table of blocks in its head: two bytes a block */
};

/* Estimates for reading the state at a boot (gcc 12.2 -O2, Cortex-M33: wick_crc32 takes about 5
   instructions a byte): of a page's number, of a block in the table, of an entry behind it. */
static const double cycles_page = 60, cycles_block = 72, cycles_entry = 170;

static int64_t up(int64_t bytes, int64_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

static int64_t program_unit(const wick_device *device) {
    return device->nvm.write_unit_bytes > device->nvm.ecc_bytes ? device->nvm.write_unit_bytes
                                                                : device->nvm.ecc_bytes;
}

int64_t wick_device_flash_blocks(const wick_device *device) {
    return device->nvm.page_bytes / TABLE_SHARE / 2;
}

wick_flash_shape wick_device_flash_shape(const wick_device *device, int64_t blocks) {
    int64_t page = device->nvm.page_bytes, block = page / BLOCKS_A_PAGE;
    return (wick_flash_shape){.page_bytes = (uint32_t)page,
                              .pages = (uint32_t)(device->nvm.bytes / page),
                              .unit_bytes = (uint32_t)program_unit(device),
                              .block_bytes = (uint32_t)block,
                              .blocks = (uint32_t)blocks,
                              .spare_bytes = (uint32_t)(page / SPARE_SHARE)};
}

int64_t wick_device_flash_entry(const wick_device *device, int64_t bytes) {
    return up(bytes + WICK_FLASH_ENTRY_BYTES, program_unit(device));
}

int64_t wick_device_flash_live(const wick_device *device) {
    wick_flash_shape shape = wick_device_flash_shape(device, 1);
    return (int64_t)shape.spare_bytes * (shape.pages - 1) * 3 / 4;
}

double wick_device_flash_turn(const wick_device *device, int64_t live_bytes) {
    wick_flash_shape shape = wick_device_flash_shape(device, 1);
    return (double)(shape.pages - 2 - (uint32_t)(live_bytes / shape.spare_bytes));
}

int64_t wick_device_flash_ram(const wick_device *device, int64_t blocks) {
    wick_flash_shape shape = wick_device_flash_shape(device, blocks);
    return (int64_t)sizeof(wick_flash) + blocks * (int64_t)sizeof(uint16_t) +
           shape.pages * (int64_t)sizeof(wick_flash_page);
}

int64_t wick_device_flash_head(const wick_device *device) {
    return program_unit(device) + up(device->nvm.page_bytes / TABLE_SHARE, program_unit(device));
}

wick_work wick_device_flash_write(const wick_device *device, int64_t bytes) {
    int64_t block = device->nvm.page_bytes / BLOCKS_A_PAGE, whole = bytes / block;
    int64_t entry = wick_device_flash_entry(device, block);
    /* The next entry did not fit: so much of a page, at least, is written before another is opened.
     */
    int64_t used = device->nvm.page_bytes - wick_device_flash_head(device) -
                   device->nvm.page_bytes / SPARE_SHARE - entry + program_unit(device);
    wick_work work = {.nvm_write_bytes = whole * entry, .nvm_writes = 2 * whole};
    if (bytes % block) {
        work.nvm_write_bytes += wick_device_flash_entry(device, bytes % block);
        work.nvm_writes += 2;
    }
    work.nvm_erases = (double)work.nvm_write_bytes / (double)used;
    return work;
}

wick_cost wick_device_flash_opening(const wick_device *device) {
    double moved = (double)(device->nvm.page_bytes / SPARE_SHARE);
    double bytes = (double)wick_device_flash_head(device) + moved;
    double units = 2 + moved / (double)program_unit(device);
    return (wick_cost){
        .time_us =
            device->nvm.erase_us_per_page +
            (bytes * device->nvm.write_ns_per_byte + units * device->nvm.write_ns_per_access +
             moved * device->nvm.read_ns_per_byte + units * device->nvm.read_ns_per_access) /
                1e3,
        .nvm_uj =
            device->nvm.erase_uj_per_page +
            (bytes * device->nvm.write_nj_per_byte + moved * device->nvm.read_nj_per_byte) / 1e3};
}

wick_work wick_device_flash_boot(const wick_device *device) {
    wick_flash_shape shape = wick_device_flash_shape(device, 1);
    int64_t blocks = wick_device_flash_blocks(device), head = wick_device_flash_head(device);
    int64_t entries = (shape.page_bytes - head) / wick_device_flash_entry(device, 1);
    return (wick_work){.cycles = (double)shape.pages * cycles_page + (double)blocks * cycles_block +
                                 (double)entries * cycles_entry,
                       .nvm_read_bytes = 4 * shape.pages + head + entries * WICK_FLASH_ENTRY_BYTES,
                       .nvm_reads = shape.pages + blocks + entries,
                       .nvm_erases = 1};
}
