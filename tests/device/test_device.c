#include "device/device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-device-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b));
}

/* A device with round numbers, so that every expectation below is done by hand. */
static wick_device plain_device(void) {
    wick_device d = {.clock_hz = 1e6, .active_mw = 2.0};
    d.nvm.read_nj_per_byte = 3, d.nvm.write_nj_per_byte = 5;
    d.nvm.read_ns_per_byte = 10, d.nvm.write_ns_per_byte = 20;
    d.nvm.read_ns_per_access = 100, d.nvm.write_ns_per_access = 200;
    d.capacitor.uf = 100, d.capacitor.on_v = 3, d.capacitor.off_v = 2, d.capacitor.max_v = 4;
    d.capacitor.efficiency = 0.5;
    for (int k = 0; k < WICK_LAYER_KINDS; k++)
        d.portable[k] = (wick_kernel_cost){
            .offered = true, .cycles_per_mac = 2, .cycles_per_output = 10, .cycles_per_call = 100};
    return d;
}

static void usable_energy_by_hand(void **state) {
    (void)state;
    wick_device d = plain_device();
    /* 0.5 * 100 uF / 2 * (9 - 4) V^2 = 125 uJ */
    assert_true(near(wick_device_charge_uj(&d), 125));
    assert_true(near(wick_device_usable_uj(&d, 4, 3), 175));
    assert_true(near(wick_device_usable_uj(&d, 2, 3), -125));
}

static void cost_by_hand(void **state) {
    (void)state;
    wick_device d = plain_device();
    wick_work work = {5000, 40, 50, 2, 3, 0};
    wick_cost cost = wick_device_cost(&d, work);
    /* 5000 us + (40*10 + 50*20 + 2*100 + 3*200) ns = 5002.2 us; 2 mW of that; 40*3 + 50*5 nJ */
    assert_true(near(cost.time_us, 5002.2));
    assert_true(near(cost.compute_uj, 10.0044));
    assert_true(near(cost.nvm_uj, 0.37));
    assert_true(near(cost.energy_uj, 10.3744));
    wick_work twice = wick_work_add(work, work);
    assert_true(near(wick_device_cost(&d, twice).energy_uj, 20.7488));
    wick_cost sum = wick_cost_add(cost, cost);
    assert_true(near(sum.energy_uj, 20.7488) && near(sum.time_us, 10004.4));
    assert_true(near(sum.nvm_uj, 0.74) && near(sum.compute_uj, 20.0088));
}

/* Whole units are written, lines cleaned. */
static void writes_by_hand(void **state) {
    (void)state;
    wick_device d = plain_device();
    d.nvm.write_unit_bytes = 4;
    assert_int_equal(wick_device_unit_bytes(&d), 4);
    wick_work work = wick_device_write_work(&d, 41);
    assert_int_equal(work.nvm_write_bytes, 44);
    assert_int_equal(work.nvm_writes, 1);
    assert_true(near(work.nvm_erases, 0));
    assert_true(near(work.cycles, 0));
    assert_true(near(wick_device_barrier_work(&d).cycles, 0));
    d.nvm.ecc_bytes = 8;
    assert_int_equal(wick_device_unit_bytes(&d), 8);
    assert_int_equal(wick_device_write_work(&d, 41).nvm_write_bytes, 48);
    d.cache.line_bytes = 32, d.cache.clean_cycles_per_line = 10, d.cache.clean_cycles = 30;
    assert_int_equal(wick_device_unit_bytes(&d), 32);
    work = wick_device_write_work(&d, 41); /* two lines */
    assert_int_equal(work.nvm_write_bytes, 64);
    assert_true(near(work.cycles, 20));
    assert_true(near(wick_device_barrier_work(&d).cycles, 30));
    d.cache.line_bytes = 0;
}

/* A log on flash (wick/flash.h): entries in whole program units, and their share in opening pages.
 */
