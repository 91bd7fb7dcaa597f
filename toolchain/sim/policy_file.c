/* Policies as files: JSON both ways, C source for firmware. */
#include "sim/sim.h"

#include <string.h>

static const char *const names[] = {"fixed", "greedy", "threshold", "edf", "table"};

const char *wick_policy_name(wick_policy_kind kind) {
    return names[kind];
}

/* 0: none is ever sure. */
static int last_sure(const wick_policy *policy) {
    int k = WICK_MAX_MODULES;
    while (k > 0 && !policy->sure[k - 1])
        k--;
    return k;
}

bool wick_policy_has_sure(const wick_policy *policy) {
    return last_sure(policy) > 0;
}

static int cells_of(const wick_policy_table *t) {
    return (int)wick_policy_stages(t->n_modules) * t->n_time * t->n_harvest;
}

static int row_bytes(const wick_policy_table *t) {
    return (t->n_charge + 1) / 2;
}

/* ---- writing ---- */

static json_t *numbers_json(const uint32_t *values, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_integer(values[i]));
    return list;
}

static json_t *hex_json(const uint8_t *bytes, int n) {
    wick_buf buf = {0};
    wick_buf_puts(&buf, "");
    for (int i = 0; i < n; i++)
        wick_buf_printf(&buf, "%02x", bytes[i]);
    json_t *text = json_string((const char *)buf.data);
    wick_buf_free(&buf);
    return text;
}

static void add_table(json_t *root, const wick_policy_table *t) {
    json_object_set_new(root, "modules", json_integer(t->n_modules));
    json_object_set_new(root, "charge_uj", numbers_json(t->charge_uj, t->n_charge - 1));
    json_object_set_new(root, "harvest_uw", numbers_json(t->harvest_uw, t->n_harvest - 1));
    json_object_set_new(root, "time_ms", numbers_json(t->time_ms, t->n_time - 1));
    json_object_set_new(root, "row_of", hex_json(t->row_of, cells_of(t)));
    json_object_set_new(root, "rows", hex_json(t->rows, t->n_rows * row_bytes(t)));
}

/* One number for each module, as far as these are known. */
static int count_sure(const wick_policy *policy, const wick_plan *plan) {
    int known = policy->kind == WICK_POLICY_TABLE ? policy->table->n_modules
                : plan                            ? plan->model.n_modules
                                                  : 0;
    int last = last_sure(policy);
    return last == 0 || last > known ? last : known;
}

static json_t *sure_json(const wick_policy *policy, int n) {
    json_t *list = json_array();
    for (int k = 0; k < n; k++)
        json_array_append_new(list, json_integer(policy->sure[k]));
    return list;
}

/* Which plan it was made for: its layout, and what that costs on which capacitor. */
static void add_plan(json_t *root, const wick_plan *plan) {
    json_object_set_new(root, "plan_sha256", json_string(plan->hash.hex));
    json_object_set_new(root, "device_sha256", json_string(plan->device->hash.hex));
    json_object_set_new(root, "capacitor_uf", json_real(plan->device->capacitor.uf));
}

json_t *wick_policy_json(const wick_policy *policy, const wick_plan *plan, const char *world) {
    json_t *root = json_pack("{s:s,s:I}", "kind", names[policy->kind], "memory_ms",
                             (json_int_t)policy->memory_ms);
    if (plan)
        add_plan(root, plan);
    if (world)
        json_object_set_new(root, "world", json_string(world));
    if (policy->rest_uj)
        json_object_set_new(root, "rest_uj", json_integer(policy->rest_uj));
    if (wick_policy_has_sure(policy))
        json_object_set_new(root, "sure", sure_json(policy, count_sure(policy, plan)));
    switch ((wick_policy_kind)policy->kind) {
    case WICK_POLICY_FIXED:
        json_object_set_new(root, "module", json_integer(policy->module));
        break;
    case WICK_POLICY_THRESHOLD:
        json_object_set_new(root, "harvest_low_uw", json_integer(policy->harvest_low_uw));
        json_object_set_new(root, "harvest_high_uw", json_integer(policy->harvest_high_uw));
        json_object_set_new(root, "charge_high_uj", json_integer(policy->charge_high_uj));
        break;
    case WICK_POLICY_EDF:
        json_object_set_new(root, "reserve_uj", json_integer(policy->reserve_uj));
        break;
    case WICK_POLICY_TABLE:
        add_table(root, policy->table);
        break;
    case WICK_POLICY_GREEDY:
        break;
    }
    return root;
}

static void print_bytes(wick_buf *out, const char *name, const uint8_t *bytes, int n) {
    wick_buf_printf(out, "static const uint8_t %s[] = {", name);
    for (int i = 0; i < n; i++)
        wick_buf_printf(out, "%s%d,", i % 20 ? " " : "\n    ", bytes[i]);
    wick_buf_puts(out, "\n};\n\n");
}

