/* Reads a device profile. Every number is {"value": x, "source": "..."}: a number without a source
   is refused, because every prediction of the toolchain rests on these. */
#include "device/device_parts.h"

#include <string.h>

/* Upper ends are sanity bounds: a value beyond them is a unit mistake. */
static const double big = 1e12;
static const double tiny = 1e-12;

enum { MAX_UNIT = 1 << 20 };

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

wick_status wick_device_number(wick_json_at at, const char *key, double min, double max,
                               double *out) {
    wick_json_at member;
    WICK_TRY(sourced(at, key, &member));
    return wick_json_number(member, "value", min, max, out);
}

wick_status wick_device_integer(wick_json_at at, const char *key, int64_t min, int64_t max,
                                int64_t *out) {
    wick_json_at member;
    WICK_TRY(sourced(at, key, &member));
    return wick_json_int(member, "value", min, max, out);
}

static bool power_of_two(int64_t value) {
    return value > 0 && !(value & (value - 1));
}

/* An optional size that must be a power of two; 0 when it is not there. */
static wick_status unit_size(wick_json_at at, const char *key, int64_t *out) {
    *out = 0;
    if (!wick_json_has(at, key))
        return WICK_OK;
    WICK_TRY(wick_device_integer(at, key, 1, MAX_UNIT, out));
    if (!power_of_two(*out))
        return wick_json_fail(at, WICK_RANGE, "units of memories are 1, 2, 4, 8, 16 ...",
                              "%s %lld is not a power of two", key, (long long)*out);
    return WICK_OK;
}

static wick_status read_units(wick_json_at at, wick_device *device) {
    WICK_TRY(
        wick_device_integer(at, "write_unit_bytes", 1, 1 << 16, &device->nvm.write_unit_bytes));
    WICK_TRY(wick_device_integer(at, "atomic_bytes", 1, 1 << 16, &device->nvm.atomic_bytes));
    WICK_TRY(unit_size(at, "ecc_bytes", &device->nvm.ecc_bytes));
    WICK_TRY(unit_size(at, "page_bytes", &device->nvm.page_bytes));
    int64_t unit = device->nvm.write_unit_bytes;
    if (!power_of_two(unit))
        return wick_json_fail(at, WICK_RANGE, "write_unit_bytes is 1, 2, 4, 8, 16 ...",
                              "a write unit of %lld bytes is not a power of two", (long long)unit);
    if (device->nvm.atomic_bytes > unit && device->nvm.atomic_bytes % unit)
        return wick_json_fail(at, WICK_RANGE, NULL,
                              "atomic_bytes %lld is not a multiple of write_unit_bytes %lld",
                              (long long)device->nvm.atomic_bytes, (long long)unit);
    return WICK_OK;
}

/* What the log of wick/flash.h can be kept on. */
static wick_status check_log(wick_json_at at, const wick_device *device) {
    wick_flash_shape shape = wick_device_flash_shape(device, 1);
    if (device->nvm.mapped)
        return wick_json_fail(at, WICK_RANGE, "say \"mapped\": false",
                              "flash is read through a log, wherever the CPU can load from");
    if (shape.unit_bytes < WICK_FLASH_ENTRY_BYTES || shape.unit_bytes > WICK_FLASH_MOST_UNIT)
        return wick_json_fail(at, WICK_RANGE, NULL,
                              "the larger of write unit and ECC word has %u bytes; flash is "
                              "programmed in 8, 16 or 32",
                              shape.unit_bytes);
    if (shape.page_bytes < 32 * shape.unit_bytes || shape.page_bytes > 65536)
        return wick_json_fail(at, WICK_RANGE, NULL,
                              "page_bytes %u is not 32 program units to 65,536 bytes",
                              shape.page_bytes);
    if (shape.pages < 4 || device->nvm.bytes / shape.unit_bytes > 65536)
        return wick_json_fail(at, WICK_RANGE, "give wick a part of it",
                              "bytes %lld is not 4 pages to 65,536 program units",
                              (long long)device->nvm.bytes);
    return WICK_OK;
}

/* What is erased says how large its pages are and what that takes; nothing else does. */
static wick_status read_erase(wick_json_at at, wick_device *device) {
    static const char *const keys[] = {"page_bytes", "erase_uj_per_page", "erase_us_per_page"};
    bool flash = !strcmp(device->nvm.kind, "flash");
    for (size_t i = 0; i < WICK_LEN(keys); i++) {
        if (flash && !wick_json_has(at, keys[i]))
            return wick_json_fail(at, WICK_MISSING, "flash is erased page by page before writing",
                                  "%s is missing", keys[i]);
        if (!flash && wick_json_has(at, keys[i]))
            return wick_json_fail(at, WICK_RANGE, "leave it out, or say \"kind\": \"flash\"",
                                  "%s: %s is not erased", keys[i], device->nvm.kind);
    }
    if (!flash)
        return WICK_OK;
    WICK_TRY(wick_device_number(at, "erase_uj_per_page", 0, big, &device->nvm.erase_uj_per_page));
    WICK_TRY(wick_device_number(at, "erase_us_per_page", 0, big, &device->nvm.erase_us_per_page));
    return check_log(at, device);
}

