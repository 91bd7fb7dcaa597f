/* Device profiles and the energy and time cost model. A profile is JSON in share/profiles, the
   kernels of a core are a table in share/profiles/kernels; every number has a source. */
#ifndef WICK_DEVICE_H
#define WICK_DEVICE_H

#include "base/base.h"
#include "device/esr.h"
#include "device/harvester.h"
#include "device/published.h"

#include <stdbool.h>
#include <stdint.h>
#include <wick/flash.h>
#include <wick/model.h>

/* Cycles that a kernel takes on this core, fitted to counted work, and its code. */
typedef struct wick_kernel_cost {
    bool offered;               /* the profile has this kernel: the planner may choose it */
    double cycles_per_mac;      /* conv2d, dwconv2d, fc: one multiply-accumulate; pools: one input
                                   element; add, mul, concat, move: one operand
                                   element; softmax: 0 */
    double cycles_per_lone_mac; /* a multiply-accumulate of the pixels that are left over when a
                                   kernel takes several at once; 0 = as the others */
    int64_t pixels_at_once;     /* with cycles_per_lone_mac: how many, default 2 */
    double cycles_per_strided_mac; /* instead of cycles_per_mac where stride_w > 1; 0 = the same */
    double cycles_per_input;   /* gathering one value of a pixel's window, once for all its output
                                  channels; 0 for kernels that read the input in place */
    double cycles_per_output;  /* requantization, store, loop overhead of one output element */
    double cycles_per_channel; /* setting up each output channel that a call computes */
    double cycles_per_row;     /* the same for each of its rows of outputs */
    double cycles_per_call;    /* entering the kernel */
    int64_t code_bytes;
    int64_t tile_side;     /* computes squares of so many by so many pixels, */
    int64_t tile_channels; /* and so many channels together; 1 for most kernels */
} wick_kernel_cost;

typedef struct wick_device {
    const char *name, *core, *path;
    wick_hash hash; /* of the profile's text and its kernel table's: a plan belongs to exactly this
                       profile */
    const char *kernels; /* name of the kernel table; "of its own" when they stand in the profile */
    const char *cycles_source; /* the rule behind the kernels' cycles; NULL without a table */
    double clock_hz;
    double active_mw; /* CPU running from flash, without NVM traffic */
    double sleep_uw;
    int64_t sram_bytes, flash_bytes;
    struct {
        const char *kind; /* "fram", "mram", "flash" */
        int64_t bytes;
        bool mapped;              /* the CPU loads from it directly */
        int64_t write_unit_bytes; /* smallest write; a power of two, as the two below */
        int64_t ecc_bytes;        /* word that one error-correcting code covers: torn, all of it is
                                     unreadable; 0 = no code, or none that a write can break */
        int64_t checksum_block;   /* bytes that one checksum of wick/guard.h covers; 0 = none. Set
                                     by wick_device_with_checksums, not by profiles */
        int64_t checksum_unit;    /* then: of the memory below */
        int64_t page_bytes;       /* kind "flash": erased as a whole before it is written; else 0 */
        int64_t atomic_bytes;     /* a write of so many aligned bytes is whole or absent at a power
                                     failure; >= 1 */
        double read_nj_per_byte, write_nj_per_byte;
        double read_ns_per_byte, write_ns_per_byte;
        double read_ns_per_access, write_ns_per_access; /* of each transfer: command, address */
        double erase_uj_per_page, erase_us_per_page;    /* kind "flash", else 0 */
        double endurance_cycles;                        /* of a write unit; flash: of a page */
        double weak_below_v; /* supply voltage below which a write may not last; 0 = not stated */
        double reset_v;      /* supply voltage at which the part resets, > weak_below_v; 0 = not
                                stated */
    } nvm;
    struct { /* write-back cache between the core and mapped NVM; line_bytes 0 = none */
        int64_t line_bytes;                         /* a power of two */
        double clean_cycles_per_line, clean_cycles; /* of a barrier: each dirty line; entering it */
    } cache;
    double boot_uj, boot_us; /* from power good to the first span */
    struct {
        double uf;
        double on_v, off_v,
            max_v; /* boot at on_v, brown-out at off_v, clamp at max_v: reset <= off < on <= max */
        double leakage_ua;       /* at max_v; taken proportional to the voltage */
        double efficiency;       /* output converter, (0, 1] */
        double input_efficiency; /* harvester to capacitor, (0, 1] */
        double esr_ohm;          /* series resistance; 0 where the profile gives none */
    } capacitor;
    struct { /* default panel for light traces */
        double area_cm2, efficiency;
        double lux_per_uw_cm2; /* illuminance to irradiance */
    } panel;
    int64_t engine_code_bytes; /* code beside the kernels on this core; 0 = not stated */
    wick_kernel_cost portable[WICK_LAYER_KINDS]; /* all offered */
    wick_kernel_cost fast[WICK_KERNELS];         /* by wick_kernel; [WICK_KERNEL_PORTABLE] unused */
} wick_device;

/* Loads a profile by name or path; freed with the arena. Missing, negative or contradictory numbers
   name the field. "kernels" is an object, every number with its source, or the name of a table in
   share/profiles/kernels (or a path from the profile's folder), which has one source for all cycles
   and one for all code. */
wick_status wick_device_load(wick_arena *arena, const char *name_or_path, wick_device **out,
                             wick_diag *diag);
/* The same device with another capacitor (uf > 0), in `arena`; strings are shared. */
wick_device *wick_device_with_capacitor(wick_arena *arena, const wick_device *device, double uf);
/* The same device with at most so much of its flash, SRAM and NVM (0 = all of it), in `arena`. */
wick_device *wick_device_with_less(wick_arena *arena, const wick_device *device,
                                   int64_t flash_bytes, int64_t sram_bytes, int64_t nvm_bytes);