static void print_thresholds(wick_buf *out, const char *name, const uint32_t *values) {
    wick_buf_printf(out, "    .%s = {", name);
    for (int i = 0; i < WICK_TABLE_BINS - 1; i++)
        wick_buf_printf(out, "%s%uu", i == 0 ? "" : i % 6 ? ", " : ",\n        ", values[i]);
    wick_buf_puts(out, "},\n");
}

static void print_sure(wick_buf *out, const wick_policy *policy) {
    int n = last_sure(policy);
    for (int k = 0; k < n; k++)
        wick_buf_printf(out, "%s%u", k ? ", " : "    .sure = {", policy->sure[k]);
    wick_buf_puts(out, n ? "},\n" : "");
}

static void print_c(const wick_policy *policy, const char *stamp, wick_buf *out) {
    const wick_policy_table *t = policy->table;
    wick_buf_puts(out, "/* SPDX-License-Identifier: 0BSD */\n/* A scheduling policy, made by ");
    wick_buf_comment(out, stamp);
    wick_buf_puts(out, ". */\n#include <wick/policy.h>\n\n"
                       "extern const wick_policy model_policy;\n\n");
    if (policy->kind == WICK_POLICY_TABLE) {
        print_bytes(out, "row_of", t->row_of, cells_of(t));
        print_bytes(out, "rows", t->rows, t->n_rows * row_bytes(t));
        wick_buf_printf(out,
                        "static const wick_policy_table table = {\n    .n_modules = %u,\n"
                        "    .n_charge = %u,\n    .n_harvest = %u,\n    .n_time = %u,\n"
                        "    .n_rows = %u,\n    .row_of = row_of,\n    .rows = rows,\n",
                        t->n_modules, t->n_charge, t->n_harvest, t->n_time, t->n_rows);
        print_thresholds(out, "charge_uj", t->charge_uj);
        print_thresholds(out, "harvest_uw", t->harvest_uw);
        print_thresholds(out, "time_ms", t->time_ms);
        wick_buf_puts(out, "};\n\n");
    }
    wick_buf_printf(
        out,
        "const wick_policy model_policy = {\n    .kind = %u, /* %s */\n"
        "    .module = %u,\n    .memory_ms = %uu,\n    .harvest_low_uw = %uu,\n    .harvest_high_uw = %uu,\n"
        "    .charge_high_uj = %uu,\n    .reserve_uj = %uu,\n    .rest_uj = %uu,\n    .table = %s,\n",
        policy->kind, names[policy->kind], policy->module, policy->memory_ms,
        policy->harvest_low_uw, policy->harvest_high_uw, policy->charge_high_uj, policy->reserve_uj,
        policy->rest_uj, policy->kind == WICK_POLICY_TABLE ? "&table" : "0");
    print_sure(out, policy);
    wick_buf_puts(out, "};\n");
}

wick_status wick_policy_write(const wick_policy *policy, const wick_plan *plan, const char *world,
                              const char *path, const char *c_path, const char *stamp,
                              wick_diag *diag) {
    wick_buf text = {0}, source = {0};
    json_t *root = wick_policy_json(policy, plan, world);
    bool formatted = wick_json_text(root, &text);
    json_decref(root);
    if (!formatted)
        return wick_fail(diag, WICK_MEMORY, path, NULL, NULL, "cannot format the JSON document");
    if (c_path)
        print_c(policy, stamp, &source);
    const wick_file files[] = {{path, text.data, text.len}, {c_path, source.data, source.len}};
    wick_status status = wick_files_write(files, c_path ? 2 : 1, diag);
    wick_buf_free(&text);
    wick_buf_free(&source);
    return status;
}

wick_status wick_policy_save(const wick_policy *policy, const wick_plan *plan, const char *world,
                             const char *path, wick_diag *diag) {
    return wick_policy_write(policy, plan, world, path, NULL, NULL, diag);
}

/* ---- reading ---- */

