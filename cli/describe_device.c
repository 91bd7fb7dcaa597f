#include "describe_device.h"
#include "cli.h"
#include "device/device.h"
#include "weights/weights.h"

#include <stdio.h>
#include <string.h>

/* One offered kernel. */
typedef struct kernel_row {
    const char *name;
    const wick_kernel_cost *cost;
} kernel_row;

/* The kernels of a device, portable ones first; rows has room for all. */
static int kernels_of(const wick_device *device, kernel_row *rows) {
    static const uint8_t kind_of[] = {0,
#define X(NAME, name, KIND) WICK_LAYER_##KIND,
                                      WICK_KERNEL_TABLE(X)
#undef X
    };
    int n = 0;
    for (int kind = 0; kind < WICK_LAYER_KINDS; kind++)
        rows[n++] = (kernel_row){wick_kernel_name((uint8_t)kind, WICK_KERNEL_PORTABLE),
                                 &device->portable[kind]};
    for (int k = 1; k < WICK_KERNELS; k++)
        if (device->fast[k].offered)
            rows[n++] = (kernel_row){wick_kernel_name(kind_of[k], (uint8_t)k), &device->fast[k]};
    return n;
}

static const char *cycles_text(wick_arena *arena, double cycles) {
    return cycles > 0 ? wick_arena_printf(arena, "%g", cycles) : "-";
}

/* What the kernel computes as a whole: of what is left over it takes as much, or lone MACs. */
static const char *units_text(wick_arena *arena, const wick_kernel_cost *cost) {
    if (cost->tile_side > 1)
        return wick_arena_printf(arena, "%lldx%lldx%lld tiles", (long long)cost->tile_side,
                                 (long long)cost->tile_side, (long long)cost->tile_channels);
    if (cost->cycles_per_lone_mac > 0)
        return wick_arena_printf(arena, "%lld pixels",
                                 (long long)(cost->pixels_at_once ? cost->pixels_at_once : 2));
    return "-";
}

static void print_kernels(const wick_device *device, wick_arena *arena) {
    enum { COLUMNS = 11 };
    static const char *const header[COLUMNS] = {"cycles a", "MAC",    "lone MAC",      "strided",
                                                "input",    "output", "channel",       "row",
                                                "call",     "code",   "computes whole"};
    kernel_row rows[WICK_LAYER_KINDS + WICK_KERNELS];
    int n = kernels_of(device, rows);
    const char **cells = wick_new(arena, const char *, COLUMNS *(n + 1));
    memcpy(cells, header, sizeof header);
    for (int i = 0; i < n; i++) {
        const wick_kernel_cost *cost = rows[i].cost;
        const char **row = cells + COLUMNS * (i + 1);
        row[0] = rows[i].name;
        row[1] = cycles_text(arena, cost->cycles_per_mac);
        row[2] = cycles_text(arena, cost->cycles_per_lone_mac);
        row[3] = cycles_text(arena, cost->cycles_per_strided_mac);
        row[4] = cycles_text(arena, cost->cycles_per_input);
        row[5] = cycles_text(arena, cost->cycles_per_output);
        row[6] = cycles_text(arena, cost->cycles_per_channel);
        row[7] = cycles_text(arena, cost->cycles_per_row);
        row[8] = cycles_text(arena, cost->cycles_per_call);
        row[9] = wick_text_bytes(arena, (double)cost->code_bytes);
        row[10] = units_text(arena, cost);
    }
    cli_print_table(cells, n + 1, COLUMNS);
}

