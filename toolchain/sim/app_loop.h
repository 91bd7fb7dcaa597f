/* The program of the device, around either engine: takes inputs by the workload's rule, has them
   worked on, notices what is too old, counts answers. The engine is the fast simulator's model of
   it (sim_run.c) or the runtime's own (firmware_run.c). */
#ifndef WICK_APP_LOOP_H
#define WICK_APP_LOOP_H

#include "sim/sure_scores.h"
#include "sim/world.h"

#include <wick/engine.h>

typedef struct program program;

typedef struct program_engine {
    /* After the boot's cost has been paid. NULL: nothing to do. */
    world_outcome (*boot)(program *p);
    /* One unit of the input in work, or several while no input arrives. Keeps taken, phase, segment
       and progress as they stand in NVM. */
    world_outcome (*work)(program *p);
    /* Nothing is in work: does the policy want the device off? */
    bool (*rests)(program *p);
    void *ctx;
} program_engine;

struct program {
    world world;
    const program_engine *engine;
    const uint8_t *correct; /* [modules][n_samples] */
    double accuracy[1 + WICK_MAX_HEADS];
    sure_scores *sure; /* NULL: the policy does not look at margins */
    int n_samples;
    input now;  /* in work; id -1: none */
    bool taken; /* it is committed in NVM */
    bool age_known;
    wick_phase phase; /* of the taken input, as committed */
    int segment;
    int progress[1 + WICK_MAX_HEADS]; /* spans committed of each segment */
    uint8_t answered;                 /* bit k-1 */
    /* of the engine's state in RAM: engine.h */
    bool warm;
    int patience;
    uint32_t highest_mv;
    int from[2];    /* number of the first step of this boot, of the extractor and of a module: what
                       it and later ones computed is in SRAM; INT_MAX = none */
    bool extracted; /* all that the extractor computes for modules is */
    bool begun;     /* this boot works on the segment in work */
    int reach;      /* if begun: no step of the segment behind this one reads what was not computed
                       in this boot */
    int wanted;     /* by a control: the module to work on; 0 = none */
    int span_end;   /* by a control: a commit comes before this span; 0 = none */
    double off_until_s; /* switched off: not to boot before */
    int in_time;        /* the last module that answered in time; 0 none */
    double latency_sum_s;
};

/* The fast simulator's (sim_run.c). */
extern const program_engine program_fast_engine;

/* A program that is off, before its first turn. Behind it a program may be copied and go on as two,
   each with a result of its own (world.result), while `arena` and what is given here stand. */
wick_status program_begin(program *p, wick_arena *arena, const wick_plan *plan,
                          const wick_trace *trace, const wick_sim_options *options,
                          const uint8_t *correct, int n_samples, const program_engine *engine,
                          wick_sim_result *result, wick_diag *diag);
/* A boot, or one unit, sleep or action. */
world_outcome program_turn(program *p);
/* What a turn of a powered device begins with: inputs that are finished or too old go, the next one
   is begun. Twice is as once. */
void program_look_around(program *p);
/* As a control sees it. */
wick_sim_state program_state(const program *p);
/* The end: what is still open counts as missed when its deadline has passed. */
void program_close(program *p);
/* All of that, to the end of the simulated time. */
wick_status program_run(program *p, const wick_plan *plan, const wick_trace *trace,
                        const wick_sim_options *options, const uint8_t *correct, int n_samples,
                        const program_engine *engine, wick_sim_result *result, wick_diag *diag);
/* Module `module` has delivered (again, perhaps). */
void program_answer(program *p, int module);
/* Nothing in SRAM counts any more: of the extractor and the module, or the module alone. */
void program_forget(program *p, bool extractor_too);
/* A decision is committed. */
void program_decided(program *p, int module);
double program_deadline_s(const program *p);
/* What the policy is told of the input in work. */
wick_situation program_situation(const program *p);
/* The device switches itself off; it boots when the charge allows, not before until_s. PAUSED. */
world_outcome program_switch_off(program *p, double until_s);

#endif
