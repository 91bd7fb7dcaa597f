#include "sim/policy_mdp.h"

#include <math.h>
#include <string.h>

enum { OFF = MDP_OFF, ON = MDP_ON, TIRED = MDP_TIRED };
/* Of expected accuracy: what the worth of a state may still change by. */
static const double SETTLED = 0.02;

/* A level is a tenth of what the capacitor holds, or a slot. */
static void divide_evenly(policy_mdp *m, int w) {
    double window_uj = m->step_uj * (MDP_CHARGES - 1);
    double levels = fmax(m->energy_uj[w] / (0.1 * window_uj), m->time_slots[w]);
    int quarters = (int)ceil(fmax(1, levels / WICK_TABLE_LEVELS));
    m->levels[w] = WICK_TABLE_LEVELS * quarters;
    if (m->levels[w] > MDP_MOST_LEVELS)
        m->levels[w] = MDP_MOST_LEVELS;
    for (int l = 0; l < m->levels[w]; l++) {
        m->level_uj[w][l] = m->whole_uj[w][l] = m->energy_uj[w] / m->levels[w];
        m->quarter[w][l] = (uint8_t)(l * WICK_TABLE_LEVELS / m->levels[w]);
    }
}

/* Stages: the extractor's levels; then for each best answer, none in work, and the levels of each
   module that is larger than it (behind no answer: of every module). */
static void number_stages(policy_mdp *m) {
    for (int w = 0; w <= m->n_modules; w++) {
        if (m->levels[w] == 0)
            divide_evenly(m, w);
        m->rest_uj[w][m->levels[w]] = 0;
        for (int l = m->levels[w] - 1; l >= 0; l--)
            m->rest_uj[w][l] = m->rest_uj[w][l + 1] + m->level_uj[w][l];
    }
    int n = m->levels[0];
    for (int best = 0; best <= m->n_modules; best++) {
        if (best == 1)
            continue; /* the best there is */
        m->stage_of[best][0] = n++;
        for (int w = 1; w <= (best ? best - 1 : m->n_modules); w++) {
            m->stage_of[best][w] = n;
            n += m->levels[w];
        }
    }
    m->n_stages = n;
}

static size_t place(const policy_mdp *m, int stage, int age, int bin) {
    size_t bins = (size_t)m->chain->n;
    return (((size_t)stage * (size_t)(m->ages + 1) + (size_t)age) * bins + (size_t)bin) *
           MDP_CHARGES;
}

float *mdp_cell(const policy_mdp *m, int power, int stage, int age, int bin) {
    return m->value[power] + place(m, stage, age, bin);
}

float *mdp_idle_cell(const policy_mdp *m, int power, int slots_left, int bin) {
    return m->idle[power] + ((size_t)slots_left * (size_t)m->chain->n + (size_t)bin) * MDP_CHARGES;
}

/* Between grid points. */
static double at_charge(const policy_mdp *m, const float *values, double uj) {
    double x = uj / m->step_uj;
    if (x <= 0)
        return values[0];
    if (x >= MDP_CHARGES - 1)
        return values[MDP_CHARGES - 1];
    int i = (int)x;
    return values[i] + (x - i) * (values[i + 1] - values[i]);
}

static float *next_cell(const policy_mdp *m, int on, int age, int bin) {
    return m->next[on] + ((size_t)age * (size_t)m->chain->n + (size_t)bin) * MDP_CHARGES;
}

/* The value when no more is done for an input of this age: of idling to the next arrival, or of the
   next one, which waits. */
static const float *after(const policy_mdp *m, int on, int age, int bin) {
    return age >= m->slots ? next_cell(m, on, age - m->slots, bin)
                           : mdp_idle_cell(m, on, m->slots - age, bin);
}

double mdp_finish(const policy_mdp *m, int age, int bin, double uj) {
    return at_charge(m, after(m, ON, age, bin), uj);
}

/* The state of a stage at an age; behind the deadline there is nothing more to do. */
static const float *row(const policy_mdp *m, int power, int stage, int age, int bin) {
    return age >= m->ages ? after(m, power ? ON : OFF, m->ages, bin)
                          : mdp_cell(m, power, stage, age, bin);
}

