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