static wick_status read_supply(wick_json_at at, wick_device *device) {
    bool weak = wick_json_has(at, "weak_below_v"), reset = wick_json_has(at, "reset_v");
    if (!weak && !reset)
        return WICK_OK;
    WICK_TRY(wick_device_number(at, "weak_below_v", 0, 1000, &device->nvm.weak_below_v));
    WICK_TRY(wick_device_number(at, "reset_v", 0, 1000, &device->nvm.reset_v));
    if (device->nvm.reset_v <= device->nvm.weak_below_v)
        return wick_json_fail(at, WICK_RANGE,
                              "raise the brown-out threshold, or add a supervisor that resets "
                              "the part before its writes get weak",
                              "reset_v %g is not above weak_below_v %g", device->nvm.reset_v,
                              device->nvm.weak_below_v);
    return WICK_OK;
}

static wick_status read_cache(wick_json_at root, wick_device *device) {
    static const char *const known[] = {"line_bytes", "clean_cycles_per_line", "clean_cycles",
                                        NULL};
    wick_json_at at;
    if (!wick_json_has(root, "cache"))
        return WICK_OK;
    WICK_TRY(wick_json_object(root, "cache", &at));
    WICK_TRY(wick_json_only(at, known));
    if (!device->nvm.mapped)
        return wick_json_fail(at, WICK_RANGE,
                              "leave it out: the port copies to and from the memory",
                              "a cache lies in front of mapped memory only");
    if (!wick_json_has(at, "line_bytes"))
        return wick_json_fail(at, WICK_MISSING, NULL, "line_bytes is missing");
    WICK_TRY(unit_size(at, "line_bytes", &device->cache.line_bytes));
    WICK_TRY(wick_device_number(at, "clean_cycles_per_line", 0, 1e6,
                                &device->cache.clean_cycles_per_line));
    return wick_device_number(at, "clean_cycles", 0, 1e6, &device->cache.clean_cycles);
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
                                        "ecc_bytes",
                                        "page_bytes",
                                        "erase_uj_per_page",
                                        "erase_us_per_page",
                                        "weak_below_v",
                                        "reset_v",
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
    WICK_TRY(wick_device_integer(at, "bytes", 1, UINT32_MAX, &device->nvm.bytes));
    WICK_TRY(wick_device_number(at, "read_nj_per_byte", 0, big, &device->nvm.read_nj_per_byte));
    WICK_TRY(wick_device_number(at, "write_nj_per_byte", 0, big, &device->nvm.write_nj_per_byte));
    WICK_TRY(wick_device_number(at, "read_ns_per_byte", 0, big, &device->nvm.read_ns_per_byte));
    WICK_TRY(wick_device_number(at, "write_ns_per_byte", 0, big, &device->nvm.write_ns_per_byte));
    WICK_TRY(wick_device_number(at, "read_ns_per_access", 0, big, &device->nvm.read_ns_per_access));
    WICK_TRY(
        wick_device_number(at, "write_ns_per_access", 0, big, &device->nvm.write_ns_per_access));
    WICK_TRY(wick_device_number(at, "endurance_cycles", 1, 1e30, &device->nvm.endurance_cycles));
    WICK_TRY(read_units(at, device));
    WICK_TRY(read_erase(at, device));
    return read_supply(at, device);
}