static double leaks(const policy_mdp *m, double uj) {
    return m->leak * uj + m->leak_base_uj;
}

/* One slot of a device that is on and does nothing but sleep, or of one that is off; the rows are
   those of the bin that follows. */
static double sleep_on(const policy_mdp *m, double uj, const float *on, const float *off) {
    double left_uj = uj - m->sleep_uj - leaks(m, uj);
    if (left_uj >= 0)
        return at_charge(m, on, left_uj);
    /* An empty state stands for all charges up to half a step: it lasts as long as these. */
    double fails = fmin(1, -left_uj / (0.5 * m->step_uj));
    return fails * off[0] + (1 - fails) * on[0];
}

static double stay_off(const policy_mdp *m, double uj, const float *on, const float *off) {
    double left_uj = fmax(0, uj - leaks(m, uj));
    return left_uj >= m->on_uj ? at_charge(m, on, left_uj - m->boot_uj)
                               : at_charge(m, off, left_uj);
}

/* A piece of work: a segment from `level` on. */
typedef struct job {
    int power; /* ON or TIRED */
    int segment, level;
    int begun, done; /* stages: of its level 0; behind it */
    double gain;     /* what its answer brings in time */
    double ends;     /* how often that is the input's last one */
} job;

/* What its end leads to: the stage behind it, or nothing more for this input. */
static double behind(const policy_mdp *m, int age, const job *w, int bin, double uj) {
    if (w->ends >= 1)
        return at_charge(m, after(m, ON, age, bin), uj);
    double value = at_charge(m, row(m, ON, w->done, age, bin), uj);
    if (w->ends > 0)
        value += w->ends * (at_charge(m, after(m, ON, age, bin), uj) - value);
    return value;
}

/* What comes of the job when it has reached `level`, at the end of a slot. */
static double at_level(const policy_mdp *m, int age, const job *w, int level, int bin,
                       double left_uj) {
    if (level < m->levels[w->segment])
        return at_charge(m, row(m, ON, w->begun + level, age, bin), left_uj);
    return (age <= m->ages ? w->gain : 0) + behind(m, age, w, bin, left_uj);
}

/* The engine waits, with charge and harvest of `uj` together; before_uj: when the slot began. */
static bool waits(const policy_mdp *m, const job *w, double before_uj, double uj) {
    if (w->power != TIRED && before_uj >= m->need_uj[w->segment][w->level])
        return false;
    return uj < m->enough_uj[w->segment][w->level];
}

/* Whole levels that `uj` carries, each begun with what the engine asks for. */
static int levels_carried(const policy_mdp *m, const job *w, double uj) {
    const double *need_uj = m->need_uj[w->segment], *whole_uj = m->whole_uj[w->segment];
    int level = w->level;
    for (; level < m->levels[w->segment]; uj -= m->level_uj[w->segment][level++])
        if (uj < need_uj[level] || uj < whole_uj[level] * (1 - 1e-9))
            break;
    return level - w->level;
}

/* Of these levels, as many as fit into a slot. */
static int levels_in_time(const policy_mdp *m, const job *w, int can) {
    const double *rest_uj = m->rest_uj[w->segment];
    double uj = m->energy_uj[w->segment] / m->time_slots[w->segment] * (1 + 1e-9);
    while (can > 0 && rest_uj[w->level] - rest_uj[w->level + can] > uj)
        can--;
    return can;
}

/* A slot of it, with charge and harvest of `uj` together: as many whole levels as energy and time
   allow; of one that takes longer than a slot, its share by chance. */
