#include "sim_notes.h"

#include <math.h>

/* So many inputs tell shares of 5 % apart: what runs should have where nothing else is asked. */
enum { ENOUGH_INPUTS = 20 };

/* Inputs without which a target's shares say nothing: one of them is more than such a share, or
   than what it lacks to all. */
static int inputs_for(const wick_target *target) {
    double most = 0;
    for (int i = 0; target && i < target->n; i++) {
        wick_figure figure = target->goal[i].figure;
        double value = target->goal[i].value, share = fmin(value, 1 - value);
        if ((figure == WICK_FIGURE_ACCURACY || figure == WICK_FIGURE_ANSWERS) && share > 0)
            most = fmax(most, ceil(1 / share - 1e-6)); /* 5 % are not quite 1 - 0.95 */
    }
    return (int)fmin(most, 1e9);
}

void sim_note_inputs(int inputs, const char *where, const wick_target *target) {
    int needed = inputs_for(target);
    if (inputs <= 0) {
        fprintf(stderr,
                "wick: note: no input comes within %s (see --arrivals, --phase and --duration)\n",
                where);
    } else if (inputs < ENOUGH_INPUTS || inputs < needed) {
        wick_arena *arena = wick_arena_new();
        fprintf(stderr, "wick: note: only %d input%s within %s: one is %.3g %% of every share",
                inputs, inputs == 1 ? " comes" : "s come", where, 100.0 / inputs);
        if (inputs < needed)
            fprintf(stderr, ", and %s takes at least %d", wick_target_text(arena, target), needed);
        fprintf(stderr, "; more come with --repeat, --duration or a shorter --period\n");
        wick_arena_free(arena);
    }
}

bool sim_never_wakes(const double figures[WICK_FIGURES]) {
    return isnan(figures[WICK_FIGURE_COMMITS]); /* a share of what the device draws */
}

/* The way out. */
static const char *wake_hint(const wick_sim_charge *charge, double on_v, wick_arena *arena) {
    const char *wake = "a lower wake voltage (capacitor.on_v of the device's profile; wick size "
                       "--wake tries some)";
    if (charge->limit_v < on_v)
        return wick_arena_printf(
            arena,
            "behind the diode this source charges to %.4g V at most, however large it is: take a "
            "--harvester with a converter, a source of more voltage, or %s",
            fmax(0, charge->limit_v), wake);
    return wick_arena_printf(arena, "try more harvest (--scale), a longer --duration, or %s", wake);
}

wick_status sim_note_sleep(const char *who, const wick_plan *plan, const wick_trace *trace,
                           const wick_sim_options *options, wick_diag *diag) {
    double on_v = plan->device->capacitor.on_v;
    wick_sim_charge charge;
    WICK_TRY(wick_sim_charge_alone(plan, trace, options, &charge, diag));
    wick_arena *arena = wick_arena_new();
    fprintf(stderr,
            "wick: note: %s never wakes: its capacitor comes to %.4g V, and it wakes at %.4g V\n"
            "      hint: %s\n",
            who, floor(1000 * charge.highest_v) / 1000, on_v, wake_hint(&charge, on_v, arena));
    wick_arena_free(arena);
    return WICK_OK;
}
