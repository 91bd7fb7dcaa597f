/* Reads a published cost model: kind "published-model", every number with its source. */
#include "device/device_parts.h"
#include "device/published.h"

#include <string.h>

static const double large = 1e12, small = 1e-15;

static wick_status read_vector(wick_json_at root, const char *key, wick_published_vector *out) {
    static const char *const known[] = {"j_per_word", "j", "cycles_per_word", "cycles", NULL};
    wick_json_at at;
    WICK_TRY(wick_json_object(root, key, &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_device_number(at, "j_per_word", 0, 1, &out->j_per_word));
    WICK_TRY(wick_device_number(at, "j", 0, 1, &out->j));
    WICK_TRY(wick_device_number(at, "cycles_per_word", 0, large, &out->cycles_per_word));
    return wick_device_number(at, "cycles", 0, large, &out->cycles);
}

static wick_status read_operation(wick_json_at root, const char *key,
                                  wick_published_operation *out) {
    static const char *const known[] = {"j", "cycles", NULL};
    wick_json_at at;
    WICK_TRY(wick_json_object(root, key, &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_device_number(at, "j", 0, 1, &out->j));
    return wick_device_number(at, "cycles", 0, large, &out->cycles);
}

static wick_status read_operations(wick_json_at root, wick_published *model) {
    static const char *const known[] = {"j", "s", NULL};
    wick_json_at reboot;
    WICK_TRY(read_vector(root, "fetch", &model->fetch));
    WICK_TRY(read_vector(root, "back_up", &model->back_up));
    WICK_TRY(read_vector(root, "vector_mac", &model->mac));
    WICK_TRY(read_operation(root, "add", &model->add));
    WICK_TRY(read_operation(root, "multiply", &model->mul));
    WICK_TRY(read_operation(root, "divide", &model->div));
    WICK_TRY(read_operation(root, "max", &model->max));
    WICK_TRY(wick_json_object(root, "reboot", &reboot));
    WICK_TRY(wick_json_only(reboot, known));
    WICK_TRY(wick_device_number(reboot, "j", 0, 1, &model->reboot_j));
    return wick_device_number(reboot, "s", 0, large, &model->reboot_s);
}

static wick_status read_supply(wick_json_at root, wick_published *model) {
    static const char *const known[] = {"f",        "source_ohm", "on_v", "off_v",
                                        "supply_v", "margin",     NULL};
    wick_json_at at;
    WICK_TRY(wick_json_object(root, "capacitor", &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_device_number(at, "f", small, 1e3, &model->capacitor_f));
    WICK_TRY(wick_device_number(at, "source_ohm", small, large, &model->source_ohm));
    WICK_TRY(wick_device_number(at, "on_v", small, 1000, &model->on_v));
    WICK_TRY(wick_device_number(at, "off_v", 0, 1000, &model->off_v));
    WICK_TRY(wick_device_number(at, "supply_v", small, 1000, &model->supply_v));
    WICK_TRY(wick_device_number(at, "margin", 1e-6, 1, &model->margin));
    if (model->off_v >= model->on_v || model->on_v >= model->supply_v)
        return wick_json_fail(at, WICK_RANGE, "the source charges the capacitor through a resistor",
                              "off_v %g < on_v %g < supply_v %g does not hold", model->off_v,
                              model->on_v, model->supply_v);
    return WICK_OK;
}

static wick_status read_model(wick_json_at root, wick_published *model) {
    static const char *const known[] = {"name",       "kind",     "clock_hz",   "fetch",  "back_up",
                                        "vector_mac", "add",      "multiply",   "max",    "divide",
                                        "capacitor",  "vm_bytes", "word_bytes", "reboot", NULL};
    const char *kind;
    WICK_TRY(wick_json_string(root, "name", &model->name));
    if (!wick_json_has(root, "kind"))
        return wick_json_fail(root, WICK_UNKNOWN, "use --device for the profile of a device",
                              "it is not a published cost model");
    WICK_TRY(wick_json_string(root, "kind", &kind));
    if (strcmp(kind, "published-model") != 0)
        return wick_json_fail(root, WICK_UNKNOWN, "kind is \"published-model\"",
                              "kind '%s' is not known", kind);
    WICK_TRY(wick_json_only(root, known));
    WICK_TRY(wick_device_number(root, "clock_hz", 1, large, &model->clock_hz));
    WICK_TRY(read_operations(root, model));
    WICK_TRY(read_supply(root, model));
    WICK_TRY(wick_device_integer(root, "vm_bytes", 2, UINT32_MAX, &model->vm_bytes));
    return wick_device_integer(root, "word_bytes", 1, 8, &model->word_bytes);
}

wick_status wick_published_load(wick_arena *arena, const char *name, wick_published **out,
                                wick_diag *diag) {
    *out = NULL;
    char *path;
    json_t *root;
    WICK_TRY(wick_share_find_kind(arena, "profiles", "kind", name, &path, diag));
    WICK_TRY(wick_json_load(path, &root, diag));
    wick_published *model = wick_new(arena, wick_published, 1);
    model->path = path;
    wick_status status = read_model(wick_json_root(root, path, arena, diag), model);
    json_decref(root);
    if (status == WICK_OK)
        *out = model;
    return status;
}
