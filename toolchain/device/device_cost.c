/* The cost model: counted work to time and energy. The formulas stand in device.h. */
#include "device/device.h"

#include "weights/weights.h"
#include <wick/guard.h>

double wick_device_usable_uj(const wick_device *device, double from_v, double to_v) {
    return device->capacitor.efficiency * device->capacitor.uf / 2.0 *
           (from_v * from_v - to_v * to_v);
}

double wick_device_charge_uj(const wick_device *device) {
    return wick_device_usable_uj(device, device->capacitor.on_v, device->capacitor.off_v);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t pieces(int64_t bytes, int64_t size) {
    return (bytes + size - 1) / size;
}

/* What one write always writes as a whole, but to flash. */
static int64_t written_unit(const wick_device *device) {
    return larger(larger(device->nvm.write_unit_bytes, device->nvm.ecc_bytes),
                  device->cache.line_bytes);
}

int64_t wick_device_unit_bytes(const wick_device *device) {
    return device->nvm.page_bytes ? wick_device_flash_shape(device, 1).block_bytes
                                  : written_unit(device);
}

/* Multiply-accumulates, input elements or operand elements behind one output element. */
static double units_per_output(const wick_layer *layer) {
    double window = (double)layer->k_h * layer->k_w;
    switch ((wick_layer_kind)layer->kind) {
    case WICK_LAYER_CONV2D:
        return window * layer->in_c;
    case WICK_LAYER_DWCONV2D:
    case WICK_LAYER_MAXPOOL:
    case WICK_LAYER_AVGPOOL:
        return window;
    case WICK_LAYER_FC:
        return (double)layer->in_h * layer->in_w * layer->in_c;
    case WICK_LAYER_ADD:
    case WICK_LAYER_MUL:
        return layer->n_operands;
    case WICK_LAYER_CONCAT:
    case WICK_LAYER_MOVE:
    case WICK_LAYER_SOFTMAX:
    case WICK_LAYER_KINDS:
        break;
    }
    return 1.0;
}

/* Input values behind one output pixel, all channels of it. */
static double window_values(const wick_layer *layer) {
    double window = (double)layer->k_h * layer->k_w;
    switch ((wick_layer_kind)layer->kind) {
    case WICK_LAYER_CONV2D:
    case WICK_LAYER_FC:
        return units_per_output(layer);
    case WICK_LAYER_DWCONV2D:
    case WICK_LAYER_MAXPOOL:
    case WICK_LAYER_AVGPOOL:
        return window * layer->out_c;
    case WICK_LAYER_SOFTMAX:
        return layer->in_c;
    case WICK_LAYER_ADD:
    case WICK_LAYER_CONCAT:
    case WICK_LAYER_MOVE:
    case WICK_LAYER_MUL:
    case WICK_LAYER_KINDS:
        break;
    }
    return layer->out_c;
}

const wick_kernel_cost *wick_device_kernel(const wick_device *device, const wick_layer *layer) {
    return layer->kernel ? &device->fast[layer->kernel] : &device->portable[layer->kind];
}

/* Outputs of the pixels that are left over. */
static int64_t lone_outputs(const wick_kernel_cost *kernel, const wick_layer *layer, int64_t count,
                            int64_t pixels) {
    int64_t left = pixels % (kernel->pixels_at_once ? kernel->pixels_at_once : 2);
    if (!(kernel->cycles_per_lone_mac > 0))
        return 0;
    return left * layer->out_c < count ? left * layer->out_c : count;
}

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Outputs of all tiles that so many outputs can touch. */
static int64_t tile_outputs(const wick_kernel_cost *kernel, const wick_layer *layer,
                            int64_t count) {
    int64_t side = kernel->tile_side, out_w = layer->out_w, across = divide_up(out_w, side);
    int64_t pixels = divide_up(count, layer->out_c), whole = pixels / out_w, tiles;
    if (pixels < out_w) { /* of one row, or across its end: one row of tiles */
        tiles = divide_up(pixels - 1, side) + 1;
        tiles = tiles < across ? tiles : across;
    } else {
        tiles = divide_up(whole + (pixels % out_w ? 2 : 0), side) * across;
    }
    int64_t channels = count < layer->out_c ? count : layer->out_c;
    channels = divide_up(channels, kernel->tile_channels) * kernel->tile_channels;
    return tiles * side * side * (channels < layer->out_c ? channels : layer->out_c);
}

wick_work wick_device_layer_work(const wick_device *device, const wick_layer *layer,
                                 int64_t count) {
    const wick_kernel_cost *kernel = wick_device_kernel(device, layer);
    if (kernel->tile_side > 1)
        count = tile_outputs(kernel, layer, count);
    int64_t pixels = (count + layer->out_c - 1) / layer->out_c;
    int64_t channels = count < layer->out_c ? count : layer->out_c;
    int64_t row = (int64_t)layer->out_w * layer->out_c, rows = (count + row - 1) / row;
    int64_t lone = lone_outputs(kernel, layer, count, pixels);
    double per_mac = kernel->cycles_per_mac;
    if (layer->stride_w > 1 && kernel->cycles_per_strided_mac > 0)
        per_mac = kernel->cycles_per_strided_mac;
    double in_products =
        (double)(count - lone) * per_mac + (double)lone * kernel->cycles_per_lone_mac;
    double products = wick_weights_products(layer);
    if (products < 0)
        products = units_per_output(layer);
    double set_up = kernel->cycles_per_channel + (double)rows * kernel->cycles_per_row;
    return (wick_work){.cycles = in_products * products +
                                 (double)count * kernel->cycles_per_output +
                                 (double)pixels * window_values(layer) * kernel->cycles_per_input +
                                 (double)channels * set_up + kernel->cycles_per_call};
}

wick_work wick_device_write_work(const wick_device *device, int64_t bytes) {
    if (device->nvm.page_bytes)
        return wick_device_flash_write(device, bytes);
    int64_t unit = written_unit(device);
    wick_work work = {.nvm_write_bytes = pieces(bytes, unit) * unit, .nvm_writes = 1};
    if (device->cache.line_bytes)
        work.cycles =
            (double)pieces(bytes, device->cache.line_bytes) * device->cache.clean_cycles_per_line;
    return work;
}

wick_work wick_device_barrier_work(const wick_device *device) {
    return (wick_work){.cycles = device->cache.clean_cycles};
}

wick_work wick_work_add(wick_work a, wick_work b) {
    return (wick_work){.cycles = a.cycles + b.cycles,
                       .nvm_read_bytes = a.nvm_read_bytes + b.nvm_read_bytes,
                       .nvm_write_bytes = a.nvm_write_bytes + b.nvm_write_bytes,
                       .nvm_reads = a.nvm_reads + b.nvm_reads,
                       .nvm_writes = a.nvm_writes + b.nvm_writes,
                       .nvm_erases = a.nvm_erases + b.nvm_erases};
}

/* Estimates for wick/guard.h: the loop of wick_crc32 has 16 instructions for four bytes (gcc 12.2
   -O2 for Cortex-M4), five of them loads of two cycles; a byte is copied besides, and a block
   takes two calls, its number, comparing and the loop around it. */
static const double guard_cycles_per_byte = 6.5, guard_cycles_per_block = 120;

/* Behind wick/guard.h every block is a transfer of its own, with its checksum; a read takes whole
   blocks and may begin and end within one. */
static wick_work guarded(const wick_device *device, wick_work work) {
    int64_t block = device->nvm.checksum_block;
    if (block == 0)
        return work;
    int64_t read = work.nvm_read_bytes / block + 2 * work.nvm_reads;
    int64_t written = pieces(work.nvm_write_bytes, block);
    double each = (double)block * guard_cycles_per_byte + guard_cycles_per_block;
    work.cycles += (double)(read + written) * each;
    work.nvm_reads = read;
    work.nvm_writes = written;
    work.nvm_read_bytes = read * (block + WICK_GUARD_SUM_BYTES);
    work.nvm_write_bytes =
        written * wick_guard_stride((uint32_t)block, (uint32_t)device->nvm.checksum_unit);
    return work;
}

wick_cost wick_device_cost(const wick_device *device, wick_work work) {
    work = guarded(device, work);
    wick_cost page = {0};
    if (device->nvm.page_bytes)
        page = wick_device_flash_opening(device);
    double nvm_ns = (double)work.nvm_read_bytes * device->nvm.read_ns_per_byte +
                    (double)work.nvm_write_bytes * device->nvm.write_ns_per_byte +
                    (double)work.nvm_reads * device->nvm.read_ns_per_access +
                    (double)work.nvm_writes * device->nvm.write_ns_per_access;
    double nvm_nj = (double)work.nvm_read_bytes * device->nvm.read_nj_per_byte +
                    (double)work.nvm_write_bytes * device->nvm.write_nj_per_byte;
    wick_cost cost = {.time_us = work.cycles / device->clock_hz * 1e6 + nvm_ns / 1e3 +
                                 work.nvm_erases * page.time_us,
                      .nvm_uj = nvm_nj / 1e3 + work.nvm_erases * page.nvm_uj};
    cost.compute_uj = device->active_mw * cost.time_us / 1e3;
    cost.energy_uj = cost.compute_uj + cost.nvm_uj;
    return cost;
}

wick_cost wick_cost_add(wick_cost a, wick_cost b) {
    return (wick_cost){.time_us = a.time_us + b.time_us,
                       .compute_uj = a.compute_uj + b.compute_uj,
                       .nvm_uj = a.nvm_uj + b.nvm_uj,
                       .energy_uj = a.energy_uj + b.energy_uj};
}