static void flash_by_hand(void **state) {
    (void)state;
    wick_device d = plain_device();
    d.nvm.write_unit_bytes = 4, d.nvm.ecc_bytes = 8;
    d.nvm.bytes = 10 * 512;
    d.nvm.page_bytes = 512, d.nvm.erase_uj_per_page = 7, d.nvm.erase_us_per_page = 900;
    assert_int_equal(wick_device_unit_bytes(&d), 128);
    assert_int_equal(wick_device_flash_blocks(&d), 8); /* 1/32 of a page, two bytes each */
    assert_int_equal(wick_device_flash_head(&d), 8 + 16);
    assert_int_equal(wick_device_flash_live(&d), 64 * 9 * 3 / 4);
    assert_true(near(wick_device_flash_turn(&d, 130), 10 - 2 - 2));
    wick_work work = wick_device_write_work(&d, 133); /* a block of 128 and one of 5 */
    assert_int_equal(work.nvm_write_bytes, 136 + 16);
    assert_int_equal(work.nvm_writes, 4);
    /* 512 - 24 head - 64 moved - 136 of a next entry that does not fit + 8 */
    assert_true(near(work.nvm_erases, 152.0 / 296));
    /* A page: 88 bytes in 10 writes, 64 bytes read in 10; 900 + 1.76 + 2 + 0.64 + 1 us, 7 + 0.44 +
       0.192 uJ. */
    wick_cost page = wick_device_flash_opening(&d);
    assert_true(near(page.time_us, 905.4));
    assert_true(near(page.nvm_uj, 7.632));
    wick_cost cost = wick_device_cost(&d, work);
    /* 152*20 + 4*200 ns; 152*5 nJ */
    assert_true(near(cost.time_us, 3.84 + 152.0 / 296 * 905.4));
    assert_true(near(cost.nvm_uj, 0.76 + 152.0 / 296 * 7.632));
    assert_true(near(wick_work_add(work, work).nvm_erases, 304.0 / 296));
    wick_work boot = wick_device_flash_boot(&d);
    assert_true(near(boot.nvm_erases, 1) && boot.cycles > 0);
    assert_int_equal(boot.nvm_read_bytes, 4 * 10 + 24 + 8 * ((512 - 24) / 16));
}

static void work_by_hand(void **state) {
    (void)state;
    wick_device d = plain_device();
    wick_layer layer = {.in_h = 4, .in_w = 5, .in_c = 6, .k_h = 3, .k_w = 2, .n_operands = 2};
    layer.out_w = 3;
    layer.out_c = 4; /* 7 outputs: two pixels are touched */
    static const struct {
        wick_layer_kind kind;
        double units, window;
    } cases[] = {{WICK_LAYER_CONV2D, 36, 36}, {WICK_LAYER_DWCONV2D, 6, 24},
                 {WICK_LAYER_FC, 120, 120},   {WICK_LAYER_MAXPOOL, 6, 24},
                 {WICK_LAYER_AVGPOOL, 6, 24}, {WICK_LAYER_ADD, 2, 4},
                 {WICK_LAYER_CONCAT, 1, 4},   {WICK_LAYER_MOVE, 1, 4},
                 {WICK_LAYER_MUL, 2, 4},      {WICK_LAYER_SOFTMAX, 1, 6}};
    assert_int_equal(WICK_LEN(cases), WICK_LAYER_KINDS);
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        layer.kind = (uint8_t)cases[i].kind;
        layer.out_w = 3;
        wick_work work = wick_device_layer_work(&d, &layer, 7);
        assert_true(near(work.cycles, 7 * (cases[i].units * 2 + 10) + 100));
        assert_int_equal(work.nvm_read_bytes + work.nvm_write_bytes, 0);
        d.portable[cases[i].kind].cycles_per_input = 0.5;
        work = wick_device_layer_work(&d, &layer, 7);
        assert_true(
            near(work.cycles, 7 * (cases[i].units * 2 + 10) + 2 * cases[i].window * 0.5 + 100));
        /* 9 outputs: three pixels of four channels, the last one alone and counted whole. */
        d.portable[cases[i].kind].cycles_per_lone_mac = 3;
        work = wick_device_layer_work(&d, &layer, 9);
        assert_true(near(work.cycles, cases[i].units * (5 * 2 + 4 * 3) + 9 * 10 +
                                          3 * cases[i].window * 0.5 + 100));
        /* Two columns: two rows of outputs; all four channels are touched. */
        layer.out_w = 2;
        d.portable[cases[i].kind].cycles_per_channel = 7;
        d.portable[cases[i].kind].cycles_per_row = 5;
        assert_true(
            near(wick_device_layer_work(&d, &layer, 9).cycles, work.cycles + 4 * (7 + 2 * 5)));
    }
}

