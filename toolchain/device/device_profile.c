/* Reads a device profile. Every number is {"value": x, "source": "..."}: a number without a source
   is refused, because every prediction of the toolchain rests on these. */
#include "device/device.h"

#include <string.h>

/* Upper ends are sanity bounds: a value beyond them is a unit mistake. */
static const double big = 1e12;
static const double tiny = 1e-12;

static wick_status sourced(wick_json_at at, const char *key, wick_json_at *member) {
    static const char *const known[] = {"value", "source", NULL};
    WICK_TRY(wick_json_get(at, key, member));
    if (!json_is_object(member->value))
        return wick_json_fail(*member, WICK_SYNTAX,
                              "write {\"value\": ..., \"source\": \"datasheet / paper / "
                              "measurement / estimate: ...\"}",
                              "a physical number needs its source");
    WICK_TRY(wick_json_only(*member, known));
    const char *source;
    WICK_TRY(wick_json_string(*member, "source", &source));
    if (!source[strspn(source, " \t")])
        return wick_json_fail(*member, WICK_MISSING,
                              "say where the number comes from, or that it is an estimate",
                              "the source is empty");
    return WICK_OK;
}

static wick_status number(wick_json_at at, const char *key, double min, double max, double *out) {
    wick_json_at member;
    WICK_TRY(sourced(at, key, &member));
    return wick_json_number(member, "value", min, max, out);
}

static wick_status integer(wick_json_at at, const char *key, int64_t min, int64_t max,
                           int64_t *out) {
    wick_json_at member;
    WICK_TRY(sourced(at, key, &member));
    return wick_json_int(member, "value", min, max, out);
}