/* Ascending thresholds; *bins is one more than there are. */
static wick_status read_thresholds(wick_json_at at, const char *key, uint32_t *out, uint8_t *bins) {
    wick_json_at list;
    size_t n;
    memset(out, 0xff, (WICK_TABLE_BINS - 1) * sizeof *out);
    WICK_TRY(wick_json_array(at, key, &list, &n));
    if (n > WICK_TABLE_BINS - 1)
        return wick_json_fail(list, WICK_RANGE, "at most 15", "%zu thresholds", n);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list.value, i);
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < 0 || number >= UINT32_MAX ||
            (i && number <= out[i - 1]))
            return wick_json_fail(wick_json_index(list, i), WICK_RANGE,
                                  "whole numbers that ascend, below 2^32 - 1", "this is none");
        out[i] = (uint32_t)number;
    }
    *bins = (uint8_t)(n + 1);
    return WICK_OK;
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static wick_status read_hex(wick_json_at at, const char *key, const uint8_t **out, size_t *n) {
    const char *text;
    WICK_TRY(wick_json_string(at, key, &text));
    *n = strlen(text) / 2;
    uint8_t *bytes = wick_new(at.arena, uint8_t, *n + 1);
    for (size_t i = 0; i < *n; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return wick_json_fail(at, WICK_SYNTAX, "make the policy again (wick policy synth)",
                                  "%s is not hexadecimal", key);
        bytes[i] = (uint8_t)(16 * high + low);
    }
    *out = bytes;
    return WICK_OK;
}

/* A module, nothing more, to wait, or off. */
static bool decides(const wick_policy_table *t, int choice) {
    return choice <= t->n_modules || choice == WICK_POLICY_WAIT || choice == WICK_POLICY_OFF;
}

static wick_status check_table(wick_json_at at, const wick_policy_table *t, size_t cells,
                               size_t bytes) {
    const char *hint = "make the policy again (wick policy synth)";
    if (cells != (size_t)cells_of(t) || bytes % (size_t)row_bytes(t) ||
        bytes / (size_t)row_bytes(t) != t->n_rows || t->n_rows == 0)
        return wick_json_fail(at, WICK_SHAPE, hint,
                              "row_of has %zu cells of %d; rows have %zu bytes, which is not 1 to "
                              "256 times the %d of a row",
                              cells, cells_of(t), bytes, row_bytes(t));
    for (size_t i = 0; i < cells; i++)
        if (t->row_of[i] >= t->n_rows)
            return wick_json_fail(at, WICK_RANGE, hint, "cell %zu names row %d of %d", i,
                                  t->row_of[i], t->n_rows);
    for (size_t i = 0; i < bytes; i++)
        if (!decides(t, t->rows[i] & 15) || !decides(t, t->rows[i] >> 4))
            return wick_json_fail(at, WICK_RANGE, hint, "byte %zu of rows names no module", i);
    return WICK_OK;
}

static wick_status read_table(wick_json_at at, wick_policy *out) {
    wick_policy_table *t = wick_new(at.arena, wick_policy_table, 1);
    int64_t modules;
    size_t cells, bytes;
    WICK_TRY(wick_json_int(at, "modules", 1, WICK_MAX_MODULES, &modules));
    t->n_modules = (uint8_t)modules;
    WICK_TRY(read_thresholds(at, "charge_uj", t->charge_uj, &t->n_charge));
    WICK_TRY(read_thresholds(at, "harvest_uw", t->harvest_uw, &t->n_harvest));
    WICK_TRY(read_thresholds(at, "time_ms", t->time_ms, &t->n_time));
    WICK_TRY(read_hex(at, "row_of", &t->row_of, &cells));
    WICK_TRY(read_hex(at, "rows", &t->rows, &bytes));
    size_t rows = bytes / (size_t)row_bytes(t);
    t->n_rows = (uint16_t)(rows > 256 ? 0 : rows);
    out->table = t;
    return check_table(at, t, cells, bytes);
}

static wick_status read_u32(wick_json_at at, const char *key, uint32_t *out) {
    int64_t value;
    WICK_TRY(wick_json_int(at, key, 0, UINT32_MAX - 1, &value));
    *out = (uint32_t)value;
    return WICK_OK;
}

static wick_status read_sure(wick_json_at at, wick_policy *out) {
    wick_json_at list;
    size_t n, most = out->table ? out->table->n_modules : WICK_MAX_MODULES;
    if (!wick_json_has(at, "sure"))
        return WICK_OK;
    WICK_TRY(wick_json_array(at, "sure", &list, &n));
    if (out->table ? n != most : n > most)
        return wick_json_fail(list, WICK_SHAPE, "one number for each module, 0: never sure",
                              "%zu numbers for %s%zu modules", n, out->table ? "" : "at most ",
                              most);
    for (size_t k = 0; k < n; k++) {
        const json_t *value = json_array_get(list.value, k);
        json_int_t margin = json_integer_value(value);
        if (!json_is_integer(value) || margin < 0 || margin > UINT16_MAX)
            return wick_json_fail(wick_json_index(list, k), WICK_RANGE,
                                  "a whole number from 0 (never sure) to 65535",
                                  "this is no margin");
        out->sure[k] = (uint16_t)margin;
    }
    return WICK_OK;
}

