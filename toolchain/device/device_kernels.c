/* The kernels of a device: in its profile, every number with its source, or in a table that all
   devices with one core share, whose cycles have one source and whose code sizes have another. */
#include "device/device_parts.h"

#include <string.h>

/* How a number stands in the file. */
typedef enum number_form { WITH_SOURCE, PLAIN } number_form;

static wick_status cost_number(wick_json_at at, const char *key, double max, number_form form,
                               double *out) {
    return form == PLAIN ? wick_json_number(at, key, 0, max, out)
                         : wick_device_number(at, key, 0, max, out);
}

/* An optional count of pixels or rows. */
static wick_status cost_count(wick_json_at at, const char *key, number_form form, int64_t *out) {
    if (!wick_json_has(at, key))
        return WICK_OK;
    return form == PLAIN ? wick_json_int(at, key, 1, 64, out)
                         : wick_device_integer(at, key, 1, 64, out);
}

static wick_status read_kernel(wick_json_at at, number_form form, wick_kernel_cost *cost) {
    static const char *const known[] = {"cycles_per_mac",
                                        "cycles_per_lone_mac",
                                        "pixels_at_once",
                                        "tile_side",
                                        "tile_channels",
                                        "cycles_per_strided_mac",
                                        "cycles_per_input",
                                        "cycles_per_output",
                                        "cycles_per_channel",
                                        "cycles_per_row",
                                        "cycles_per_call",
                                        "code_bytes",
                                        NULL};
    const int64_t most_code = 1 << 20;
    WICK_TRY(wick_json_only(at, known));
    cost->offered = true;
    WICK_TRY(cost_number(at, "cycles_per_mac", 1e6, form, &cost->cycles_per_mac));
    const struct {
        const char *key;
        double *value;
    } optional[] = {{"cycles_per_lone_mac", &cost->cycles_per_lone_mac},
                    {"cycles_per_strided_mac", &cost->cycles_per_strided_mac},
                    {"cycles_per_input", &cost->cycles_per_input},
                    {"cycles_per_channel", &cost->cycles_per_channel},
                    {"cycles_per_row", &cost->cycles_per_row}};
    for (size_t i = 0; i < WICK_LEN(optional); i++)
        if (wick_json_has(at, optional[i].key))
            WICK_TRY(cost_number(at, optional[i].key, 1e6, form, optional[i].value));
    WICK_TRY(cost_count(at, "pixels_at_once", form, &cost->pixels_at_once));
    cost->tile_side = cost->tile_channels = 1;
    WICK_TRY(cost_count(at, "tile_side", form, &cost->tile_side));
    WICK_TRY(cost_count(at, "tile_channels", form, &cost->tile_channels));
    WICK_TRY(cost_number(at, "cycles_per_output", 1e9, form, &cost->cycles_per_output));
    WICK_TRY(cost_number(at, "cycles_per_call", 1e9, form, &cost->cycles_per_call));
    return form == PLAIN ? wick_json_int(at, "code_bytes", 1, most_code, &cost->code_bytes)
                         : wick_device_integer(at, "code_bytes", 1, most_code, &cost->code_bytes);
}

/* The portable kernel of every kind, and those fast ones that the core has. */
static wick_status read_all(wick_json_at parent, number_form form, wick_device *device) {
    static const char *const names[] = {
#define X(upper, lower) #lower "_s8",
        WICK_LAYER_TABLE(X)
#undef X
#define X(NAME, name, KIND) #name,
            WICK_KERNEL_TABLE(X)
#undef X
                NULL};
    wick_json_at at, kernel;
    WICK_TRY(wick_json_object(parent, "kernels", &at));
    WICK_TRY(wick_json_only(at, names));
    for (int kind = 0; kind < WICK_LAYER_KINDS; kind++) {
        WICK_TRY(wick_json_object(at, names[kind], &kernel));
        WICK_TRY(read_kernel(kernel, form, &device->portable[kind]));
    }
    for (int fast = 1; fast < WICK_KERNELS; fast++) {
        const char *name = names[WICK_LAYER_KINDS + fast - 1];
        if (!wick_json_has(at, name))
            continue;
        WICK_TRY(wick_json_object(at, name, &kernel));
        WICK_TRY(read_kernel(kernel, form, &device->fast[fast]));
    }
    return WICK_OK;
}

static wick_status stated_source(wick_json_at root, const char *key, const char **out) {
    WICK_TRY(wick_json_string(root, key, out));
    if (!(*out)[strspn(*out, " \t")])
        return wick_json_fail(root, WICK_MISSING,
                              "say where the numbers come from, or that they are estimates",
                              "%s is empty", key);
    return WICK_OK;
}

static wick_status read_table(wick_json_at root, wick_device *device) {
    static const char *const known[] = {
        "core", "cycles_source", "code_source", "engine_code_bytes", "kernels", NULL};
    const char *text;
    WICK_TRY(wick_json_only(root, known));
    WICK_TRY(wick_json_string(root, "core", &text));
    WICK_TRY(stated_source(root, "cycles_source", &device->cycles_source));
    WICK_TRY(stated_source(root, "code_source", &text));
    if (wick_json_has(root, "engine_code_bytes"))
        WICK_TRY(wick_json_int(root, "engine_code_bytes", 1, 1 << 20, &device->engine_code_bytes));
    return read_all(root, PLAIN, device);
}

/* Two texts, so that editing either makes another device. */
static wick_hash hash_of_both(wick_hash profile, wick_bytes table) {
    wick_hash second = wick_hash_bytes(table.data, table.len);
    uint8_t both[sizeof profile.bytes + sizeof second.bytes];
    memcpy(both, profile.bytes, sizeof profile.bytes);
    memcpy(both + sizeof profile.bytes, second.bytes, sizeof second.bytes);
    return wick_hash_bytes(both, sizeof both);
}

/* A name of a shipped table, or a path from the profile's folder. */
static wick_status load_table(wick_json_at root, const char *name, wick_device *device) {
    char *path;
    device->kernels = name;
    if (strchr(name, '/') && name[0] != '/')
        name = wick_path_join(root.arena, wick_path_dir(root.arena, root.file), name);
    wick_bytes text;
    json_t *json;
    WICK_TRY(wick_share_find(root.arena, "profiles/kernels", name, &path, root.diag));
    WICK_TRY(wick_file_read(root.arena, path, 1 << 20, &text, root.diag));
    WICK_TRY(wick_json_load(path, &json, root.diag));
    device->hash = hash_of_both(device->hash, text);
    wick_status status = read_table(wick_json_root(json, path, root.arena, root.diag), device);
    json_decref(json);
    return status;
}

wick_status wick_device_read_kernels(wick_json_at root, wick_device *device) {
    wick_json_at at;
    const char *name;
    WICK_TRY(wick_json_get(root, "kernels", &at));
    if (json_is_string(at.value)) {
        WICK_TRY(wick_json_string(root, "kernels", &name));
        return load_table(root, name, device);
    }
    device->kernels = "of its own";
    return read_all(root, WITH_SOURCE, device);
}