/* Profiles of devices in share/profiles; the caller frees with the arena. */
static size_t shipped(wick_arena *arena, char ***names) {
    size_t count, devices = 0;
    char *folder_of = wick_path_join(arena, wick_share_dir(), "profiles");
    assert_int_equal(wick_dir_list(arena, folder_of, names, &count, NULL), WICK_OK);
    for (size_t i = 0; i < count; i++) {
        char *dot = strstr((*names)[i], ".json");
        if (!dot || !strncmp((*names)[i], "published-", 10) ||
            !strncmp((*names)[i], "harvester-", 10))
            continue;
        *dot = '\0';
        (*names)[devices++] = (*names)[i];
    }
    return devices;
}

/* What is left over when several pixels, or rows, are taken at once; and what strides cost. */
static void left_over_pixels_by_hand(void **state) {
    (void)state;
    wick_device d = plain_device();
    wick_kernel_cost *conv = &d.portable[WICK_LAYER_CONV2D];
    wick_layer layer = {.kind = WICK_LAYER_CONV2D, .in_c = 2, .k_h = 1, .k_w = 1, .stride_w = 1};
    layer.out_w = 5;
    layer.out_c = 3;
    conv->cycles_per_lone_mac = 7;
    conv->pixels_at_once = 4;
    /* 11 pixels of 3 channels, 2 products each: 8 pixels at 2 cycles, 3 at 7 */
    assert_true(near(wick_device_layer_work(&d, &layer, 33).cycles,
                     24 * 2 * 2 + 9 * 2 * 7 + 33 * 10 + 100));
    /* 12 pixels: nothing is left over */
    assert_true(near(wick_device_layer_work(&d, &layer, 36).cycles, 36 * 2 * 2 + 36 * 10 + 100));
    /* 2 channels of one pixel: all is left over */
    assert_true(near(wick_device_layer_work(&d, &layer, 2).cycles, 2 * 2 * 7 + 2 * 10 + 100));
    conv->cycles_per_strided_mac = 4;
    layer.stride_w = 2;
    /* 15 pixels: 12 and 3 */
    assert_true(near(wick_device_layer_work(&d, &layer, 45).cycles,
                     36 * 2 * 4 + 9 * 2 * 7 + 45 * 10 + 100));
}

/* Cycles are outputs here: tiles of 2x2 pixels by 8 channels, in 5x5 pixels of 12 channels. */
static void tiles_are_counted_whole(void **state) {
    (void)state;
    static const struct {
        int64_t count, outputs;
    } cases[] = {
        {1, 4 * 8},
        {8, 4 * 8},
        {9, 4 * 12},
        {12, 4 * 12},
        {2 * 12, 8 * 12},
        {3 * 12, 8 * 12},
        {4 * 12, 12 * 12},
        {5 * 12, 12 * 12}, /* a row; across is 6 */
        {2 * 5 * 12, 12 * 12},
        {3 * 5 * 12, 24 * 12},
        {6 * 12, 24 * 12},
        {25 * 12, 36 * 12},
    };
    wick_device d = {0};
    wick_layer layer = {.kind = WICK_LAYER_CONV2D, .kernel = 1, .k_h = 3, .k_w = 3, .in_c = 7};
    layer.out_h = layer.out_w = 5;
    layer.out_c = 12;
    d.fast[1] = (wick_kernel_cost){.cycles_per_output = 1, .tile_side = 2, .tile_channels = 8};
    for (size_t i = 0; i < WICK_LEN(cases); i++)
        assert_true(near(wick_device_layer_work(&d, &layer, cases[i].count).cycles,
                         (double)cases[i].outputs));
}