static wick_status read_capacitor(wick_json_at root, wick_device *device) {
    static const char *const known[] = {
        "uf",      "on_v", "off_v", "max_v", "leakage_ua", "efficiency", "input_efficiency",
        "esr_ohm", NULL};
    wick_json_at at;
    WICK_TRY(wick_json_object(root, "capacitor", &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_device_number(at, "uf", tiny, big, &device->capacitor.uf));
    WICK_TRY(wick_device_number(at, "on_v", tiny, 1000, &device->capacitor.on_v));
    WICK_TRY(wick_device_number(at, "off_v", 0, 1000, &device->capacitor.off_v));
    WICK_TRY(wick_device_number(at, "max_v", tiny, 1000, &device->capacitor.max_v));
    WICK_TRY(wick_device_number(at, "leakage_ua", 0, big, &device->capacitor.leakage_ua));
    WICK_TRY(wick_device_number(at, "efficiency", tiny, 1, &device->capacitor.efficiency));
    WICK_TRY(
        wick_device_number(at, "input_efficiency", tiny, 1, &device->capacitor.input_efficiency));
    if (wick_json_has(at, "esr_ohm"))
        WICK_TRY(wick_device_number(at, "esr_ohm", 0, 1e6, &device->capacitor.esr_ohm));
    if (device->capacitor.off_v >= device->capacitor.on_v)
        return wick_json_fail(at, WICK_RANGE, "the device boots above the voltage it dies at",
                              "off_v %g is not below on_v %g", device->capacitor.off_v,
                              device->capacitor.on_v);
    if (device->capacitor.off_v < device->nvm.reset_v)
        return wick_json_fail(
            at, WICK_RANGE,
            wick_arena_printf(at.arena, "off_v is at least %g: there the part stops",
                              device->nvm.reset_v),
            "off_v %g is below nvm.reset_v %g", device->capacitor.off_v, device->nvm.reset_v);
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
    WICK_TRY(wick_device_number(at, "area_cm2", tiny, 1e6, &device->panel.area_cm2));
    WICK_TRY(wick_device_number(at, "efficiency", tiny, 1, &device->panel.efficiency));
    return wick_device_number(at, "lux_per_uw_cm2", tiny, 1e6, &device->panel.lux_per_uw_cm2);
}

static wick_status read_profile(wick_json_at root, wick_device *device) {
    static const char *const known[] = {"name",     "core",       "clock_hz",    "active_mw",
                                        "sleep_uw", "sram_bytes", "flash_bytes", "boot_uj",
                                        "boot_us",  "nvm",        "cache",       "capacitor",
                                        "panel",    "kernels",    NULL};
    if (wick_json_has(root, "kind"))
        return wick_json_fail(root, WICK_UNSUPPORTED,
                              "wick plan --cost-model compares searches on it",
                              "a published cost model is no device: it models code that is not "
                              "emitted");
    WICK_TRY(wick_json_only(root, known));
    WICK_TRY(wick_json_string(root, "name", &device->name));
    WICK_TRY(wick_json_string(root, "core", &device->core));
    WICK_TRY(wick_device_number(root, "clock_hz", 1, big, &device->clock_hz));
    WICK_TRY(wick_device_number(root, "active_mw", tiny, 1e6, &device->active_mw));
    WICK_TRY(wick_device_number(root, "sleep_uw", 0, 1e9, &device->sleep_uw));
    WICK_TRY(wick_device_integer(root, "sram_bytes", 1, UINT32_MAX, &device->sram_bytes));
    WICK_TRY(wick_device_integer(root, "flash_bytes", 1, UINT32_MAX, &device->flash_bytes));
    WICK_TRY(wick_device_number(root, "boot_uj", 0, 1e9, &device->boot_uj));
    WICK_TRY(wick_device_number(root, "boot_us", 0, 1e9, &device->boot_us));
    WICK_TRY(read_memory(root, device));
    WICK_TRY(read_cache(root, device));
    WICK_TRY(read_capacitor(root, device));
    WICK_TRY(read_panel(root, device));
    return wick_device_read_kernels(root, device);
}

wick_status wick_device_load(wick_arena *arena, const char *name_or_path, wick_device **out,
                             wick_diag *diag) {
    *out = NULL;
    char *path;
    WICK_TRY(wick_share_find_kind(arena, "profiles", "core", name_or_path, &path, diag));
    wick_bytes text;
    WICK_TRY(wick_file_read(arena, path, 1 << 20, &text, diag));
    json_t *root;
    WICK_TRY(wick_json_load(path, &root, diag));
    wick_device *device = wick_new(arena, wick_device, 1);
    device->path = path;
    device->hash = wick_hash_bytes(text.data, text.len); /* of a table too, once it is read */
    wick_status status = read_profile(wick_json_root(root, path, arena, diag), device);
    json_decref(root);
    if (status == WICK_OK)
        *out = device;
    return status;
}

wick_device *wick_device_with_checksums(wick_arena *arena, const wick_device *device,
                                        int64_t block) {
    wick_device *copy = wick_new(arena, wick_device, 1);
    *copy = *device;
    copy->nvm.checksum_unit = wick_device_unit_bytes(device);
    copy->nvm.mapped = false;
    copy->nvm.ecc_bytes = block > copy->nvm.checksum_unit ? block : copy->nvm.checksum_unit;
    copy->nvm.checksum_block = block;
    return copy;
}

wick_device *wick_device_with_less(wick_arena *arena, const wick_device *device,
                                   int64_t flash_bytes, int64_t sram_bytes, int64_t nvm_bytes) {
    wick_device *copy = wick_new(arena, wick_device, 1);
    *copy = *device;
    if (flash_bytes > 0 && flash_bytes < copy->flash_bytes)
        copy->flash_bytes = flash_bytes;
    if (sram_bytes > 0 && sram_bytes < copy->sram_bytes)
        copy->sram_bytes = sram_bytes;
    if (nvm_bytes > 0 && nvm_bytes < copy->nvm.bytes)
        copy->nvm.bytes = nvm_bytes;
    return copy;
}

wick_device *wick_device_with_capacitor(wick_arena *arena, const wick_device *device, double uf) {
    wick_device *copy = wick_new(arena, wick_device, 1);
    *copy = *device;
    copy->capacitor.uf = uf;
    return copy;
}
