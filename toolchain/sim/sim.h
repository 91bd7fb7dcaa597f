/* Simulation: harvest trace, harvester, capacitor, the planned steps, a workload and a policy. The
   fast simulator jumps from event to event; a second one runs the firmware's engine and kernels on
   the same account of energy. Both give the same sequence of boots, modules and answers. */
#ifndef WICK_SIM_H
#define WICK_SIM_H

#include "plan/plan.h"

#include "sim/clairvoyant.h"
#include "sim/figures.h"
#include "sim/fleet.h"
#include "sim/policy_ceiling.h"
#include "sim/policy_foresight.h"
#include "sim/policy_judge.h"
#include "sim/policy_plot.h"
#include "sim/policy_synth.h"
#include "sim/sizing.h"
#include "sim/trace.h"
#include "sim/workload.h"

#include <wick/policy.h>

/* What a control sees between two units of work (a unit: taking an input, a span, a decision, a
   delivery: what a power failure repeats). */
typedef struct wick_sim_state {
    double now_s;
    double energy_uj; /* in the capacitor, from 0 V */
    double arrival_s, deadline_s;
    int input;                              /* -1 = none in work */
    int waiting;                            /* inputs that wait */
    double waiting_s[WICK_MAX_WAITING + 1]; /* [waiting] when they arrived */
    bool warm;                              /* something is committed since the boot */
    bool taken;                             /* what taking it costs is paid */
    bool features;                          /* the extractor is done */
    uint8_t answered;                       /* bit k-1: module k has answered */
    bool waits;  /* the engine found too little charge for the unit at hand, and has not begun it */
    int segment; /* in work */
    int progress[1 + WICK_MAX_HEADS]; /* spans done of each segment */
} wick_sim_state;

typedef enum wick_sim_action_kind {
    WICK_SIM_GO_ON,  /* what the device would do by itself */
    WICK_SIM_MODULE, /* work on this module next, once the features are there; it keeps the spans it
                        has. Costs a decision's commit where the module changes. One that has
                        answered already: as GO_ON at a decision. In a chain: the next exit on
                        the way to it. */
    WICK_SIM_SLEEP,  /* powered, until until_s or the next arrival */
    WICK_SIM_OFF,    /* switched off until until_s; then a boot as soon as the charge allows */
    WICK_SIM_DROP    /* give the input up */
} wick_sim_action_kind;

typedef struct wick_sim_action {
    wick_sim_action_kind kind;
    int module;
    double until_s;
    int spans; /* GO_ON, MODULE: a commit comes behind so many more spans of what is in work, and
                  the control is asked; 0: where the engine commits. Of the fast simulator alone */
} wick_sim_action;

/* Takes the policy's place: replays a computed schedule with exact costs. Asked before each unit
   of a powered device. At a decision GO_ON means that the input is finished. */
typedef struct wick_sim_control {
    wick_sim_action (*act)(void *ctx, const wick_sim_state *state);
    void *ctx;
} wick_sim_control;

typedef struct wick_sim_options {
    wick_workload workload;
    double duration_s;               /* 0 = the trace's length; longer repeats the trace */
    double start_v;                  /* capacitor voltage at the start; negative = off_v */
    double trace_start_s;            /* where in the trace the run begins */
    const wick_harvester *harvester; /* NULL = the device's own figures */
    wick_policy policy;
    uint16_t min_accuracy_permille;  /* what the application asks the policy for */
    const uint16_t *margins;         /* [modules][n_samples]: of the modules' answers
                                        (wick_result_margin), for policies that look at them (sure);
                                        NULL: not known, and such a policy is refused */
    const wick_sim_control *control; /* NULL = the policy decides (fast simulator only) */
    uint64_t seed;                   /* Poisson arrivals, and which sample each input is */
    bool record;                     /* keep the timeline */
    bool no_voltage;                 /* the port cannot read the capacitor: every span commits and
                                        nothing waits for charge. Else the engine leaves commits
                                        out (engine.h), as far as the plan knows need_mv */
    double wait_s;                   /* one sleep of a device that waits for charge (the engine's
                                        wait_ms), > 0; default 1 */
    bool quiet;                      /* shows no progress: one of many runs */
    bool single_steps;               /* no jumps: the reference that jumps are tested against */
} wick_sim_options;
wick_sim_options wick_sim_defaults(void);
/* What duration_s says. */
double wick_sim_duration_s(const wick_sim_options *options, const wick_trace *trace);