static void shipped_profiles_load_and_are_sane(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    char **names;
    size_t count = shipped(arena, &names);
    assert_true(count >= 3);
    for (size_t i = 0; i < count; i++) {
        wick_diag diag = {0};
        wick_device *device;
        assert_int_equal(wick_device_load(arena, names[i], &device, &diag), WICK_OK);
        assert_string_equal(device->name, names[i]);
        assert_true(wick_device_charge_uj(device) > 2 * device->boot_uj);
        assert_int_equal(strlen(device->hash.hex), 64);
        assert_true(device->nvm.weak_below_v > 0 && device->nvm.reset_v > device->nvm.weak_below_v);
        assert_non_null(device->cycles_source);
        int64_t unit = wick_device_unit_bytes(device);
        assert_true(unit >= device->nvm.write_unit_bytes && !(unit & (unit - 1)));
        wick_device *bigger = wick_device_with_capacitor(arena, device, 2 * device->capacitor.uf);
        assert_true(near(wick_device_charge_uj(bigger), 2 * wick_device_charge_uj(device)));
        assert_int_equal(diag.count, 0);
    }
    wick_arena_free(arena);
}

/* The object that holds `dotted`'s last component. */
static json_t *parent_of(json_t *root, const char *dotted, const char **key) {
    json_t *at = root;
    char *copy = wick_xstrdup(dotted), *dot, *rest = copy;
    while ((dot = strchr(rest, '.'))) {
        *dot = '\0';
        at = json_object_get(at, rest);
        assert_non_null(at);
        rest = dot + 1;
    }
    *key = dotted + (rest - copy);
    free(copy);
    return at;
}