static double work_slot(const policy_mdp *m, int age, const job *w, int bin, double before_uj,
                        double uj) {
    const double *rest_uj = m->rest_uj[w->segment];
    double level_uj = m->level_uj[w->segment][w->level];
    double by_time = m->energy_uj[w->segment] / (level_uj * m->time_slots[w->segment]);
    if (waits(m, w, before_uj, uj))
        return sleep_on(m, uj, row(m, TIRED, w->begun + w->level, age + 1, bin),
                        row(m, OFF, w->begun + w->level, age + 1, bin));
    int left = m->levels[w->segment] - w->level, can = levels_carried(m, w, uj);
    if (can > 0 && by_time < 1) {
        double kept_uj = uj - leaks(m, uj);
        return by_time * at_level(m, age + 1, w, w->level + 1, bin, fmax(0, kept_uj - level_uj)) +
               (1 - by_time) * at_level(m, age + 1, w, w->level, bin, fmax(0, kept_uj));
    }
    can = levels_in_time(m, w, can);
    double left_uj = uj - (rest_uj[w->level] - rest_uj[w->level + can]);
    left_uj -= fmin(left_uj, leaks(m, left_uj) + (can < left ? m->sleep_uj : 0));
    return at_level(m, age + 1, w, w->level + can, bin, left_uj);
}

static double work_on(const policy_mdp *m, int age, const job *w, int bin, double uj) {
    const harvest_chain *chain = m->chain;
    double rest_uj = m->rest_uj[w->segment][w->level];
    double rest_slots = m->time_slots[w->segment] * rest_uj / m->energy_uj[w->segment];
    double asked_uj = (w->power == TIRED ? m->enough_uj : m->need_uj)[w->segment][w->level];
    if (uj >= rest_uj && rest_slots < 0.5 && uj >= asked_uj)
        return (age + rest_slots <= m->ages ? w->gain : 0) + behind(m, age, w, bin, uj - rest_uj);
    double value = 0;
    for (int j = 0; j < chain->n; j++)
        value += chain->p[bin][j] * work_slot(m, age, w, j, uj, uj + chain->uj[bin][j]);
    return value;
}

double mdp_go_on(const policy_mdp *m, int power, int age, int best, int w, int level, int bin,
                 double uj) {
    const job it = {.power = power,
                    .segment = w,
                    .level = level,
                    .begun = m->stage_of[best][w],
                    .done = m->stage_of[w][0],
                    .gain = m->answers.worth[best][w],
                    .ends = m->answers.ends[best][w]};
    return work_on(m, age, &it, bin, uj);
}

double mdp_extract(const policy_mdp *m, int power, int age, int level, int bin, double uj) {
    const job it = {.power = power, .level = level, .done = m->stage_of[0][0]};
    return work_on(m, age, &it, bin, uj);
}

double mdp_wait(const policy_mdp *m, int power, int stage, int age, int bin, double uj) {
    double value = 0;
    for (int j = 0; j < m->chain->n; j++)
        value += m->chain->p[bin][j] * sleep_on(m, uj + m->chain->uj[bin][j],
                                                row(m, power, stage, age + 1, j),
                                                row(m, OFF, stage, age + 1, j));
    return value;
}

/* A slot of a device that is on and sleeps, or of one that is off, before `left - 1` are left. */
static double idle_slot(const policy_mdp *m, int on, int left, int bin, double charge_uj) {
    double value = 0;
    for (int j = 0; j < m->chain->n; j++) {
        const float *next_on = mdp_idle_cell(m, ON, left - 1, j),
                    *next_off = mdp_idle_cell(m, OFF, left - 1, j);
        double uj = charge_uj + m->chain->uj[bin][j];
        value += m->chain->p[bin][j] *
                 (on ? sleep_on(m, uj, next_on, next_off) : stay_off(m, uj, next_on, next_off));
    }
    return value;
}

void mdp_idle_values(const policy_mdp *m, int left, int bin, double uj, double *on, double *off) {
    *on = idle_slot(m, ON, left, bin, uj);
    *off = idle_slot(m, OFF, left, bin, uj);
}

bool mdp_may_go_off(const policy_mdp *m, double uj) {
    return m->may_switch_off && uj < m->on_uj;
}

double mdp_off(const policy_mdp *m, int stage, int age, int bin, double uj) {
    return at_charge(m, row(m, OFF, stage, age, bin), uj);
}

/* ---- one sweep over a period ---- */