/* What the kind takes. */
static wick_status read_parameters(wick_json_at at, wick_policy *out) {
    int64_t module;
    switch ((wick_policy_kind)out->kind) {
    case WICK_POLICY_FIXED:
        WICK_TRY(wick_json_int(at, "module", 1, WICK_MAX_MODULES, &module));
        out->module = (uint8_t)module;
        return WICK_OK;
    case WICK_POLICY_THRESHOLD:
        WICK_TRY(read_u32(at, "harvest_low_uw", &out->harvest_low_uw));
        WICK_TRY(read_u32(at, "harvest_high_uw", &out->harvest_high_uw));
        return read_u32(at, "charge_high_uj", &out->charge_high_uj);
    case WICK_POLICY_EDF:
        return read_u32(at, "reserve_uj", &out->reserve_uj);
    case WICK_POLICY_TABLE:
        return read_table(at, out);
    case WICK_POLICY_GREEDY:
        break;
    }
    return WICK_OK;
}

static wick_status read_policy(wick_json_at at, wick_policy *out) {
    const char *kind;
    if (!wick_json_has(at, "kind"))
        return wick_json_fail(at, WICK_MISSING, "give a file of wick policy synth",
                              "this is no policy");
    WICK_TRY(wick_json_string(at, "kind", &kind));
    WICK_TRY(read_u32(at, "memory_ms", &out->memory_ms));
    if (wick_json_has(at, "rest_uj"))
        WICK_TRY(read_u32(at, "rest_uj", &out->rest_uj));
    for (out->kind = 0; strcmp(kind, names[out->kind]) != 0; out->kind++)
        if (out->kind == WICK_POLICY_TABLE)
            return wick_json_fail(at, WICK_UNKNOWN,
                                  "kind is fixed, greedy, threshold, edf or table",
                                  "policy '%s' is not known", kind);
    WICK_TRY(read_parameters(at, out));
    return read_sure(at, out);
}

/* Stages, levels of progress and modules are those of one plan; margins are in quanta of its
   network's logits. */
static wick_status check_plan(wick_json_at at, const wick_policy *p, const wick_plan *plan) {
    const char *hint = "make it again with this plan (wick policy synth)", *of;
    double uf;
    bool table = p->kind == WICK_POLICY_TABLE;
    int modules = table ? p->table->n_modules : p->module;
    if (table ? modules != plan->model.n_modules : modules > plan->model.n_modules)
        return wick_json_fail(at, WICK_MISMATCH, hint, "the plan has %d modules, this policy %d",
                              plan->model.n_modules, modules);
    if (last_sure(p) > plan->model.n_modules)
        return wick_json_fail(at, WICK_MISMATCH, hint,
                              "the plan has %d modules, this policy looks at margins of module %d",
                              plan->model.n_modules, last_sure(p));
    if (!(table || wick_policy_has_sure(p)) || !wick_json_has(at, "plan_sha256"))
        return WICK_OK;
    WICK_TRY(wick_json_string(at, "plan_sha256", &of));
    if (strcmp(of, plan->hash.hex) != 0)
        return wick_json_fail(at, WICK_MISMATCH, hint, "this %s was made for another plan",
                              table ? "table" : "policy looks at margins (sure) and");
    if (!table)
        return WICK_OK;
    WICK_TRY(wick_json_string(at, "device_sha256", &of));
    if (strcmp(of, plan->device->hash.hex) != 0)
        return wick_json_fail(at, WICK_MISMATCH, hint, "this table was made for another device");
    WICK_TRY(wick_json_number(at, "capacitor_uf", 0, 1e12, &uf));
    if (uf != plan->device->capacitor.uf)
        return wick_json_fail(at, WICK_MISMATCH, hint,
                              "this table was made for a capacitor of %g uF, the plan has %g uF",
                              uf, plan->device->capacitor.uf);
    return WICK_OK;
}

wick_status wick_policy_load(wick_arena *arena, const char *path, const wick_plan *plan,
                             wick_policy *out, wick_diag *diag) {
    *out = (wick_policy){0};
    json_t *document;
    WICK_TRY(wick_json_load(path, &document, diag));
    wick_json_at at = wick_json_root(document, path, arena, diag);
    wick_status status = read_policy(at, out);
    if (status == WICK_OK && plan)
        status = check_plan(at, out, plan);
    json_decref(document);
    return status;
}

wick_status wick_policy_world(wick_arena *arena, const char *path, const char **world,
                              wick_diag *diag) {
    json_t *document;
    *world = NULL;
    WICK_TRY(wick_json_load(path, &document, diag));
    wick_json_at at = wick_json_root(document, path, arena, diag);
    wick_status status = WICK_OK;
    if (wick_json_has(at, "world"))
        status = wick_json_string(at, "world", world);
    json_decref(document);
    return status;
}
