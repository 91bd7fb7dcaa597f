/* Harvest traces: CSV with the unit in the column's name, and two generated ones. */
#include "sim/sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TRACE_BYTES = 512 << 20,
    MAX_COLUMNS = 32,
    GENERATED_RF_S = 120,
    GENERATED_OFFICE_S = 7200
};

wick_trace_options wick_trace_defaults(void) {
    return (wick_trace_options){.scale = 1, .load_ohm = 30000};
}

typedef enum quantity {
    POWER_UW,
    POWER_MW,
    VOLTAGE_V,
    IRRADIANCE_UW_CM2,
    IRRADIANCE_W_M2,
    ILLUMINANCE_LUX
} quantity;

static const struct {
    const char *column, *text;
} quantities[] = {
    {"power_uw", "power"},
    {"power_mw", "power"},
    {"voltage_v", "voltage over a resistance"},
    {"irradiance_uw_cm2", "irradiance"},
    {"irradiance_w_m2", "irradiance"},
    {"illuminance_lux", "illuminance"},
};

typedef struct reader {
    const char *path;
    const wick_device *device;
    wick_trace_options options;
    int time_column, value_column, line;
    quantity what;
    wick_trace *trace;
    int cap;
    wick_diag *diag;
} reader;

static wick_status fail_line(const reader *r, wick_status status, const char *hint,
                             const char *reason) {
    char place[32];
    snprintf(place, sizeof place, "line %d", r->line);
    return wick_fail(r->diag, status, r->path, place, hint, "%s", reason);
}

/* Power of one sample in µW. A panel of area A and efficiency eta gives irradiance x A x eta;
   illuminance is turned into irradiance by the device's lux_per_uw_cm2, which holds for one kind of
   light only. */
static double power_uw(const reader *r, double value) {
    double area = r->options.area_cm2 > 0 ? r->options.area_cm2 : r->device->panel.area_cm2;
    double efficiency =
        r->options.panel_efficiency > 0 ? r->options.panel_efficiency : r->device->panel.efficiency;
    double power = 0;
    switch (r->what) {
    case POWER_UW:
        power = value;
        break;
    case POWER_MW:
        power = value * 1e3;
        break;
    case VOLTAGE_V:
        power = value * value / r->options.load_ohm * 1e6;
        break;
    case IRRADIANCE_UW_CM2:
        power = value * area * efficiency;
        break;
    case IRRADIANCE_W_M2:
        power = value * 100 * area * efficiency;
        break;
    case ILLUMINANCE_LUX:
        power = value / r->device->panel.lux_per_uw_cm2 * area * efficiency;
        break;
    }
    return power * r->options.scale;
}

static int split(char *line, char **cells) {
    int n = 0;
    for (char *p = line; n < MAX_COLUMNS;) {
        p += strspn(p, " \t");
        cells[n++] = p;
        char *comma = strchr(p, ',');
        char *end = comma ? comma : p + strlen(p);
        while (end > p && strchr(" \t\r", end[-1]))
            end--;
        char *next = comma ? comma + 1 : NULL;
        *end = '\0';
        if (!next)
            break;
        p = next;
    }
    return n;
}

static wick_status read_header(reader *r, char *line) {
    char *cells[MAX_COLUMNS];
    int n = split(line, cells);
    r->time_column = r->value_column = -1;
    for (int c = 0; c < n; c++) {
        if (!strcmp(cells[c], "time_s"))
            r->time_column = c;
        for (size_t q = 0; q < WICK_LEN(quantities); q++)
            if (!strcmp(cells[c], quantities[q].column) && r->value_column < 0) {
                r->value_column = c;
                r->what = (quantity)q;
                r->trace->quantity = quantities[q].text;
            }
    }
    const char *hint = "the header needs time_s and one of power_uw, power_mw, voltage_v, "
                       "irradiance_uw_cm2, irradiance_w_m2, illuminance_lux";
    if (r->time_column < 0)
        return fail_line(r, WICK_MISSING, hint, "there is no column time_s");
    if (r->value_column < 0)
        return fail_line(r, WICK_MISSING, hint,
                         "there is no column with a known quantity and unit");
    return WICK_OK;
}

static wick_status number(const reader *r, const char *text, const char *name, double *out) {
    char *end, reason[128];
    *out = strtod(text, &end);
    if (end == text || *end || !isfinite(*out)) {
        snprintf(reason, sizeof reason, "%s is '%.40s', not a number", name, text);
        return fail_line(r, WICK_SYNTAX, NULL, reason);
    }
    return WICK_OK;
}

static void append(reader *r, double time_s, double power) {
    wick_trace *t = r->trace;
    if (t->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 1024;
        t->time_s = wick_xrealloc(t->time_s, (size_t)r->cap * sizeof *t->time_s);
        t->power_uw = wick_xrealloc(t->power_uw, (size_t)r->cap * sizeof *t->power_uw);
    }
    t->time_s[t->n] = time_s;
    t->power_uw[t->n++] = power;
}

