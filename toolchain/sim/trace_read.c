/* Reading, generating, splicing, cutting and repeating traces. */
#include "sim/panel_curve.h"
#include "sim/trace_units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SAMPLES = 64 << 20, GENERATED_RF_S = 120, GENERATED_OFFICE_S = 7200 };

static const double MAX_TIME_S = 1e10; /* 300 years */

wick_trace_options wick_trace_defaults(void) {
    return (wick_trace_options){.scale = 1, .load_ohm = 30000, .repeat = 1};
}

/* Samples on the heap, one piece after the other. */
typedef struct tape {
    const wick_harvester *harvester;
    const wick_trace_options *options;
    int n, cap;
    double *time_s, *power_uw;
    wick_iv *iv;
    bool has_iv, linear; /* of every sample so far */
    double offset_s;     /* where the piece at hand begins */
    int first;           /* its first sample */
    const char *quantity;
    unsigned depends;
    wick_diag *diag;
} tape;

static void *bigger(void *old, size_t used, size_t bytes) {
    void *grown = wick_try_alloc(bytes);
    if (grown && used)
        memcpy(grown, old, used);
    return grown;
}

/* Room for `more` samples. */
static wick_status reserve(tape *t, int64_t more, const char *path) {
    if (t->n + more > MAX_SAMPLES)
        return wick_fail(t->diag, WICK_RANGE, path, NULL,
                         "thin the trace out, cut it, or repeat it less often (--duration repeats "
                         "without memory)",
                         "%lld samples are more than the %d that are held at once",
                         (long long)(t->n + more), MAX_SAMPLES);
    if (t->n + more <= t->cap)
        return WICK_OK;
    size_t n = (size_t)t->n, cap = (size_t)(t->n + more);
    double *time_s = bigger(t->time_s, n * sizeof *time_s, cap * sizeof *time_s);
    double *power_uw = bigger(t->power_uw, n * sizeof *power_uw, cap * sizeof *power_uw);
    wick_iv *iv = bigger(t->iv, n * sizeof *iv, cap * sizeof *iv);
    if (!time_s || !power_uw || !iv) {
        free(time_s);
        free(power_uw);
        free(iv);
        return wick_fail(t->diag, WICK_MEMORY, path, NULL, "thin the trace out, or cut it",
                         "no memory for %lld samples", (long long)cap);
    }
    free(t->time_s);
    free(t->power_uw);
    free(t->iv);
    t->time_s = time_s;
    t->power_uw = power_uw;
    t->iv = iv;
    t->cap = (int)cap;
    return WICK_OK;
}

static void append(tape *t, double time_s, trace_quantity quantity, const double *values) {
    bool has_iv;
    wick_iv iv = {0};
    double power = trace_convert(t->harvester, t->options, quantity, values, &iv, &has_iv);
    bool linear = quantity == TRACE_OPEN_CIRCUIT;
    if (t->n == 0)
        t->linear = linear;
    t->has_iv = has_iv && (t->n == 0 || t->has_iv) && t->linear == linear;
    t->time_s[t->n] = t->offset_s + time_s;
    t->power_uw[t->n] = power;
    t->iv[t->n++] = iv;
}

static void be_of(tape *t, trace_quantity quantity) {
    t->quantity = trace_quantity_text(quantity);
    t->depends |= trace_depends(t->harvester, quantity);
}

/* A curve with its maximum where it says, or darkness. */
static wick_status check_curve(const csv *c, double *v) {
    if (v[0] == 0 || v[1] == 0) {
        v[0] = v[1] = v[2] = v[3] = 0;
        return WICK_OK;
    }
    if (v[2] <= 0 || v[2] >= v[0] || v[3] <= 0 || v[3] >= v[1])
        return csv_fail(c, WICK_RANGE, "0 < imp < isc and 0 < vmp < voc, or all 0 in the dark",
                        "the point of maximum power lies outside the curve");
    if (!panel_curve_fits(&(wick_iv){v[0], v[1], v[2], v[3]}))
        return csv_fail(c, WICK_RANGE, "imp and vmp are those of the maximum power",
                        "no panel's curve with isc %g and voc %g has its maximum at imp %g and "
                        "vmp %g (uA, V)",
                        v[0], v[1], v[2], v[3]);
    return WICK_OK;
}

static wick_status read_row(tape *t, const csv *c, const trace_columns *columns, char **cells,
                            int n, double *previous_s, double *start_s) {
    double time_s, values[4];
    WICK_TRY(csv_number(c, cells, n, columns->time, -MAX_TIME_S, MAX_TIME_S, &time_s));
    time_s *= columns->time_factor;
    for (int k = 0; k < columns->n; k++) {
        WICK_TRY(csv_number(c, cells, n, columns->column[k], 0, columns->max[k], &values[k]));
        values[k] *= columns->factor[k];
    }
    if (columns->quantity == TRACE_CURVE)
        WICK_TRY(check_curve(c, values));
    if (t->n == t->first)
        *start_s = time_s;
    else if (time_s <= *previous_s || time_s - *start_s <= t->time_s[t->n - 1] - t->offset_s)
        return csv_fail(c, WICK_RANGE, "sort the file by time",
                        "the time goes from %.10g s to %.10g s: it must advance", *previous_s,
                        time_s);
    *previous_s = time_s;
    append(t, time_s - *start_s, columns->quantity, values);
    return WICK_OK;
}

