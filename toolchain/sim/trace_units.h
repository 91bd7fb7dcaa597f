/* Quantities and units of traces, and what each means for the source. */
#ifndef WICK_TRACE_UNITS_H
#define WICK_TRACE_UNITS_H

#include "sim/csv.h"
#include "sim/trace.h"

typedef enum trace_quantity {
    TRACE_POWER,         /* µW */
    TRACE_VOLTAGE,       /* V over load_ohm */
    TRACE_IRRADIANCE,    /* µW/cm2 */
    TRACE_ILLUMINANCE,   /* lux */
    TRACE_OPEN_CIRCUIT,  /* V behind source_ohm */
    TRACE_SHORT_CIRCUIT, /* µA of the panel */
    TRACE_CURVE          /* isc, voc, imp, vmp: µA and V */
} trace_quantity;

/* The columns that a trace's values stand in. */
typedef struct trace_columns {
    trace_quantity quantity;
    int n, column[4]; /* CURVE: isc, voc, imp, vmp */
    double factor[4]; /* to the unit above */
    double max[4];    /* in the column's unit */
    int time;
    double time_factor; /* to seconds */
} trace_columns;

/* Finds them by the header's names. MISSING or UNKNOWN names the column and the units that there
 * are. */
wick_status trace_find_columns(const csv *c, trace_columns *out);
const char *trace_quantity_text(trace_quantity quantity);
/* WICK_TRACE_ bits: the options that its conversion uses. */
unsigned trace_depends(const wick_harvester *harvester, trace_quantity quantity);
/* Whether the harvester says enough for it. */
wick_status trace_can_convert(const wick_harvester *harvester, const wick_trace_options *options,
                              trace_quantity quantity, const char *path, wick_diag *diag);
/* Power and, where *has_iv is set, the curve of one sample. values: in the quantity's unit. */
double trace_convert(const wick_harvester *harvester, const wick_trace_options *options,
                     trace_quantity quantity, const double *values, wick_iv *iv, bool *has_iv);

#endif
