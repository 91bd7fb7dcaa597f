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
