#include "sim/csv.h"
#include "sim/sim.h"

wick_status wick_workload_load(wick_arena *arena, const char *path, wick_workload *workload,
                               wick_diag *diag) {
    csv c;
    char *cells[CSV_COLUMNS];
    int n;
    WICK_TRY(csv_open(arena, path, &c, diag));
    int column = csv_column(&c, "time_s"), priority = csv_column(&c, "urgent");
    if (column < 0)
        return csv_fail(&c, WICK_MISSING, "name the column of the arrivals time_s",
                        "there is no column time_s");
    double *times_s = wick_new(arena, double, c.rows + 1), is_urgent;
    uint8_t *urgent = wick_new(arena, uint8_t, c.rows + 1);
    int count = 0;
    for (csv_row(&c, cells, &n); n; csv_row(&c, cells, &n)) {
        WICK_TRY(csv_number(&c, cells, n, column, 0, 1e10, &times_s[count]));
        if (count && times_s[count] <= times_s[count - 1])
            return csv_fail(&c, WICK_RANGE, "sort the file by time",
                            "the time goes from %.10g s to %.10g s: it must advance",
                            times_s[count - 1], times_s[count]);
        if (priority >= 0) {
            WICK_TRY(csv_number(&c, cells, n, priority, 0, 1, &is_urgent));
            if (is_urgent != 0 && is_urgent != 1)
                return csv_fail(&c, WICK_RANGE, "1 where the input is urgent, else 0",
                                "urgent is %g", is_urgent);
            urgent[count] = is_urgent != 0;
        }
        count++;
    }
    if (count == 0)
        return wick_fail(diag, WICK_TRUNCATED, path, NULL, "one line an arrival",
                         "no input ever arrives");
    workload->arrivals = WICK_ARRIVALS_LISTED;
    workload->times_s = times_s;
    workload->n_times = count;
    workload->urgent = priority >= 0 ? urgent : NULL;
    return WICK_OK;
}

static wick_status check_arrivals(const wick_workload *w, wick_diag *diag) {
    if (w->arrivals == WICK_ARRIVALS_LISTED) {
        if (w->n_times < 1)
            return wick_fail(diag, WICK_RANGE, NULL, "arrivals", "list at least one time",
                             "no input ever arrives");
        for (int i = 1; i < w->n_times; i++)
            if (!(w->times_s[i] > w->times_s[i - 1]))
                return wick_fail(diag, WICK_RANGE, NULL, "arrivals", "sort them by time",
                                 "input %d arrives at %g s, the one before at %g s", i + 1,
                                 w->times_s[i], w->times_s[i - 1]);
        return WICK_OK;
    }
    if (!(w->period_s > 0 && w->period_s <= 1e12) || !(w->phase_s >= 0 && w->phase_s <= 1e12))
        return wick_fail(diag, WICK_RANGE, NULL, "period", "0 < period, 0 <= phase",
                         "period %g s from %g s on", w->period_s, w->phase_s);
    return WICK_OK;
}

wick_status wick_workload_check(const wick_workload *w, wick_diag *diag) {
    WICK_TRY(check_arrivals(w, diag));
    if (!(w->deadline_s > 0))
        return wick_fail(diag, WICK_RANGE, NULL, "deadline", "give a positive time",
                         "a deadline of %g s", w->deadline_s);
    if (w->arrivals == WICK_ARRIVALS_PERIODIC && w->rule == WICK_INPUT_REPLACE &&
        w->deadline_s > w->period_s)
        return wick_fail(diag, WICK_RANGE, NULL, "deadline",
                         "with the rule `replace` an input is dropped when the next one arrives: "
                         "take drop-new or drop-old, or a shorter deadline",
                         "deadline %g s and period %g s: 0 < deadline <= period must hold",
                         w->deadline_s, w->period_s);
    if (w->max_waiting < 0 || w->max_waiting > WICK_MAX_WAITING)
        return wick_fail(diag, WICK_RANGE, NULL, "waiting inputs", NULL, "%d is not within 0 to %d",
                         w->max_waiting, WICK_MAX_WAITING);
    if (!(w->fresh_s >= 0))
        return wick_fail(diag, WICK_RANGE, NULL, "freshness", "0 = no limit", "%g s", w->fresh_s);
    return WICK_OK;
}