static wick_status read_rows(tape *t, csv *c) {
    trace_columns columns;
    char *cells[CSV_COLUMNS];
    int n;
    double previous_s = 0, start_s = 0;
    WICK_TRY(trace_find_columns(c, &columns));
    WICK_TRY(trace_can_convert(t->harvester, t->options, columns.quantity, c->path, t->diag));
    WICK_TRY(reserve(t, (int64_t)c->rows + 1, c->path));
    for (csv_row(c, cells, &n); n; csv_row(c, cells, &n))
        WICK_TRY(read_row(t, c, &columns, cells, n, &previous_s, &start_s));
    if (t->n - t->first < 2)
        return wick_fail(
            t->diag, WICK_TRUNCATED, c->path, NULL,
            "one line says from when on a value holds, the next one until when; the last "
            "value holds as long as the one before",
            "a trace needs at least two samples, this one has %d", t->n - t->first);
    be_of(t, columns.quantity);
    return WICK_OK;
}

/* RF: bursts, as from a reader that comes and goes; 100 samples a second. */
static wick_status generate_rf(tape *t) {
    wick_rng rng = wick_rng_seed(1, 0x7266);
    double level = 0;
    WICK_TRY(reserve(t, GENERATED_RF_S * 100, "builtin:rf"));
    for (int i = 0; i < GENERATED_RF_S * 100; i++) {
        if (wick_rng_below(&rng, 50) == 0)
            level = wick_rng_below(&rng, 3) == 0 ? 0 : 200 + 1800 * wick_rng_uniform_double(&rng);
        double power = level * (0.8 + 0.4 * wick_rng_uniform_double(&rng));
        append(t, i * 0.01, TRACE_POWER, &power);
    }
    be_of(t, TRACE_POWER);
    return WICK_OK;
}

/* Office light: a slow wave with people who switch lamps and cast shadows; one sample a second, 200
 * to 1000 lux. */
static wick_status generate_office(tape *t) {
    wick_rng rng = wick_rng_seed(1, 0x6f66);
    double lamps = 400;
    WICK_TRY(reserve(t, GENERATED_OFFICE_S, "builtin:office"));
    for (int i = 0; i < GENERATED_OFFICE_S; i++) {
        if (wick_rng_below(&rng, 900) == 0)
            lamps = lamps > 0 ? 0 : 400;
        double daylight = 300 + 250 * sin(6.283185307179586 * i / GENERATED_OFFICE_S);
        double shadow = wick_rng_below(&rng, 20) == 0 ? 0.3 : 1, lux = (daylight + lamps) * shadow;
        append(t, i, TRACE_ILLUMINANCE, &lux);
    }
    be_of(t, TRACE_ILLUMINANCE);
    return WICK_OK;
}

/* One file or generated trace, behind what is there. */
static wick_status load_piece(wick_arena *arena, tape *t, const char *path) {
    const char *before = t->quantity;
    t->first = t->n;
    if (!strcmp(path, "builtin:rf")) {
        WICK_TRY(generate_rf(t));
    } else if (!strcmp(path, "builtin:office")) {
        WICK_TRY(generate_office(t));
    } else if (!strncmp(path, "builtin:", 8)) {
        return wick_fail(t->diag, WICK_UNKNOWN, path, NULL,
                         "there are builtin:rf and builtin:office", "no such built-in trace");
    } else {
        csv c;
        WICK_TRY(csv_open(arena, path, &c, t->diag));
        WICK_TRY(read_rows(t, &c));
    }
    if (before && strcmp(before, t->quantity) != 0)
        t->quantity = "several quantities";
    /* The last sample lasts as long as the one before it. */
    t->offset_s = 2 * t->time_s[t->n - 1] - t->time_s[t->n - 2];
    return WICK_OK;
}

static wick_status load_pieces(wick_arena *arena, tape *t, const char *path) {
    size_t n = strlen(path);
    if (n == 0 ||
        (!wick_path_is_file(path) && (path[0] == '+' || path[n - 1] == '+' || strstr(path, "++"))))
        return wick_fail(t->diag, WICK_SYNTAX, n ? path : NULL, NULL,
                         "FILE, or FILE+FILE to splice", "the name of a trace is empty");
    if (!strchr(path, '+') || wick_path_is_file(path))
        return load_piece(arena, t, path);
    char *list = wick_arena_strdup(arena, path);
    for (char *at = list; at;) {
        char *plus = strchr(at, '+');
        if (plus)
            *plus = '\0';
        WICK_TRY(load_piece(arena, t, at));
        at = plus ? plus + 1 : NULL;
    }
    return WICK_OK;
}

