/* Harvest traces: what the source offers over time. Included through sim.h. */
#ifndef WICK_TRACE_H
#define WICK_TRACE_H

#include "device/device.h"

/* Options that a trace's harvest depends on, by its quantities and the harvester. */
enum { WICK_TRACE_LOAD = 1, WICK_TRACE_SOURCE = 2, WICK_TRACE_AREA = 4, WICK_TRACE_EFFICIENCY = 8 };

/* Piecewise constant between samples. */
typedef struct wick_trace {
    int n;
    double *time_s; /* [n], strictly increasing, first = 0 */
    double
        *power_uw; /* [n] at the source's point of maximum power, from time_s[i] to time_s[i+1] */
    wick_iv *iv;   /* [n] the source's curve; NULL where only the power is known */
    bool linear;   /* iv is that of a voltage behind a resistance, else a panel's */
    double end_s;  /* of the last sample's interval: as long as the one before */
    const char *path;
    const char *quantity; /* "power", "voltage over a resistance", "irradiance" ... */
    unsigned depends;     /* WICK_TRACE_ bits, of all pieces */
} wick_trace;

typedef struct wick_trace_options {
    double scale;                      /* multiplies powers and currents, default 1 */
    double load_ohm;                   /* for voltage columns, default 30000 */
    double source_ohm;                 /* for open_circuit_v columns; 0 = the harvester's */
    double area_cm2, panel_efficiency; /* for light columns; 0 = the harvester's panel */
    double from_s, to_s; /* only this part, counted from the trace's start; to_s 0 = to the end */
    int repeat;          /* how often, default 1 */
    const wick_harvester *harvester; /* NULL = the device's own figures */
} wick_trace_options;
wick_trace_options wick_trace_defaults(void);

/* CSV: a header, the column time_s (or time_ms, time_us), and one of
     power_w, power_mw, power_uw              what the source gives
     voltage_v, voltage_mv                    over load_ohm: V^2 / R
     irradiance_w_m2, _mw_cm2, _uw_cm2        on the panel
     illuminance_lux, illuminance_klux        on the panel, by the harvester's lux_per_uw_cm2
     open_circuit_v, open_circuit_mv          behind source_ohm: V^2 / (4 R) at best
     short_circuit_a, _ma, _ua                of the panel, whose curve the harvester's panel.iv
   gives isc_ and imp_ in _a, _ma or _ua, voc_v, vmp_v    all four: the curve itself Lines that
   begin with # are comments. "builtin:rf", "builtin:office" are generated from a seed. "A+B+C"
   splices traces, each starting where the one before ended; from_s, to_s and repeat apply to the
   whole. A time that does not advance, a value that is negative, missing, not a number or beyond
   what its unit can mean names file and line. */
wick_status wick_trace_load(wick_arena *arena, const char *path, const wick_device *device,
                            const wick_trace_options *options, wick_trace **out, wick_diag *diag);

/* End of sample i, from the trace's start. */
static inline double wick_trace_end_s(const wick_trace *trace, int i) {
    return i + 1 < trace->n ? trace->time_s[i + 1] : trace->end_s;
}
/* The sample that holds time t, at or after sample `from`. */
int wick_trace_sample_at(const wick_trace *trace, int from, double t);

/* The same trace from a source `factor` times as large (powers and currents; > 0), in `arena`;
   shares times and texts. */
wick_trace *wick_trace_scaled(wick_arena *arena, const wick_trace *trace, double factor);

/* Another trace of the same source, as long: pieces of it one behind the other, which begin
   anywhere and go on at its beginning where it ends; their lengths are exponential with mean
   piece_s (> 0): the stationary bootstrap of Politis and Romano (1994). The same every time for a
   seed and stream; in `arena`; shares texts. */
wick_trace *wick_trace_drawn(wick_arena *arena, const wick_trace *trace, double piece_s,
                             uint64_t seed, uint64_t stream);

#endif