static void print_memory(const wick_device *d, wick_arena *arena) {
    printf("NVM       %s of %s%s, write unit %lld B", wick_text_bytes(arena, (double)d->nvm.bytes),
           d->nvm.kind, d->nvm.mapped ? " that the core loads from directly" : "",
           (long long)d->nvm.write_unit_bytes);
    if (d->nvm.ecc_bytes)
        printf(", ECC word %lld B", (long long)d->nvm.ecc_bytes);
    if (d->nvm.page_bytes)
        printf(", erased in pages of %lld B (%g µs, %g µJ)", (long long)d->nvm.page_bytes,
               d->nvm.erase_us_per_page, d->nvm.erase_uj_per_page);
    printf(
        "\n          reading %g ns and %g nJ a byte, %g ns an access; writing %g ns and %g nJ, %g "
        "ns; %.3g writes\n",
        d->nvm.read_ns_per_byte, d->nvm.read_nj_per_byte, d->nvm.read_ns_per_access,
        d->nvm.write_ns_per_byte, d->nvm.write_nj_per_byte, d->nvm.write_ns_per_access,
        d->nvm.endurance_cycles);
    if (d->cache.line_bytes)
        printf(
            "cache     write-back, lines of %lld B; a barrier takes %g cycles and %g for each dirty "
            "line\n",
            (long long)d->cache.line_bytes, d->cache.clean_cycles, d->cache.clean_cycles_per_line);
    printf("units     committed and in-flight bytes share no %lld B\n",
           (long long)wick_device_unit_bytes(d));
    if (d->nvm.reset_v > 0)
        printf("supply    writes are weak below %.2f V, the part resets at %.2f V\n",
               d->nvm.weak_below_v, d->nvm.reset_v);
}

static void print_text(const wick_device *d) {
    wick_arena *arena = wick_arena_new();
    printf("%s: %s at %g MHz, %g mW active, %g µW asleep, boot %g µJ and %g ms\n\n", d->name,
           d->core, d->clock_hz / 1e6, d->active_mw, d->sleep_uw, d->boot_uj, d->boot_us / 1e3);
    printf("SRAM      %s\nflash     %s\n", wick_text_bytes(arena, (double)d->sram_bytes),
           wick_text_bytes(arena, (double)d->flash_bytes));
    print_memory(d, arena);
    printf("capacitor %g µF, wakes at %.2f V, stops at %.2f V: %s a charge\n\n", d->capacitor.uf,
           d->capacitor.on_v, d->capacitor.off_v,
           wick_text_energy(arena, wick_device_charge_uj(d)));
    print_kernels(d, arena);
    printf("\nkernels %s; cycles: %s\nsources of all numbers: %s\n", d->kernels,
           d->cycles_source ? d->cycles_source : "as the profile says", d->path);
    wick_arena_free(arena);
}

static json_t *kernels_json(const wick_device *device) {
    kernel_row rows[WICK_LAYER_KINDS + WICK_KERNELS];
    int n = kernels_of(device, rows);
    json_t *object = json_object();
    for (int i = 0; i < n; i++) {
        const wick_kernel_cost *c = rows[i].cost;
        json_object_set_new(
            object, rows[i].name,
            json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:I,s:I,s:I}", "cycles_per_mac",
                      c->cycles_per_mac, "cycles_per_strided_mac", c->cycles_per_strided_mac,
                      "cycles_per_lone_mac", c->cycles_per_lone_mac, "cycles_per_input",
                      c->cycles_per_input, "cycles_per_output", c->cycles_per_output,
                      "cycles_per_channel", c->cycles_per_channel, "cycles_per_row",
                      c->cycles_per_row, "cycles_per_call", c->cycles_per_call, "code_bytes",
                      (json_int_t)c->code_bytes, "pixels_at_once", (json_int_t)c->pixels_at_once,
                      "tile_side", (json_int_t)c->tile_side, "tile_channels",
                      (json_int_t)c->tile_channels));
    }
    return object;
}

wick_status cli_describe_device(const char *name, bool json, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_device *d;
    wick_status status = wick_device_load(arena, name, &d, diag);
    if (status == WICK_OK && !json)
        print_text(d);
    else if (status == WICK_OK &&
             !cli_print_json(json_pack(
                 "{s:s,s:s,s:f,s:f,s:I,s:I,s:s,s:I,s:I,s:I,s:f,s:s?,s:o}", "name", d->name, "core",
                 d->core, "clock_hz", d->clock_hz, "active_mw", d->active_mw, "sram_bytes",
                 (json_int_t)d->sram_bytes, "flash_bytes", (json_int_t)d->flash_bytes, "nvm_kind",
                 d->nvm.kind, "nvm_bytes", (json_int_t)d->nvm.bytes, "write_unit_bytes",
                 (json_int_t)d->nvm.write_unit_bytes, "unit_bytes",
                 (json_int_t)wick_device_unit_bytes(d), "charge_uj", wick_device_charge_uj(d),
                 "cycles_source", d->cycles_source, "kernels", kernels_json(d))))
        status = WICK_OUTPUT;
    wick_arena_free(arena);
    return status;
}
