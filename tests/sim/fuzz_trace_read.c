/* libFuzzer entry for the readers of traces and arrivals; not part of the build. With B the build
   folder: clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Itoolchain
   -Iruntime/include tests/sim/fuzz_trace_read.c toolchain/sim/{csv,trace_read,trace_units,
   panel_curve,workload}.c toolchain/device/harvester.c toolchain/device/device_profile.c
   toolchain/base/[a-z]*.c -DWICK_VERSION='"0"' -DWICK_SOURCE_DIR='"."' -ljansson -lnettle -lpthread
   -lm -o fuzz && ./fuzz CORPUS */
#include "sim/sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static wick_device device(void) {
    wick_device d = {.name = "fuzz"};
    d.capacitor.input_efficiency = 0.8;
    d.panel.area_cm2 = 10;
    d.panel.efficiency = 0.15;
    d.panel.lux_per_uw_cm2 = 1.2;
    return d;
}

/* What is accepted is a trace: time advances from 0, powers are finite and not negative. */
static void check(const wick_trace *t) {
    if (t->n < 1 || t->time_s[0] != 0 || !(t->end_s > t->time_s[t->n - 1]))
        abort();
    for (int i = 0; i < t->n; i++)
        if ((i && !(t->time_s[i] > t->time_s[i - 1])) || !(t->power_uw[i] >= 0) ||
            !isfinite(t->power_uw[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("trace", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size)
        abort();
    wick_device d = device();
    wick_harvester h = wick_device_harvester(&d);
    h.panel.has_iv = true;
    h.panel.reference_uw_cm2 = 1000;
    h.panel.iv = (wick_iv){.isc_ua = 100, .voc_v = 2, .imp_ua = 90, .vmp_v = 1.6};
    h.panel.slope_v = 0.1;
    wick_trace_options o = wick_trace_defaults();
    o.source_ohm = 1000;
    o.repeat = 1 + (int)(size % 3);
    o.harvester = size % 2 ? &h : NULL;
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    wick_trace *trace;
    wick_status status = wick_trace_load(arena, path, &d, &o, &trace, &diag);
    if ((status == WICK_OK) != (trace != NULL) || (status == WICK_OK) != (diag.count == 0))
        abort();
    if (trace)
        check(trace);
    wick_diag_free(&diag);
    wick_workload w = {0};
    status = wick_workload_load(arena, path, &w, &diag);
    if ((status == WICK_OK) != (diag.count == 0) || (status == WICK_OK) != (w.n_times > 0))
        abort();
    wick_diag_free(&diag);
    wick_arena_free(arena);
    return 0;
}