/* Keeps [from_s, to_s); the sample that holds from_s begins there. */
static wick_status cut(tape *t, const char *path) {
    double from_s = t->options->from_s, to_s = t->options->to_s;
    double end_s = to_s > 0 ? fmin(to_s, t->offset_s) : t->offset_s;
    if (!(from_s >= 0) || !(from_s < end_s))
        return wick_fail(t->diag, WICK_RANGE, path, NULL, "0 <= from < to, within the trace",
                         "nothing is left from %g s to %g s of %g s", from_s,
                         to_s > 0 ? to_s : t->offset_s, t->offset_s);
    int first = 0, n = 0;
    while (first + 1 < t->n && t->time_s[first + 1] <= from_s)
        first++;
    for (int i = first; i < t->n && t->time_s[i] < end_s; i++, n++) {
        t->time_s[n] = fmax(0, t->time_s[i] - from_s);
        t->power_uw[n] = t->power_uw[i];
        t->iv[n] = t->iv[i];
    }
    t->n = n;
    t->offset_s = end_s - from_s;
    return WICK_OK;
}

static wick_status repeat(tape *t, const char *path) {
    int n = t->n, times = t->options->repeat;
    double length_s = t->offset_s;
    if (times < 1)
        return wick_fail(t->diag, WICK_RANGE, path, NULL, "1 = once", "repeated %d times", times);
    WICK_TRY(reserve(t, (int64_t)n * (times - 1), path));
    for (int k = 1; k < times; k++) {
        for (int i = 0; i < n; i++) {
            t->time_s[t->n] = t->time_s[i] + k * length_s;
            t->power_uw[t->n] = t->power_uw[i];
            t->iv[t->n++] = t->iv[i];
        }
    }
    t->offset_s = times * length_s;
    return WICK_OK;
}

static wick_status check_options(const wick_trace_options *o, wick_diag *diag) {
    if (!(o->scale >= 0 && o->scale <= 1e12) || !(o->load_ohm > 0) || !(o->source_ohm >= 0) ||
        !(o->area_cm2 >= 0) || !(o->panel_efficiency >= 0 && o->panel_efficiency <= 1))
        return wick_fail(diag, WICK_RANGE, NULL, "trace options",
                         "scale, resistances, area: positive; efficiency: within 0 to 1",
                         "scale %g, load %g ohm, source %g ohm, area %g cm2, efficiency %g",
                         o->scale, o->load_ohm, o->source_ohm, o->area_cm2, o->panel_efficiency);
    return WICK_OK;
}

static wick_trace *finish(wick_arena *arena, const tape *t, const char *path) {
    wick_trace *trace = wick_new(arena, wick_trace, 1);
    size_t n = (size_t)t->n;
    *trace = (wick_trace){.n = t->n,
                          .time_s = wick_new(arena, double, n),
                          .power_uw = wick_new(arena, double, n),
                          .linear = t->linear,
                          .end_s = t->offset_s,
                          .path = wick_arena_strdup(arena, path),
                          .quantity = t->quantity,
                          .depends = t->depends};
    memcpy(trace->time_s, t->time_s, n * sizeof *t->time_s);
    memcpy(trace->power_uw, t->power_uw, n * sizeof *t->power_uw);
    if (t->has_iv) {
        trace->iv = wick_new(arena, wick_iv, n);
        memcpy(trace->iv, t->iv, n * sizeof *t->iv);
    }
    return trace;
}

wick_status wick_trace_load(wick_arena *arena, const char *path, const wick_device *device,
                            const wick_trace_options *options, wick_trace **out, wick_diag *diag) {
    *out = NULL;
    wick_harvester own = wick_device_harvester(device);
    tape t = {.harvester = options->harvester ? options->harvester : &own,
              .options = options,
              .diag = diag};
    wick_status status = check_options(options, diag);
    if (status == WICK_OK)
        status = load_pieces(arena, &t, path);
    if (status == WICK_OK)
        status = cut(&t, path);
    if (status == WICK_OK)
        status = repeat(&t, path);
    if (status == WICK_OK)
        *out = finish(arena, &t, path);
    free(t.time_s);
    free(t.power_uw);
    free(t.iv);
    return status;
}

int wick_trace_sample_at(const wick_trace *trace, int from, double t) {
    int low = from, high = from + 1, n = trace->n;
    for (int step = 1; high < n && trace->time_s[high] <= t; step *= 2) {
        low = high;
        high += step;
    }
    high = high < n ? high : n;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (trace->time_s[middle] <= t)
            low = middle;
        else
            high = middle;
    }
    return low;
}

wick_trace *wick_trace_scaled(wick_arena *arena, const wick_trace *trace, double factor) {
    wick_trace *out = wick_new(arena, wick_trace, 1);
    *out = *trace;
    out->power_uw = wick_new(arena, double, trace->n);
    for (int i = 0; i < trace->n; i++)
        out->power_uw[i] = trace->power_uw[i] * factor;
    if (!trace->iv)
        return out;
    out->iv = wick_new(arena, wick_iv, trace->n);
    for (int i = 0; i < trace->n; i++) {
        out->iv[i] = trace->iv[i];
        out->iv[i].isc_ua *= factor;
        out->iv[i].imp_ua *= factor;
    }
    return out;
}