/* The same device behind wick/guard.h, in `arena`: blocks (8, 16, 32 or 64 bytes) that a cut leaves
   unreadable, nothing mapped, and all costs with the checksums'. The device must write units of at
   most WICK_GUARD_MOST_UNIT bytes. */
wick_device *wick_device_with_checksums(wick_arena *arena, const wick_device *device,
                                        int64_t block);

/* What the device's own figures say of its harvester: a panel, and a constant share of the power.
 */
wick_harvester wick_device_harvester(const wick_device *device);

/* Usable energy between two capacitor voltages in µJ, after the output converter:
   efficiency * uf / 2 * (from_v^2 - to_v^2). Negative when from_v < to_v. */
double wick_device_usable_uj(const wick_device *device, double from_v, double to_v);
/* Usable energy of one charge: on_v down to off_v. */
double wick_device_charge_uj(const wick_device *device);

/* What committed and in-flight bytes must not share: the largest of write unit, ECC word and cache
   line; of flash a block of its log (wick/flash.h), a quarter of a page. A power of two. */
int64_t wick_device_unit_bytes(const wick_device *device);

/* Counted work. */
typedef struct wick_work {
    double cycles;
    int64_t nvm_read_bytes, nvm_write_bytes, nvm_reads, nvm_writes; /* bytes and transfers */
    double nvm_erases; /* pages opened: of flash, each write bears its share */
} wick_work;

typedef struct wick_cost {
    double time_us;
    double compute_uj, nvm_uj; /* compute includes the core waiting for the NVM */
    double energy_uj;          /* sum */
} wick_cost;

/* What layer->kernel takes on the device. */
const wick_kernel_cost *wick_device_kernel(const wick_device *device, const wick_layer *layer);

/* Work of computing `count` output elements of a layer in one call of its kernel:
     cycles = count * (units * cycles_per_mac + cycles_per_output)
              + ceil(count / out_c) * window * cycles_per_input
              + min(count, out_c) * (cycles_per_channel + rows * cycles_per_row) + cycles_per_call,
     rows = ceil(count / (out_w * out_c)) and, for the outputs of the ceil(count / out_c) %
     pixels_at_once left-over pixels, cycles_per_lone_mac instead of cycles_per_mac. A kernel with
   tiles is counted with all outputs of the tiles that `count` outputs can touch, wherever they
   begin. window: k_h*k_w*in_c for conv2d, in_h*in_w*in_c for fc, k_h*k_w*out_c for dwconv2d and
   pools. units per output element: conv2d k_h*k_w*in_c, dwconv2d k_h*k_w, fc in_h*in_w*in_c
   (padding taps included), of kernels for sparse weights the
   entries of their storage, pools k_h*k_w, add n_operands, concat 1. NVM traffic is added by the
   planner. */
wick_work wick_device_layer_work(const wick_device *device, const wick_layer *layer, int64_t count);
/* Work of one write of `bytes` (> 0) to NVM that begins on a unit: whole write units, ECC words and
   cache lines are written; cycles = lines * clean_cycles_per_line. Of flash: entries of its log,
   and their share in opening pages: what a boot opens is at most one page and the shares of its
   writes.
 */
wick_work wick_device_write_work(const wick_device *device, int64_t bytes);
/* Work of a barrier beside the lines that writes made dirty: cycles = clean_cycles. */
wick_work wick_device_barrier_work(const wick_device *device);
wick_work wick_work_add(wick_work a, wick_work b);
/* Time and energy of counted work; the core is active while it waits for the NVM:
     time_us    = cycles / clock_hz * 1e6 + (bytes * ns_per_byte + transfers * ns_per_access) / 1e3
                  + erases * time_us of wick_device_flash_opening
     compute_uj = active_mw * time_us / 1e3
     nvm_uj     = bytes * nj_per_byte / 1e3 + erases * nvm_uj of wick_device_flash_opening */
wick_cost wick_device_cost(const wick_device *device, wick_work work);
wick_cost wick_cost_add(wick_cost a, wick_cost b);

/* Of a device whose memory is flash (nvm.page_bytes > 0), planned behind wick/flash.h. */

/* Most blocks that the engine's region may have: a page's head holds their table in 1/32 of it. */
int64_t wick_device_flash_blocks(const wick_device *device);
/* The log's shape for a region of so many blocks. */
wick_flash_shape wick_device_flash_shape(const wick_device *device, int64_t blocks);
/* Bytes that `bytes` of a block take in the log. */
int64_t wick_device_flash_entry(const wick_device *device, int64_t bytes);
/* Most bytes of newest entries that all blocks together may have, each counted with at most what
   opening a page moves (spare_bytes): three quarters of the pages, at most, are never emptied. */
int64_t wick_device_flash_live(const wick_device *device);
/* Openings between two of the same page, at least, where newest entries have so many bytes. */
double wick_device_flash_turn(const wick_device *device, int64_t live_bytes);
/* SRAM of the log's state. */
int64_t wick_device_flash_ram(const wick_device *device, int64_t blocks);
/* A page's head with the largest table. */
int64_t wick_device_flash_head(const wick_device *device);
/* wick_device_write_work of flash. */
wick_work wick_device_flash_write(const wick_device *device, int64_t bytes);
/* Opening a page at its dearest: erasing it, moving what another one still holds, its head. Time
   and nvm_uj; the core's share comes from the time. */
wick_cost wick_device_flash_opening(const wick_device *device);
/* Finding the state at a boot, and opening the page that its first write needs. */
wick_work wick_device_flash_boot(const wick_device *device);

#endif
