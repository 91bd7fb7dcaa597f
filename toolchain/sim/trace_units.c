#include "sim/trace_units.h"

#include "sim/panel_curve.h"

#include <string.h>

typedef struct unit {
    const char *column;
    trace_quantity quantity;
    int part; /* of a CURVE */
    double factor, max;
} unit;

/* The largest values that are believed: 1 kW, 1 kV, five suns, 1 Mlux, 1 kA. */
static const unit units[] = {
    {"power_w", TRACE_POWER, 0, 1e6, 1e3},
    {"power_mw", TRACE_POWER, 0, 1e3, 1e6},
    {"power_uw", TRACE_POWER, 0, 1, 1e9},
    {"voltage_v", TRACE_VOLTAGE, 0, 1, 1e3},
    {"voltage_mv", TRACE_VOLTAGE, 0, 1e-3, 1e6},
    {"irradiance_w_m2", TRACE_IRRADIANCE, 0, 100, 5e3},
    {"irradiance_mw_cm2", TRACE_IRRADIANCE, 0, 1e3, 500},
    {"irradiance_uw_cm2", TRACE_IRRADIANCE, 0, 1, 5e5},
    {"illuminance_lux", TRACE_ILLUMINANCE, 0, 1, 1e6},
    {"illuminance_klux", TRACE_ILLUMINANCE, 0, 1e3, 1e3},
    {"open_circuit_v", TRACE_OPEN_CIRCUIT, 0, 1, 1e3},
    {"open_circuit_mv", TRACE_OPEN_CIRCUIT, 0, 1e-3, 1e6},
    {"short_circuit_a", TRACE_SHORT_CIRCUIT, 0, 1e6, 1e3},
    {"short_circuit_ma", TRACE_SHORT_CIRCUIT, 0, 1e3, 1e6},
    {"short_circuit_ua", TRACE_SHORT_CIRCUIT, 0, 1, 1e9},
    {"isc_a", TRACE_CURVE, 0, 1e6, 1e3},
    {"isc_ma", TRACE_CURVE, 0, 1e3, 1e6},
    {"isc_ua", TRACE_CURVE, 0, 1, 1e9},
    {"voc_v", TRACE_CURVE, 1, 1, 1e3},
    {"voc_mv", TRACE_CURVE, 1, 1e-3, 1e6},
    {"imp_a", TRACE_CURVE, 2, 1e6, 1e3},
    {"imp_ma", TRACE_CURVE, 2, 1e3, 1e6},
    {"imp_ua", TRACE_CURVE, 2, 1, 1e9},
    {"vmp_v", TRACE_CURVE, 3, 1, 1e3},
    {"vmp_mv", TRACE_CURVE, 3, 1e-3, 1e6},
};

static const struct {
    const char *column;
    double factor;
} times[] = {{"time_s", 1}, {"time_ms", 1e-3}, {"time_us", 1e-6}};

static const char *const all =
    "the header needs time_s (or time_ms, time_us) and one of power_, voltage_, irradiance_, "
    "illuminance_, open_circuit_, short_circuit_ with its unit, or isc_, voc_, imp_ and vmp_ with "
    "theirs";

const char *trace_quantity_text(trace_quantity quantity) {
    static const char *const texts[] = {"power",
                                        "voltage over a resistance",
                                        "irradiance",
                                        "illuminance",
                                        "open-circuit voltage",
                                        "short-circuit current",
                                        "current-voltage curve"};
    return texts[quantity];
}

unsigned trace_depends(const wick_harvester *h, trace_quantity quantity) {
    switch (quantity) {
    case TRACE_VOLTAGE:
        return WICK_TRACE_LOAD;
    case TRACE_OPEN_CIRCUIT:
        return WICK_TRACE_SOURCE;
    case TRACE_IRRADIANCE:
    case TRACE_ILLUMINANCE:
        return h->panel.has_iv ? WICK_TRACE_AREA : WICK_TRACE_AREA | WICK_TRACE_EFFICIENCY;
    case TRACE_SHORT_CIRCUIT:
        return WICK_TRACE_AREA;
    case TRACE_POWER:
    case TRACE_CURVE:
        break;
    }
    return 0;
}

/* A column whose quantity is known but not its unit: the commonest mistake. */
static wick_status unknown_unit(const csv *c, const char *missing) {
    for (int i = 0; i < c->n_columns; i++)
        for (size_t u = 0; u < WICK_LEN(units); u++) {
            size_t stem = (size_t)(strchr(units[u].column, '_') - units[u].column);
            if (strncmp(c->names[i], units[u].column, stem) != 0)
                continue;
            wick_buf list = {0};
            for (size_t k = 0; k < WICK_LEN(units); k++)
                if (!strncmp(units[k].column, units[u].column, stem))
                    wick_buf_printf(&list, "%s%s", list.len ? ", " : "write ", units[k].column);
            wick_status status = csv_fail(c, WICK_UNKNOWN, list.data,
                                          "column '%.40s' has no known unit", c->names[i]);
            wick_buf_free(&list);
            return status;
        }
    return csv_fail(c, WICK_MISSING, all, "%s", missing);
}

static wick_status find_time(const csv *c, trace_columns *out) {
    out->time = -1;
    for (int i = 0; i < c->n_columns; i++)
        for (size_t t = 0; t < WICK_LEN(times); t++) {
            if (strcmp(c->names[i], times[t].column) != 0)
                continue;
            if (out->time >= 0)
                return csv_fail(c, WICK_SYNTAX, "keep one of them: delete or rename the other",
                                "two columns say the time: %s and %s", c->names[out->time],
                                c->names[i]);
            out->time = i;
            out->time_factor = times[t].factor;
        }
    return out->time >= 0 ? WICK_OK : csv_fail(c, WICK_MISSING, all, "there is no column time_s");
}