static wick_status read_line(reader *r, char *line) {
    char *cells[MAX_COLUMNS], reason[128];
    int n = split(line, cells);
    if (n == 1 && !cells[0][0])
        return WICK_OK;
    if (n <= r->time_column || n <= r->value_column)
        return fail_line(r, WICK_MISSING, NULL, "a value is missing");
    double time_s, value;
    WICK_TRY(number(r, cells[r->time_column], "time_s", &time_s));
    WICK_TRY(number(r, cells[r->value_column], quantities[r->what].column, &value));
    if (value < 0) {
        snprintf(reason, sizeof reason, "%s is %g; it must not be negative",
                 quantities[r->what].column, value);
        return fail_line(r, WICK_RANGE, "correct the file, or clip it at 0", reason);
    }
    if (r->trace->n && time_s <= r->trace->time_s[r->trace->n - 1]) {
        snprintf(reason, sizeof reason, "the time goes from %g s to %g s: it must advance",
                 r->trace->time_s[r->trace->n - 1], time_s);
        return fail_line(r, WICK_RANGE, "sort the file by time", reason);
    }
    append(r, time_s, power_uw(r, value));
    return WICK_OK;
}

static wick_status read_csv(reader *r, char *text) {
    bool header = false;
    for (char *line = text; line && *line;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        r->line++;
        if (line[0] != '#') {
            if (header)
                WICK_TRY(read_line(r, line));
            else
                WICK_TRY(read_header(r, line));
            header = true;
        }
        line = next;
    }
    if (r->trace->n < 2)
        return wick_fail(r->diag, WICK_TRUNCATED, r->path, NULL, NULL,
                         "a trace needs at least two samples, this one has %d", r->trace->n);
    return WICK_OK;
}

/* RF: bursts, as from a reader that comes and goes; 100 samples a second. */
static void generate_rf(reader *r) {
    wick_rng rng = wick_rng_seed(1, 0x7266);
    double level = 0;
    for (int i = 0; i < GENERATED_RF_S * 100; i++) {
        if (wick_rng_below(&rng, 50) == 0)
            level = wick_rng_below(&rng, 3) == 0 ? 0 : 200 + 1800 * wick_rng_uniform_double(&rng);
        append(r, i * 0.01, level * (0.8 + 0.4 * wick_rng_uniform_double(&rng)) * r->options.scale);
    }
    r->trace->quantity = "power";
}

/* Office light: a slow wave with people who switch lamps and cast shadows; one sample a second, 200
 * to 1000 lux. */
static void generate_office(reader *r) {
    wick_rng rng = wick_rng_seed(1, 0x6f66);
    double lamps = 400;
    r->what = ILLUMINANCE_LUX;
    for (int i = 0; i < GENERATED_OFFICE_S; i++) {
        if (wick_rng_below(&rng, 900) == 0)
            lamps = lamps > 0 ? 0 : 400;
        double daylight = 300 + 250 * sin(6.283185307179586 * i / GENERATED_OFFICE_S);
        double shadow = wick_rng_below(&rng, 20) == 0 ? 0.3 : 1;
        append(r, i, power_uw(r, (daylight + lamps) * shadow));
    }
    r->trace->quantity = "illuminance";
}

static wick_status load(wick_arena *arena, reader *r) {
    if (!strncmp(r->path, "builtin:", 8)) {
        if (!strcmp(r->path, "builtin:rf"))
            generate_rf(r);
        else if (!strcmp(r->path, "builtin:office"))
            generate_office(r);
        else
            return wick_fail(r->diag, WICK_UNKNOWN, r->path, NULL,
                             "there are builtin:rf and builtin:office", "no such built-in trace");
        return WICK_OK;
    }
    wick_bytes bytes;
    WICK_TRY(wick_file_read(arena, r->path, MAX_TRACE_BYTES, &bytes, r->diag));
    if (memchr(bytes.data, '\0', bytes.len))
        return wick_fail(r->diag, WICK_SYNTAX, r->path, NULL, NULL, "this is not a text file");
    return read_csv(r, (char *)bytes.data);
}

wick_status wick_trace_load(wick_arena *arena, const char *path, const wick_device *device,
                            const wick_trace_options *options, wick_trace **out, wick_diag *diag) {
    *out = NULL;
    reader r = {.path = path,
                .device = device,
                .options = *options,
                .trace = wick_new(arena, wick_trace, 1),
                .diag = diag};
    wick_status status = load(arena, &r);
    if (status == WICK_OK) {
        wick_trace *t = r.trace;
        double *time_s = wick_new(arena, double, t->n), *power = wick_new(arena, double, t->n);
        /* Time starts at 0; the last sample lasts as long as the one before it. */
        for (int i = 0; i < t->n; i++)
            time_s[i] = t->time_s[i] - t->time_s[0];
        memcpy(power, t->power_uw, (size_t)t->n * sizeof *power);
        double last_s = time_s[t->n - 1] - time_s[t->n - 2];
        free(t->time_s);
        free(t->power_uw);
        *t = (wick_trace){.n = t->n,
                          .time_s = time_s,
                          .power_uw = power,
                          .end_s = time_s[t->n - 1] + last_s,
                          .path = wick_arena_strdup(arena, path),
                          .quantity = t->quantity};
        *out = t;
    } else {
        free(r.trace->time_s);
        free(r.trace->power_uw);
    }
    return status;
}