/* Loads m4-fram with one field replaced (value NULL: removed) and returns the status. */
static wick_status load_edited(const char *dotted, const char *value, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    char *path;
    json_t *root;
    assert_int_equal(wick_share_find(arena, "profiles", "m4-fram", &path, diag), WICK_OK);
    assert_int_equal(wick_json_load(path, &root, diag), WICK_OK);
    const char *key;
    json_t *parent = parent_of(root, dotted, &key);
    if (value)
        json_object_set_new(parent, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        assert_int_equal(json_object_del(parent, key), 0);
    char *edited = wick_path_join(arena, folder, "edited.json");
    assert_int_equal(wick_json_save(edited, root, diag), WICK_OK);
    json_decref(root);
    wick_device *device;
    wick_status status = wick_device_load(arena, edited, &device, diag);
    assert_true((status == WICK_OK) == (device != NULL));
    wick_arena_free(arena);
    return status;
}

static void bad_profiles_name_the_field(void **state) {
    (void)state;
    static const struct {
        const char *field, *value;
        wick_status status;
        const char *says;
    } cases[] = {
        {"nvm.read_nj_per_byte", NULL, WICK_MISSING, "nvm.read_nj_per_byte"},
        {"active_mw", "{\"value\": -1, \"source\": \"s\"}", WICK_RANGE, "active_mw"},
        {"clock_hz", "80000000", WICK_SYNTAX, "needs its source"},
        {"clock_hz", "{\"value\": 80000000}", WICK_MISSING, "clock_hz.source"},
        {"clock_hz", "{\"value\": 1, \"source\": \" \"}", WICK_MISSING, "source is empty"},
        {"clock_hz", "{\"value\": \"1\", \"source\": \"s\"}", WICK_SYNTAX, "clock_hz.value"},
        {"clock_hz", "{\"value\": 1, \"source\": \"s\", \"x\": 1}", WICK_UNKNOWN, "clock_hz.x"},
        {"colour", "1", WICK_UNKNOWN, "colour"},
        {"nvm.speed", "1", WICK_UNKNOWN, "nvm.speed"},
        {"kernels", NULL, WICK_MISSING, "kernels"},
        {"kernels", "\"m5\"", WICK_NOT_FOUND, "m4"},
        {"kernels", "\"./none.json\"", WICK_NOT_FOUND, "none.json"},
        {"kernels", "{\"fft\": {}}", WICK_UNKNOWN, "kernels.fft"},
        {"kernels", "{}", WICK_MISSING, "kernels.conv2d_s8"},
        {"nvm.ecc_bytes", "{\"value\": 12, \"source\": \"s\"}", WICK_RANGE, "power of two"},
        {"nvm.ecc_bytes", "{\"value\": 16, \"source\": \"s\"}", WICK_OK, ""},
        {"nvm.page_bytes", "{\"value\": 512, \"source\": \"s\"}", WICK_RANGE, "not erased"},
        {"nvm.erase_uj_per_page", "{\"value\": 1, \"source\": \"s\"}", WICK_RANGE, "not erased"},
        {"nvm.kind", "\"flash\"", WICK_MISSING, "page_bytes is missing"},
        {"nvm.reset_v", NULL, WICK_MISSING, "nvm.reset_v"},
        {"nvm.reset_v", "{\"value\": 1.5, \"source\": \"s\"}", WICK_RANGE, "not above weak"},
        {"cache", "{}", WICK_RANGE, "mapped memory only"},
        {"nvm.kind", "\"tape\"", WICK_UNKNOWN, "tape"},
        {"nvm.write_unit_bytes", "{\"value\": 12, \"source\": \"s\"}", WICK_RANGE, "power of two"},
        {"nvm.bytes", "{\"value\": 1.5, \"source\": \"s\"}", WICK_SYNTAX, "whole number"},
        {"capacitor.efficiency", "{\"value\": 1.2, \"source\": \"s\"}", WICK_RANGE, "efficiency"},
        {"capacitor.off_v", "{\"value\": 4.1, \"source\": \"s\"}", WICK_RANGE, "not below on_v"},
        {"capacitor.off_v", "{\"value\": 1.74, \"source\": \"s\"}", WICK_RANGE,
         "off_v 1.74 is below nvm.reset_v 1.75"},
        {"capacitor.off_v", "{\"value\": 1.75, \"source\": \"s\"}", WICK_OK, ""},
        {"nvm.reset_v", "{\"value\": 2.1, \"source\": \"s\"}", WICK_RANGE, "at least 2.1"},
        {"capacitor.max_v", "{\"value\": 3.9, \"source\": \"s\"}", WICK_RANGE, "above max_v"},
        {"_note", "\"comments are allowed\"", WICK_OK, ""},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_diag diag = {0};
        wick_status status = load_edited(cases[i].field, cases[i].value, &diag);
        assert_int_equal(status, cases[i].status);
        if (status != WICK_OK) {
            assert_int_equal(wick_status_exit(status), 3);
            assert_int_equal(diag.count, 1);
            /* What is not found is named instead of the profile. */
            assert_true(status == WICK_NOT_FOUND || wick_diag_contains(&diag, "edited.json"));
            assert_true(wick_diag_contains(&diag, cases[i].says));
        }
        wick_diag_free(&diag);
    }
}

/* Loads m4-mram with one of its kernel table's fields replaced. */
static wick_status load_with_table(const char *dotted, const char *value, const char **hex,
                                   wick_arena *arena, wick_diag *diag) {
    char *path, *table = wick_path_join(arena, folder, "table.json");
    char *edited = wick_path_join(arena, folder, "edited.json");
    json_t *root;
    assert_int_equal(wick_share_find(arena, "profiles/kernels", "m4", &path, NULL), WICK_OK);
    assert_int_equal(wick_json_load(path, &root, NULL), WICK_OK);
    const char *key;
    json_t *parent = parent_of(root, dotted, &key);
    if (value)
        json_object_set_new(parent, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        assert_int_equal(json_object_del(parent, key), 0);
    assert_int_equal(wick_json_save(table, root, NULL), WICK_OK);
    json_decref(root);
    assert_int_equal(wick_share_find(arena, "profiles", "m4-mram", &path, NULL), WICK_OK);
    assert_int_equal(wick_json_load(path, &root, NULL), WICK_OK);
    json_object_set_new(root, "kernels", json_string("./table.json"));
    assert_int_equal(wick_json_save(edited, root, NULL), WICK_OK);
    json_decref(root);
    wick_device *device;
    wick_status status = wick_device_load(arena, edited, &device, diag);
    *hex = status == WICK_OK ? device->hash.hex : NULL;
    return status;
}

static void bad_kernel_tables_name_the_field(void **state) {
    (void)state;
    static const struct {
        const char *field, *value;
        wick_status status;
        const char *says;
    } cases[] = {
        {"kernels.fc_s8", NULL, WICK_MISSING, "kernels.fc_s8"},
        {"kernels.fft", "{}", WICK_UNKNOWN, "kernels.fft"},
        {"kernels.fc_s8.cycles_per_mac", "-1", WICK_RANGE, "kernels.fc_s8.cycles_per_mac"},
        {"kernels.fc_s8.cycles_per_call", NULL, WICK_MISSING, "cycles_per_call"},
        {"kernels.fc_s8.pixels_at_once", "0", WICK_RANGE, "pixels_at_once"},
        {"kernels.conv2d_s8.tile_side", "0", WICK_RANGE, "tile_side"},
        {"kernels.conv2d_s8.tile_channels", "65", WICK_RANGE, "tile_channels"},
        {"kernels.fc_s8.code_bytes", "0", WICK_RANGE, "code_bytes"},
        {"cycles_source", "\" \"", WICK_MISSING, "cycles_source is empty"},
        {"code_source", NULL, WICK_MISSING, "code_source"},
        {"colour", "1", WICK_UNKNOWN, "colour"},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_arena *arena = wick_arena_new();
        wick_diag diag = {0};
        const char *hex;
        assert_int_equal(load_with_table(cases[i].field, cases[i].value, &hex, arena, &diag),
                         cases[i].status);
        assert_true(wick_diag_contains(&diag, "table.json"));
        assert_true(wick_diag_contains(&diag, cases[i].says));
        wick_diag_free(&diag);
        wick_arena_free(arena);
    }
}

/* A plan belongs to a device with its kernels: either text makes it another. */
static void the_hash_covers_the_kernel_table(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    const char *first, *second, *third;
    assert_int_equal(load_with_table("_note", "\"a\"", &first, arena, NULL), WICK_OK);
    assert_int_equal(load_with_table("_note", "\"b\"", &second, arena, NULL), WICK_OK);
    assert_int_equal(load_with_table("_note", "\"a\"", &third, arena, NULL), WICK_OK);
    assert_string_not_equal(first, second);
    assert_string_equal(first, third);
    wick_arena_free(arena);
}

static void an_unknown_device_lists_the_known_ones(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    wick_device *device;
    assert_int_equal(wick_device_load(arena, "m5-core", &device, &diag), WICK_NOT_FOUND);
    assert_true(wick_diag_contains(&diag, "m4-fram"));
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usable_energy_by_hand),
        cmocka_unit_test(cost_by_hand),
        cmocka_unit_test(writes_by_hand),
        cmocka_unit_test(flash_by_hand),
        cmocka_unit_test(work_by_hand),
        cmocka_unit_test(left_over_pixels_by_hand),
        cmocka_unit_test(tiles_are_counted_whole),
        cmocka_unit_test(shipped_profiles_load_and_are_sane),
        cmocka_unit_test(bad_profiles_name_the_field),
        cmocka_unit_test(bad_kernel_tables_name_the_field),
        cmocka_unit_test(the_hash_covers_the_kernel_table),
        cmocka_unit_test(an_unknown_device_lists_the_known_ones),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