/* The columns that say what the source gives: parts[0] alone, or the parts of a curve. */
static wick_status find_parts(const csv *c, const unit *parts[4], int columns[4]) {
    const unit *first = NULL;
    for (int i = 0; i < c->n_columns; i++)
        for (size_t u = 0; u < WICK_LEN(units); u++) {
            const unit *found = &units[u], **part = &parts[found->part];
            if (strcmp(c->names[i], found->column) != 0)
                continue;
            first = first ? first : found;
            if (*part || first->quantity != found->quantity)
                return csv_fail(c, WICK_SYNTAX, "keep one of them: delete or rename the other",
                                "two columns say what the source gives: %s and %s",
                                *part ? (*part)->column : first->column, found->column);
            *part = found;
            columns[found->part] = i;
        }
    return first ? WICK_OK : unknown_unit(c, "there is no column with a known quantity and unit");
}

wick_status trace_find_columns(const csv *c, trace_columns *out) {
    static const char *const names[] = {"isc_", "voc_", "imp_", "vmp_"};
    const unit *parts[4] = {NULL};
    int columns[4] = {0};
    *out = (trace_columns){0};
    WICK_TRY(find_time(c, out));
    WICK_TRY(find_parts(c, parts, columns));
    out->quantity = parts[0] ? parts[0]->quantity : TRACE_CURVE;
    int n = out->quantity == TRACE_CURVE ? 4 : 1;
    for (out->n = 0; out->n < n; out->n++) {
        int k = out->n;
        if (!parts[k])
            return csv_fail(c, WICK_MISSING, all, "a curve needs a column %s with its unit too",
                            names[k]);
        out->column[k] = columns[k];
        out->factor[k] = parts[k]->factor;
        out->max[k] = parts[k]->max;
    }
    return WICK_OK;
}

wick_status trace_can_convert(const wick_harvester *h, const wick_trace_options *options,
                              trace_quantity quantity, const char *path, wick_diag *diag) {
    if (quantity == TRACE_OPEN_CIRCUIT && options->source_ohm <= 0 && h->source_ohm <= 0)
        return wick_fail(diag, WICK_MISSING, path, NULL,
                         "give --source-ohm, or a harvester with source_ohm",
                         "an open-circuit voltage is no power until the resistance behind it is "
                         "known");
    if (quantity == TRACE_SHORT_CIRCUIT && !h->panel.has_iv)
        return wick_fail(diag, WICK_MISSING, path, NULL,
                         "give --harvester with a profile whose panel has an iv curve",
                         "a short-circuit current is no power until the panel's curve is known");
    bool by_panel = quantity == TRACE_IRRADIANCE || quantity == TRACE_ILLUMINANCE ||
                    quantity == TRACE_SHORT_CIRCUIT;
    if (by_panel && h->panel.has_iv && !panel_curve_fits(&h->panel.iv))
        return wick_fail(diag, WICK_RANGE, h->path ? h->path : h->name, "panel.iv",
                         "imp_ua and vmp_v are those of the maximum power",
                         "no panel's curve with these isc_ua and voc_v has its maximum there");
    return WICK_OK;
}

static double curve(wick_iv at, bool linear, double currents, wick_iv *iv, bool *has_iv) {
    *has_iv = true;
    *iv = at;
    iv->isc_ua *= currents;
    iv->imp_ua *= currents;
    return panel_peak_uw(iv, linear);
}

/* A panel of area A and efficiency eta gives irradiance x A x eta, or what its curve says. */
static double light(const wick_harvester *h, const wick_trace_options *o, double uw_cm2,
                    wick_iv *iv, bool *has_iv) {
    double area = o->area_cm2 > 0 ? o->area_cm2 : h->panel.area_cm2;
    double efficiency = o->panel_efficiency > 0 ? o->panel_efficiency : h->panel.efficiency;
    if (h->panel.has_iv)
        return curve(panel_iv_at(h, uw_cm2), false, o->scale * area / h->panel.area_cm2, iv,
                     has_iv);
    return uw_cm2 * area * efficiency * o->scale;
}

double trace_convert(const wick_harvester *h, const wick_trace_options *o, trace_quantity quantity,
                     const double *values, wick_iv *iv, bool *has_iv) {
    double value = values[0];
    *has_iv = false;
    switch (quantity) {
    case TRACE_POWER:
        break;
    case TRACE_VOLTAGE:
        return value * value / o->load_ohm * 1e6 * o->scale;
    case TRACE_IRRADIANCE:
        return light(h, o, value, iv, has_iv);
    case TRACE_ILLUMINANCE:
        return light(h, o, value / h->panel.lux_per_uw_cm2, iv, has_iv);
    case TRACE_OPEN_CIRCUIT:
        return curve(panel_iv_thevenin(value, o->source_ohm > 0 ? o->source_ohm : h->source_ohm),
                     true, o->scale, iv, has_iv);
    case TRACE_SHORT_CIRCUIT:
        return light(h, o, value / h->panel.iv.isc_ua * h->panel.reference_uw_cm2, iv, has_iv);
    case TRACE_CURVE:
        return curve((wick_iv){values[0], values[1], values[2], values[3]}, false, o->scale, iv,
                     has_iv);
    }
    return value * o->scale;
}