/* Energy by cause, in µJ; harvested = sum of the rest. */
typedef struct wick_energy {
    double harvested_uj;      /* at the source's point of maximum power */
    double input_loss_uj;     /* between source and capacitor */
    double clamped_uj;        /* thrown away at a full capacitor */
    double leakage_uj;        /* of the capacitor */
    double esr_loss_uj;       /* in its series resistance (upper bound, esr.h) */
    double converter_loss_uj; /* between capacitor and device */
    double boot_uj, sense_uj, compute_uj, nvm_uj, commit_uj, sleep_uj;
    double reexecution_uj; /* work that a power failure undid */
    double stored_uj;      /* at the end minus at the start */
} wick_energy;

typedef enum wick_event_kind {
    WICK_EVENT_INPUT,
    WICK_EVENT_BOOT,
    WICK_EVENT_FAIL,
    WICK_EVENT_MODULE,
    WICK_EVENT_ANSWER,
    WICK_EVENT_MISS,
    WICK_EVENT_VOLTAGE
} wick_event_kind;
typedef struct wick_event {
    double time_s, voltage;
    wick_event_kind kind;
    int module; /* 0 extractor, k module */
    int input;
} wick_event;

typedef struct wick_sim_result {
    int inputs, answers; /* answers: inputs with an answer */
    int in_time, correct_in_time;
    int missed;                  /* inputs without any answer, whatever the reason */
    int dropped, expired, stale; /* of the missed: by the queue's rule; deadline over before it was
                                    begun; features or age too old */
    double expected_in_time; /* sum over the inputs of the accuracy of the last module that answered
                                in time: free of the luck of the samples. Where the policy looks at
                                margins: on those samples of which the same modules are sure, and
                                the same are not, as of the input */
    int urgent, urgent_in_time; /* of inputs and in_time: the urgent ones */
    double urgent_expected;     /* of expected_in_time, likewise */
    int answers_by_module[1 + WICK_MAX_HEADS];
    int power_failures, boots;
    int commits; /* that succeeded */
    double simulated_s, mean_latency_s;
    wick_energy energy;
    int n_events;
    wick_event *events; /* malloc'ed when recorded */
} wick_sim_result;

/* Runs the fast simulator. correct[k * n_samples + s] says whether module k+1 answers sample s
   right (from wick_eval_int8 predictions). RANGE or NO_FIT with the place for options that
   contradict each other, thresholds that cannot work, and work that a full capacitor cannot carry.
   Free the result with wick_sim_free. */
wick_status wick_sim_run(const wick_plan *plan, const wick_trace *trace,
                         const wick_sim_options *options, const uint8_t *correct, int n_samples,
                         wick_sim_result *result, wick_diag *diag);
void wick_sim_free(wick_sim_result *result);

/* A capacitor that no device draws from. */
typedef struct wick_sim_charge {
    double highest_v; /* that it comes to within the run */
    double limit_v;   /* behind a diode: the source's highest open-circuit voltage less the drop,
                         which no larger source passes; else INFINITY */
} wick_sim_charge;

/* The same run as long as the device does not wake: why one without boots has none. Fails as
   wick_sim_run. */
wick_status wick_sim_charge_alone(const wick_plan *plan, const wick_trace *trace,
                                  const wick_sim_options *options, wick_sim_charge *out,
                                  wick_diag *diag);

/* What the firmware computes with. */
typedef struct wick_sim_firmware {
    const wick_model *model; /* an emitted one (compiled and loaded); NULL = the plan's own, which
                                is what wick_emit prints */
    const int8_t *inputs;    /* [n_samples][bytes of the input tensor], quantized */
    const uint16_t *labels;  /* [n_samples] the right answers */
} wick_sim_firmware;

/* The same run by the runtime's engine, records and kernels: every write to NVM and every result is
   charged as it happens, power is cut in the middle of one when the energy ends, the engine boots
   from what is left in memory. Same trace, workload and seed: the same sequence of boots, modules
   and answers as wick_sim_run, at the same times. correct serves for expected accuracies only:
   which answers are right comes from the logits. UNSUPPORTED with a control; MISMATCH when the
   model is not the plan's, or the engine reports what a working device cannot (a corrupt record).
 */
wick_status wick_sim_run_firmware(const wick_plan *plan, const wick_sim_firmware *firmware,
                                  const wick_trace *trace, const wick_sim_options *options,
                                  const uint8_t *correct, int n_samples, wick_sim_result *result,
                                  wick_diag *diag);

/* "input", "boot", "failure", "module", "answer", "miss", "voltage"; static storage. */
const char *wick_event_name(wick_event_kind kind);

#endif