static wick_status read_memory(wick_json_at root, wick_device *device) {
    static const char *const known[] = {"kind",
                                        "bytes",
                                        "mapped",
                                        "write_unit_bytes",
                                        "atomic_bytes",
                                        "read_nj_per_byte",
                                        "write_nj_per_byte",
                                        "read_ns_per_byte",
                                        "write_ns_per_byte",
                                        "read_ns_per_access",
                                        "write_ns_per_access",
                                        "endurance_cycles",
                                        NULL};
    wick_json_at at;
    WICK_TRY(wick_json_object(root, "nvm", &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_json_string(at, "kind", &device->nvm.kind));
    if (strcmp(device->nvm.kind, "fram") != 0 && strcmp(device->nvm.kind, "mram") != 0 &&
        strcmp(device->nvm.kind, "flash") != 0)
        return wick_json_fail(at, WICK_UNKNOWN, "kind is one of: fram mram flash",
                              "memory kind '%s' is not known", device->nvm.kind);
    int mapped = 0;
    WICK_TRY(wick_json_bool(at, "mapped", &mapped));
    device->nvm.mapped = mapped != 0;
    WICK_TRY(integer(at, "bytes", 1, UINT32_MAX, &device->nvm.bytes));
    WICK_TRY(integer(at, "write_unit_bytes", 1, 1 << 16, &device->nvm.write_unit_bytes));
    WICK_TRY(integer(at, "atomic_bytes", 1, 1 << 16, &device->nvm.atomic_bytes));
    WICK_TRY(number(at, "read_nj_per_byte", 0, big, &device->nvm.read_nj_per_byte));
    WICK_TRY(number(at, "write_nj_per_byte", 0, big, &device->nvm.write_nj_per_byte));
    WICK_TRY(number(at, "read_ns_per_byte", 0, big, &device->nvm.read_ns_per_byte));
    WICK_TRY(number(at, "write_ns_per_byte", 0, big, &device->nvm.write_ns_per_byte));
    WICK_TRY(number(at, "read_ns_per_access", 0, big, &device->nvm.read_ns_per_access));
    WICK_TRY(number(at, "write_ns_per_access", 0, big, &device->nvm.write_ns_per_access));
    WICK_TRY(number(at, "endurance_cycles", 1, 1e30, &device->nvm.endurance_cycles));
    int64_t unit = device->nvm.write_unit_bytes;
    if (unit & (unit - 1))
        return wick_json_fail(at, WICK_RANGE, "write_unit_bytes is 1, 2, 4, 8, 16 ...",
                              "a write unit of %lld bytes is not a power of two", (long long)unit);
    if (device->nvm.atomic_bytes > unit && device->nvm.atomic_bytes % unit)
        return wick_json_fail(at, WICK_RANGE, NULL,
                              "atomic_bytes %lld is not a multiple of write_unit_bytes %lld",
                              (long long)device->nvm.atomic_bytes, (long long)unit);
    return WICK_OK;
}

static wick_status read_capacitor(wick_json_at root, wick_device *device) {
    static const char *const known[] = {
        "uf", "on_v", "off_v", "max_v", "leakage_ua", "efficiency", "input_efficiency", NULL};
    wick_json_at at;
    WICK_TRY(wick_json_object(root, "capacitor", &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(number(at, "uf", tiny, big, &device->capacitor.uf));
    WICK_TRY(number(at, "on_v", tiny, 1000, &device->capacitor.on_v));
    WICK_TRY(number(at, "off_v", 0, 1000, &device->capacitor.off_v));
    WICK_TRY(number(at, "max_v", tiny, 1000, &device->capacitor.max_v));
    WICK_TRY(number(at, "leakage_ua", 0, big, &device->capacitor.leakage_ua));
    WICK_TRY(number(at, "efficiency", tiny, 1, &device->capacitor.efficiency));
    WICK_TRY(number(at, "input_efficiency", tiny, 1, &device->capacitor.input_efficiency));
    if (device->capacitor.off_v >= device->capacitor.on_v)
        return wick_json_fail(at, WICK_RANGE, "the device boots above the voltage it dies at",
                              "off_v %g is not below on_v %g", device->capacitor.off_v,
                              device->capacitor.on_v);
    if (device->capacitor.on_v > device->capacitor.max_v)
        return wick_json_fail(at, WICK_RANGE, "the capacitor would never reach on_v",
                              "on_v %g is above max_v %g", device->capacitor.on_v,
                              device->capacitor.max_v);
    return WICK_OK;
}

static wick_status read_panel(wick_json_at root, wick_device *device) {
    static const char *const known[] = {"area_cm2", "efficiency", "lux_per_uw_cm2", NULL};
    wick_json_at at;
    WICK_TRY(wick_json_object(root, "panel", &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(number(at, "area_cm2", tiny, 1e6, &device->panel.area_cm2));
    WICK_TRY(number(at, "efficiency", tiny, 1, &device->panel.efficiency));
    return number(at, "lux_per_uw_cm2", tiny, 1e6, &device->panel.lux_per_uw_cm2);
}

static wick_status read_kernel(wick_json_at at, wick_kernel_cost *cost) {
    static const char *const known[] = {"cycles_per_mac",
                                        "cycles_per_lone_mac",
                                        "cycles_per_input",
                                        "cycles_per_output",
                                        "cycles_per_channel",
                                        "cycles_per_row",
                                        "cycles_per_call",
                                        "code_bytes",
                                        "tile_side",
                                        "tile_channels",
                                        NULL};
    WICK_TRY(wick_json_only(at, known));
    cost->offered = true;
    WICK_TRY(number(at, "cycles_per_mac", 0, 1e6, &cost->cycles_per_mac));
    const struct {
        const char *key;
        double *value;
    } optional[] = {{"cycles_per_lone_mac", &cost->cycles_per_lone_mac},
                    {"cycles_per_input", &cost->cycles_per_input},
                    {"cycles_per_channel", &cost->cycles_per_channel},
                    {"cycles_per_row", &cost->cycles_per_row}};
    for (size_t i = 0; i < WICK_LEN(optional); i++)
        if (wick_json_has(at, optional[i].key))
            WICK_TRY(number(at, optional[i].key, 0, 1e6, optional[i].value));
    WICK_TRY(number(at, "cycles_per_output", 0, 1e9, &cost->cycles_per_output));
    WICK_TRY(number(at, "cycles_per_call", 0, 1e9, &cost->cycles_per_call));
    cost->tile_side = cost->tile_channels = 1;
    if (wick_json_has(at, "tile_side"))
        WICK_TRY(integer(at, "tile_side", 1, 8, &cost->tile_side));
    if (wick_json_has(at, "tile_channels"))
        WICK_TRY(integer(at, "tile_channels", 1, 64, &cost->tile_channels));
    return integer(at, "code_bytes", 1, 1 << 20, &cost->code_bytes);
}

/* The portable kernel of every kind, and those fast ones that the core has. */
static wick_status read_kernels(wick_json_at root, wick_device *device) {
    static const char *const names[] = {
#define X(upper, lower) #lower "_s8",
        WICK_LAYER_TABLE(X)
#undef X
#define X(NAME, name, KIND) #name,
            WICK_KERNEL_TABLE(X)
#undef X
                NULL};
    wick_json_at at, kernel;
    WICK_TRY(wick_json_object(root, "kernels", &at));
    WICK_TRY(wick_json_only(at, names));
    for (int kind = 0; kind < WICK_LAYER_KINDS; kind++) {
        WICK_TRY(wick_json_object(at, names[kind], &kernel));
        WICK_TRY(read_kernel(kernel, &device->portable[kind]));
    }
    for (int fast = 1; fast < WICK_KERNELS; fast++) {
        const char *name = names[WICK_LAYER_KINDS + fast - 1];
        if (!wick_json_has(at, name))
            continue;
        WICK_TRY(wick_json_object(at, name, &kernel));
        WICK_TRY(read_kernel(kernel, &device->fast[fast]));
    }
    return WICK_OK;
}

static wick_status read_profile(wick_json_at root, wick_device *device) {
    static const char *const known[] = {
        "name",    "core",    "clock_hz", "active_mw", "sleep_uw", "sram_bytes", "flash_bytes",
        "boot_uj", "boot_us", "nvm",      "capacitor", "panel",    "kernels",    NULL};
    WICK_TRY(wick_json_only(root, known));
    WICK_TRY(wick_json_string(root, "name", &device->name));
    WICK_TRY(wick_json_string(root, "core", &device->core));
    WICK_TRY(number(root, "clock_hz", 1, big, &device->clock_hz));
    WICK_TRY(number(root, "active_mw", tiny, 1e6, &device->active_mw));
    WICK_TRY(number(root, "sleep_uw", 0, 1e9, &device->sleep_uw));
    WICK_TRY(integer(root, "sram_bytes", 1, UINT32_MAX, &device->sram_bytes));
    WICK_TRY(integer(root, "flash_bytes", 1, UINT32_MAX, &device->flash_bytes));
    WICK_TRY(number(root, "boot_uj", 0, 1e9, &device->boot_uj));
    WICK_TRY(number(root, "boot_us", 0, 1e9, &device->boot_us));
    WICK_TRY(read_memory(root, device));
    WICK_TRY(read_capacitor(root, device));
    WICK_TRY(read_panel(root, device));
    return read_kernels(root, device);
}

wick_status wick_device_load(wick_arena *arena, const char *name_or_path, wick_device **out,
                             wick_diag *diag) {
    *out = NULL;
    char *path;
    WICK_TRY(wick_share_find(arena, "profiles", name_or_path, &path, diag));
    wick_bytes text;
    WICK_TRY(wick_file_read(arena, path, 1 << 20, &text, diag));
    json_t *root;
    WICK_TRY(wick_json_load(path, &root, diag));
    wick_device *device = wick_new(arena, wick_device, 1);
    device->path = path;
    device->hash = wick_hash_bytes(text.data, text.len);
    wick_status status = read_profile(wick_json_root(root, path, arena, diag), device);
    json_decref(root);
    if (status == WICK_OK)
        *out = device;
    return status;
}

wick_device *wick_device_with_capacitor(wick_arena *arena, const wick_device *device, double uf) {
    wick_device *copy = wick_new(arena, wick_device, 1);
    *copy = *device;
    copy->capacitor.uf = uf;
    return copy;
}