static double off_slot(const policy_mdp *m, int stage, int age, int bin, int charge) {
    double value = 0;
    for (int j = 0; j < m->chain->n; j++)
        value += m->chain->p[bin][j] * stay_off(m, charge * m->step_uj + m->chain->uj[bin][j],
                                                row(m, ON, stage, age + 1, j),
                                                row(m, OFF, stage, age + 1, j));
    return value;
}

void mdp_sweep_idle(policy_mdp *m, int left) {
    for (int i = 0; i < m->chain->n; i++)
        for (int c = 0; c < MDP_CHARGES; c++) {
            double on = mdp_cell(m, ON, 0, 0, i)[c], off = mdp_cell(m, OFF, 0, 0, i)[c];
            if (left)
                mdp_idle_values(m, left, i, c * m->step_uj, &on, &off);
            mdp_idle_cell(m, OFF, left, i)[c] = (float)off;
            mdp_idle_cell(m, ON, left, i)[c] =
                (float)(mdp_may_go_off(m, c * m->step_uj) ? fmax(on, off) : on);
        }
}

/* What may be done instead of going on, in any stage. */
static double pause_value(const policy_mdp *m, int power, int stage, int age, int bin, int charge) {
    double wait = mdp_wait(m, power, stage, age, bin, charge * m->step_uj);
    return mdp_may_go_off(m, charge * m->step_uj)
               ? fmax(wait, mdp_cell(m, OFF, stage, age, bin)[charge])
               : wait;
}

/* The same where the module is always the same one. */
static void sweep_always(policy_mdp *m, int age, int best, int bin) {
    int w = m->always;
    for (int c = 0; c < MDP_CHARGES; c++) {
        double uj = c * m->step_uj;
        for (int power = ON; power <= TIRED; power++)
            for (int l = m->levels[w] - 1; l >= 0 && best == 0; l--)
                mdp_cell(m, power, m->stage_of[0][w] + l, age, bin)[c] =
                    (float)mdp_go_on(m, power, age, 0, w, l, bin, uj);
        mdp_cell(m, ON, m->stage_of[best][0], age, bin)[c] =
            (float)(best ? mdp_finish(m, age, bin, uj) : mdp_go_on(m, ON, age, 0, w, 0, bin, uj));
    }
}

/* A module in work behind answer `best`, at one charge; the best of finishing and of beginning one.
 */
static double sweep_modules(policy_mdp *m, int power, int age, int best, int bin, int c) {
    double uj = c * m->step_uj, start = mdp_finish(m, age, bin, uj);
    for (int w = best ? best - 1 : m->n_modules; w >= 1; w--) {
        bool choice = best != 0 || w < m->n_modules || m->may_switch_off;
        for (int l = m->levels[w] - 1; l >= 0; l--) {
            double go_on = mdp_go_on(m, power, age, best, w, l, bin, uj);
            int stage = m->stage_of[best][w] + l;
            mdp_cell(m, power, stage, age, bin)[c] =
                (float)(choice ? fmax(fmax(go_on, start), pause_value(m, power, stage, age, bin, c))
                               : go_on);
            if (l == 0)
                start = fmax(start, go_on);
        }
    }
    return start;
}

/* Everything behind answer `best` at one age. */
static void sweep_answer(policy_mdp *m, int age, int best, int bin) {
    if (m->always) {
        sweep_always(m, age, best, bin);
        return;
    }
    for (int c = 0; c < MDP_CHARGES; c++) {
        int stage = m->stage_of[best][0];
        double start = sweep_modules(m, ON, age, best, bin, c);
        sweep_modules(m, TIRED, age, best, bin, c);
        mdp_cell(m, ON, stage, age, bin)[c] =
            (float)fmax(start, pause_value(m, ON, stage, age, bin, c));
    }
}

static void sweep_extractor(policy_mdp *m, int power, int age, int bin) {
    for (int l = m->levels[0] - 1; l >= 0; l--)
        for (int c = 0; c < MDP_CHARGES; c++) {
            double uj = c * m->step_uj, on = mdp_extract(m, power, age, l, bin, uj);
            if (!m->always)
                on = fmax(fmax(on, mdp_finish(m, age, bin, uj)),
                          pause_value(m, power, l, age, bin, c));
            mdp_cell(m, power, l, age, bin)[c] = (float)on;
        }
}

