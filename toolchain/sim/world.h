/* The world around one device: time, harvest, capacitor, arriving inputs and the account of energy.
   The device's program (the fast simulator's, or the firmware) asks it to run items of work, to
   sleep or to wait for charge; the world says how that ended. Between two events every power is
   constant and the store advances in closed form; where nothing can happen it jumps over whole runs
   of samples and items (world_leap.c), and inside one sample it goes a shorter way
   (world_stretch.h). */
#ifndef WICK_WORLD_H
#define WICK_WORLD_H

#include "sim/arrivals.h"
#include "sim/supply.h"
#include "sim/work_items.h"

typedef enum world_outcome {
    WORLD_DONE,
    WORLD_PAUSED, /* world_run: stopped behind a unit because an input arrived */
    WORLD_FAILED, /* the power is gone: wait for charge, boot */
    WORLD_OVER    /* the simulation's end */
} world_outcome;

/* What draws power at the moment. */
typedef struct world_load {
    double draw_uw, off_uj; /* off_uj < 0: nothing can fail (the device is off) */
    double floor_uj;        /* a jump stays above this too; 0 = nothing more */
    double wake_uj;         /* the store at which waiting ends; INFINITY */
    double min_uw, max_uw;  /* the least and most that will be drawn: draw_uw, or of the items to
                               come */
} world_load;

typedef struct world {
    const wick_plan *plan;
    const wick_sim_options *options;
    wick_sim_result *result;
    store store;
    supply supply;
    work_items work;
    arrivals arrivals;
    bool walks; /* event by event, each by the general way: no jumps */
    double now_s, end_s;
    double horizon_s;           /* the first of: end, mark, the next input */
    double mark_s, mark_step_s; /* the next voltage event; INFINITY when nothing is recorded */
    /* the trace: `sample` of the repetition that began at trace_s */
    int sample;
    double trace_s, recent_start_uw;
    double sample_end_s, offered_uw, arrives_uw; /* looked up once a sample; arrives: when warm */
    /* the item in work */
    int item;
    double left_s;
    int open_first;       /* of the open work */
    work_sums open_loose; /* its loose items */
    bool powered, booted; /* booted: runs the program, so that it notices inputs */
    bool in_work;         /* an input is in work (for the queue's rule) */
    bool arrived;         /* an input came since the program last looked */
    int event_input, event_segment;
    int cap_events;
} world;

static inline uint32_t world_clamp_u32(double value) {
    return value <= 0 ? 0 : value >= 4294967294.0 ? UINT32_MAX - 1 : (uint32_t)value;
}

wick_status world_begin(world *w, wick_arena *arena, const wick_plan *plan, const wick_trace *trace,
                        const wick_sim_options *options, int n_samples, wick_sim_result *result,
                        wick_diag *diag);
/* Closes the account. */
void world_end(world *w);

/* Runs items [first, end), which lie in one sequence, from first's start. A unit is booked when its
   last item is done; one that is run item by item may be (first or end inside it). w->item is the
   item that comes next: `end` when DONE; behind the unit at hand when PAUSED (only if `pause`). */
world_outcome world_run(world *w, int first, int end, bool pause);
/* Work that no commit has covered yet: items of one sequence from `first` on, and loose ones.
   Nothing of it is booked before it is closed, or ends early: then all of it, as lost or, at the
   simulation's end, as done. */
void world_open(world *w, int first);
/* Runs items [first, end) of the open work. `far` >= end: while the store surely stays above
   floor_uj it may go on behind `end`, to a unit's end within far: w->item tells. */
world_outcome world_run_open(world *w, int first, int end, int far, double floor_uj);
/* Runs one loose item (-1: none) where the open work stands before item `at`; w->item is `at`. */
world_outcome world_run_loose(world *w, int at, int item);
/* Books the open work up to item `end` as committed, or as lost. */
void world_close(world *w, int end, bool useful);
/* What the port's voltage reading says, mV. */
static inline uint32_t world_capacitor_mv(const world *w) {
    return world_clamp_u32(store_voltage(&w->store) * 1e3);
}
/* Sleeps until `until_s` or an arrival. */
world_outcome world_sleep(world *w, double until_s);
/* When a device that sleeps from now on has uj in its store, before until_s and the run's end;
   INFINITY: not by then. Only where nothing is recorded. */
double world_reaches_s(const world *w, double uj, double until_s);
/* Off until `until_s`: DONE or OVER. */
world_outcome world_stay_off(world *w, double until_s);
/* Off: waits for the wake voltage, at least until `not_before_s`. */
world_outcome world_charge(world *w, double not_before_s);

/* What the policy may know. */
wick_situation world_situation(const world *w, double deadline_s, uint8_t modules_done);
void world_event(world *w, wick_event_kind kind, int module, int number);
/* An input left without an answer. */
void world_missed(world *w, const input *in, int *reason);

/* For world_leap.c: jumps as far as nothing can happen, at most to the time until_s; `end` is the
   end of the items at hand, or -1 when no item runs. Moves time, sample, item and store, and adds
   the harvest to the account. False: it did not move, because no two events lie before the next one
   that matters. */
bool world_leap(world *w, const world_load *load, double until_s, int end);
/* The time is in this sample of the repetition at hand. */
void world_enter_sample(world *w, int sample);
/* The trace's next sample begins. */
void world_next_sample(world *w);
/* Adds an interval's harvest to the account. */
static inline void world_account(world *w, double offered_uj, store_flow flow) {
    wick_energy *e = &w->result->energy;
    e->harvested_uj += offered_uj;
    e->input_loss_uj += offered_uj - flow.in_uj;
    e->clamped_uj += flow.clamped_uj;
    e->leakage_uj += flow.leaked_uj;
}
/* Adds a time of sleep. */
static inline void world_book_sleep(world *w, double dt_s) {
    wick_energy *e = &w->result->energy;
    const work_items *work = &w->work;
    e->sleep_uj += work->sleep_load_uw * dt_s;
    e->esr_loss_uj += work->sleep_esr_uw * dt_s;
    e->converter_loss_uj += (work->sleep_draw_uw - work->sleep_esr_uw - work->sleep_load_uw) * dt_s;
}

#endif
