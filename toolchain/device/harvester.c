/* Reads a harvester profile; as in a device profile, a number without a source is refused. */
#include "device/device_parts.h"

#include <string.h>

static wick_status read_iv(wick_json_at panel, wick_harvester *h) {
    static const char *const known[] = {"reference_uw_cm2", "isc_ua", "voc_v", "imp_ua", "vmp_v",
                                        "slope_v",          NULL};
    wick_json_at at;
    WICK_TRY(wick_json_object(panel, "iv", &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_device_number(at, "reference_uw_cm2", 1e-6, 1e9, &h->panel.reference_uw_cm2));
    WICK_TRY(wick_device_number(at, "isc_ua", 1e-6, 1e9, &h->panel.iv.isc_ua));
    WICK_TRY(wick_device_number(at, "voc_v", 1e-3, 1e3, &h->panel.iv.voc_v));
    WICK_TRY(wick_device_number(at, "imp_ua", 1e-6, 1e9, &h->panel.iv.imp_ua));
    WICK_TRY(wick_device_number(at, "vmp_v", 1e-3, 1e3, &h->panel.iv.vmp_v));
    WICK_TRY(wick_device_number(at, "slope_v", 0, 1e2, &h->panel.slope_v));
    h->panel.has_iv = true;
    if (h->panel.iv.imp_ua >= h->panel.iv.isc_ua || h->panel.iv.vmp_v >= h->panel.iv.voc_v)
        return wick_json_fail(at, WICK_RANGE, "imp_ua < isc_ua and vmp_v < voc_v",
                              "the point of maximum power lies outside the curve");
    return WICK_OK;
}

static wick_status read_source(wick_json_at root, wick_harvester *h) {
    static const char *const known[] = {"area_cm2", "efficiency", "lux_per_uw_cm2", "iv", NULL};
    wick_json_at at;
    WICK_TRY(wick_json_object(root, "panel", &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_device_number(at, "area_cm2", 1e-6, 1e6, &h->panel.area_cm2));
    WICK_TRY(wick_device_number(at, "efficiency", 1e-6, 1, &h->panel.efficiency));
    WICK_TRY(wick_device_number(at, "lux_per_uw_cm2", 1e-6, 1e6, &h->panel.lux_per_uw_cm2));
    if (wick_json_has(at, "iv"))
        WICK_TRY(read_iv(at, h));
    if (wick_json_has(root, "source_ohm"))
        WICK_TRY(wick_device_number(root, "source_ohm", 1e-3, 1e12, &h->source_ohm));
    return WICK_OK;
}

static wick_status read_curve(wick_json_at front, wick_harvester *h) {
    static const char *const known[] = {"in_uw", "efficiency", "source", NULL};
    wick_json_at at, powers, shares;
    size_t n, n_shares;
    const char *source;
    WICK_TRY(wick_json_object(front, "curve", &at));
    WICK_TRY(wick_json_only(at, known));
    WICK_TRY(wick_json_string(at, "source", &source));
    WICK_TRY(wick_json_array(at, "in_uw", &powers, &n));
    WICK_TRY(wick_json_array(at, "efficiency", &shares, &n_shares));
    if (n != n_shares || n < 1 || n > WICK_BOOST_POINTS)
        return wick_json_fail(at, WICK_SHAPE,
                              "1 to 32 points, as many efficiencies as input powers",
                              "%zu input powers and %zu efficiencies", n, n_shares);
    h->boost.n = (int)n;
    for (size_t i = 0; i < n; i++) {
        double power = json_number_value(wick_json_index(powers, i).value);
        double share = json_number_value(wick_json_index(shares, i).value);
        if (!(power > 0 && power <= 1e12) || (i && power <= h->boost.in_uw[i - 1]))
            return wick_json_fail(wick_json_index(powers, i), WICK_RANGE,
                                  "positive and increasing, in uW", "input power %g", power);
        if (!(share >= 0 && share <= 1))
            return wick_json_fail(wick_json_index(shares, i), WICK_RANGE, "0 to 1", "efficiency %g",
                                  share);
        h->boost.in_uw[i] = power;
        h->boost.efficiency[i] = share;
    }
    return WICK_OK;
}

static wick_status read_boost(wick_json_at front, wick_harvester *h) {
    static const char *const known[] = {"kind",          "curve",           "min_uw",
                                        "cold_below_v",  "cold_efficiency", "cold_min_uw",
                                        "mppt_fraction", "mppt_duty",       NULL};
    WICK_TRY(wick_json_only(front, known));
    WICK_TRY(read_curve(front, h));
    WICK_TRY(wick_device_number(front, "min_uw", 0, 1e9, &h->boost.min_uw));
    WICK_TRY(wick_device_number(front, "cold_below_v", 0, 1e3, &h->boost.cold_below_v));
    WICK_TRY(wick_device_number(front, "cold_efficiency", 0, 1, &h->boost.cold_efficiency));
    WICK_TRY(wick_device_number(front, "cold_min_uw", 0, 1e9, &h->boost.cold_min_uw));
    WICK_TRY(wick_device_number(front, "mppt_fraction", 0, 0.999, &h->boost.mppt_fraction));
    WICK_TRY(wick_device_number(front, "mppt_duty", 1e-3, 1, &h->boost.mppt_duty));
    for (int i = 0; i < h->boost.n; i++)
        if (h->boost.efficiency[i] < h->boost.cold_efficiency)
            return wick_json_fail(front, WICK_RANGE,
                                  "a cold start charges no better than the running converter",
                                  "cold_efficiency %g is above the curve's %g",
                                  h->boost.cold_efficiency, h->boost.efficiency[i]);
    if (h->boost.cold_min_uw < h->boost.min_uw)
        return wick_json_fail(front, WICK_RANGE, "cold_min_uw >= min_uw",
                              "a cold start at %g uW, where the running converter needs %g uW",
                              h->boost.cold_min_uw, h->boost.min_uw);
    return WICK_OK;
}

static wick_status read_front(wick_json_at root, wick_harvester *h) {
    static const char *const constant[] = {"kind", "efficiency", NULL};
    static const char *const diode[] = {"kind", "drop_v", NULL};
    wick_json_at at;
    const char *kind;
    WICK_TRY(wick_json_object(root, "front", &at));
    WICK_TRY(wick_json_string(at, "kind", &kind));
    if (!strcmp(kind, "constant")) {
        h->front = WICK_FRONT_CONSTANT;
        WICK_TRY(wick_json_only(at, constant));
        return wick_device_number(at, "efficiency", 1e-6, 1, &h->efficiency);
    }
    if (!strcmp(kind, "diode")) {
        h->front = WICK_FRONT_DIODE;
        WICK_TRY(wick_json_only(at, diode));
        return wick_device_number(at, "drop_v", 0, 10, &h->drop_v);
    }
    if (!strcmp(kind, "boost")) {
        h->front = WICK_FRONT_BOOST;
        return read_boost(at, h);
    }
    return wick_json_fail(at, WICK_UNKNOWN, "kind is one of: constant boost diode",
                          "front end '%s' is not known", kind);
}

wick_status wick_harvester_load(wick_arena *arena, const char *name_or_path, wick_harvester **out,
                                wick_diag *diag) {
    static const char *const known[] = {"name", "panel", "source_ohm", "front", NULL};
    *out = NULL;
    char *path;
    WICK_TRY(wick_share_find_kind(arena, "profiles", "front", name_or_path, &path, diag));
    json_t *document;
    WICK_TRY(wick_json_load(path, &document, diag));
    wick_harvester *h = wick_new(arena, wick_harvester, 1);
    h->path = path;
    wick_json_at root = wick_json_root(document, path, arena, diag);
    wick_status status = wick_json_only(root, known);
    if (status == WICK_OK)
        status = wick_json_string(root, "name", &h->name);
    if (status == WICK_OK)
        status = read_source(root, h);
    if (status == WICK_OK)
        status = read_front(root, h);
    json_decref(document);
    if (status == WICK_OK)
        *out = h;
    return status;
}

wick_harvester wick_device_harvester(const wick_device *device) {
    return (wick_harvester){.name = device->name,
                            .panel = {.area_cm2 = device->panel.area_cm2,
                                      .efficiency = device->panel.efficiency,
                                      .lux_per_uw_cm2 = device->panel.lux_per_uw_cm2},
                            .front = WICK_FRONT_CONSTANT,
                            .efficiency = device->capacitor.input_efficiency};
}