void mdp_sweep_age(policy_mdp *m, int age) {
    for (int i = 0; i < m->chain->n; i++) {
        for (int stage = 0; stage < m->n_stages; stage++)
            for (int c = 0; c < MDP_CHARGES; c++)
                mdp_cell(m, OFF, stage, age, i)[c] = (float)off_slot(m, stage, age, i, c);
        for (int best = 2; best <= m->n_modules; best++)
            sweep_answer(m, age, best, i);
        sweep_answer(m, age, 0, i);
        sweep_extractor(m, ON, age, i);
        sweep_extractor(m, TIRED, age, i);
    }
}

void mdp_pass_on(policy_mdp *m) {
    for (int on = 0; on < 2; on++)
        for (int age = 0; age <= m->ages - m->slots; age++)
            memcpy(next_cell(m, on, age, 0), mdp_cell(m, on, 0, age, 0),
                   (size_t)m->chain->n * MDP_CHARGES * sizeof(float));
}

/* A further period adds the same to all states in which an input arrives: no choice depends on it.
   What it adds: m->gain. */
static bool settled(policy_mdp *m, const float *before) {
    double least = INFINITY, most = -INFINITY;
    for (int on = 0; on < 2; on++)
        for (int i = 0; i < m->chain->n; i++)
            for (int c = 0; c < MDP_CHARGES; c++) {
                double more =
                    mdp_cell(m, on, 0, 0, i)[c] - before[(on * CHAIN_BINS + i) * MDP_CHARGES + c];
                least = fmin(least, more);
                most = fmax(most, more);
            }
    m->gain = (least + most) / 2;
    return most - least < SETTLED;
}

void mdp_prepare(policy_mdp *m, wick_arena *arena) {
    size_t row_cells = (size_t)m->chain->n * MDP_CHARGES;
    size_t late = m->ages >= m->slots ? (size_t)(m->ages - m->slots + 1) : 0;
    number_stages(m);
    for (int power = 0; power < MDP_POWERS; power++)
        m->value[power] = wick_new(arena, float, place(m, m->n_stages, 0, 0));
    for (int on = 0; on < 2; on++) {
        m->idle[on] = wick_new(arena, float, (size_t)(m->slots + 1) * row_cells);
        m->next[on] = wick_new(arena, float, late *row_cells + 1);
    }
}

static void sweep_period(policy_mdp *m, int input, void (*before)(void *ctx, int slot), void *ctx) {
    mdp_pass_on(m);
    for (int left = 0; left <= m->slots; left++) {
        if (before && left)
            before(ctx, (input + 1) * m->slots - left);
        mdp_sweep_idle(m, left);
    }
    for (int age = m->ages - 1; age >= 0; age--) {
        if (before)
            before(ctx, input * m->slots + age);
        mdp_sweep_age(m, age);
    }
}

void mdp_solve(policy_mdp *m, wick_arena *arena, int periods) {
    mdp_prepare(m, arena);
    size_t waiting = (size_t)CHAIN_BINS * MDP_CHARGES;
    float *before = wick_new(arena, float, 2 * waiting);
    for (m->periods = 0; m->periods < periods;) {
        for (int on = 0; on < 2; on++)
            memcpy(before + (size_t)on * waiting, mdp_cell(m, on, 0, 0, 0),
                   (size_t)m->chain->n * MDP_CHARGES * sizeof(float));
        sweep_period(m, 0, NULL, NULL);
        m->periods++;
        if (settled(m, before))
            break;
    }
}

void mdp_solve_run(policy_mdp *m, int periods, void (*before)(void *ctx, int slot), void *ctx) {
    for (int input = periods - 1; input >= 0; input--)
        sweep_period(m, input, before, ctx);
}

double mdp_expected(const policy_mdp *m) {
    double sum = 0;
    for (int i = 0; i < m->chain->n; i++)
        sum += mdp_cell(m, OFF, 0, 0, i)[0];
    return sum / m->chain->n / m->periods;
}
