/* wick shrink --device: runs the driver, writes the network, prints the steps. */
#include "shrink_goal_args.h"

#include "onnx/onnx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- as text -----------------------------------------------------------------------------------*/

static const char *value_text(wick_arena *arena, const wick_goal_step *step, int kind) {
    double value = step->figures.value[kind];
    if (isnan(value))
        return "-";
    return wick_arena_printf(arena, "%s%s", wick_budget_value(arena, (wick_budget)kind, value),
                             step->over[kind] ? " !" : "");
}

static const char *bytes_or_dash(wick_arena *arena, double bytes) {
    return isnan(bytes) ? "-" : wick_text_bytes(arena, bytes);
}

static void fill_row(wick_arena *arena, const wick_goal_result *r, const wick_goal_step *step,
                     const char **row) {
    int c = 0;
    row[c++] = step->what;
    row[c++] = step->epochs ? wick_arena_printf(arena, "%d", step->epochs) : "-";
    row[c++] = bytes_or_dash(arena, step->figures.constants_bytes);
    for (int k = 0; k < WICK_BUDGET_DROP; k++)
        row[c++] = value_text(arena, step, k);
    for (int m = 0; m < r->n_modules; m++)
        row[c++] = isnan(step->accuracy[m])
                       ? "-"
                       : wick_arena_printf(arena, "%.2f %%", 100 * step->accuracy[m]);
    row[c] = value_text(arena, step, WICK_BUDGET_DROP);
}

static void fill_budgets(wick_arena *arena, const wick_goal_result *r, const char **row) {
    row[0] = "budget";
    for (int k = 0; k < WICK_BUDGETS; k++)
        if (isfinite(r->budgets.limit[k]))
            row[k < WICK_BUDGET_DROP ? 3 + k : 3 + k + r->n_modules] =
                wick_budget_value(arena, (wick_budget)k, r->budgets.limit[k]);
}

static void print_fragile(FILE *to, const wick_goal_step *step) {
    for (int i = 0; i < step->n_fragile; i++) {
        const wick_fragile *f = &step->fragile[i];
        fprintf(to, "%sfragile: %s (-%.1f points at density %.3g), keeps %.3g\n",
                to == stderr ? "wick: " : "  ", f->name, f->drop, f->density, f->keeps);
    }
}

static void print_steps(const wick_goal_result *r, const char *device) {
    wick_arena *arena = wick_arena_new();
    static const char *const header[] = {"step", "epochs", "constants", "flash",
                                         "RAM",  "NVM",    "energy",    "worst span"};
    enum { FIRST = WICK_LEN(header) };
    int columns = FIRST + r->n_modules + 1, rows = r->n_steps + 2;
    const char **cells = wick_new(arena, const char *, rows *columns);
    memcpy(cells, header, sizeof header);
    for (int m = 0; m < r->n_modules; m++)
        cells[FIRST + m] = r->module_names[m];
    cells[columns - 1] = "drop";
    for (int i = 0; i < r->n_steps; i++)
        fill_row(arena, r, &r->steps[i], cells + (i + 1) * columns);
    fill_budgets(arena, r, cells + (rows - 1) * columns);
    printf("modelled for %s; accuracy on validation images\n\n", device);
    cli_print_table(cells, rows, columns);
    bool over = false;
    for (int i = 0; i < r->n_steps; i++)
        for (int k = 0; k < WICK_BUDGETS; k++)
            over |= r->steps[i].over[k];
    if (over)
        puts("! more than the budget");
    for (int i = 0; i < r->n_steps; i++) {
        if (r->steps[i].n_fragile)
            printf("%s\n", r->steps[i].what);
        print_fragile(stdout, &r->steps[i]);
    }
    wick_arena_free(arena);
}

/* One line for each step that is done, while the work goes on. */
static void tell_step(void *ctx, const wick_goal_step *step) {
    const cli_goal *goal = ctx;
    wick_arena *arena = wick_arena_new();
    if (goal->options.train.quiet || !step->on_device) {
        wick_arena_free(arena);
        return;
    }
    fprintf(stderr, "wick: %s: flash %s, RAM %s, energy %s", step->what,
            bytes_or_dash(arena, step->figures.value[WICK_BUDGET_FLASH]),
            bytes_or_dash(arena, step->figures.value[WICK_BUDGET_RAM]),
            wick_text_energy(arena, step->figures.value[WICK_BUDGET_ENERGY]));
    double drop = step->figures.value[WICK_BUDGET_DROP];
    if (!isnan(drop))
        fprintf(stderr, ", drop %.2f points", drop);
    fputc('\n', stderr);
    print_fragile(stderr, step);
    wick_arena_free(arena);
}

/* The command that finds the plan again whose figures were promised. */
static char *plan_command(wick_arena *arena, const cli_goal *goal, const cli_goal_job *job,
                          const wick_goal_result *r, const wick_device *device) {
    wick_plan_options plan = wick_budgets_plan(&r->budgets, device, &goal->options.plan);
    wick_buf text = {0};
    wick_buf_printf(&text, "wick plan %s --device %s", job->output, goal->device);
    const struct {
        const char *name;
        int64_t bytes, most;
    } memories[] = {{"flash", plan.flash_bytes, device->flash_bytes},
                    {"ram", plan.sram_bytes, device->sram_bytes},
                    {"nvm", plan.nvm_bytes, device->nvm.bytes}};
    for (size_t i = 0; i < WICK_LEN(memories); i++)
        if (memories[i].bytes < memories[i].most)
            wick_buf_printf(&text, " --%s %lld", memories[i].name, (long long)memories[i].bytes);
    if (plan.capacitor_uf > 0)
        wick_buf_printf(&text, " --capacitor %.17g", plan.capacitor_uf);
    if (plan.margin < wick_plan_defaults().margin || plan.margin > wick_plan_defaults().margin)
        wick_buf_printf(&text, " --margin %.17g", plan.margin);
    wick_buf_puts(&text, " -o plan.json");
    char *copy = wick_arena_strdup(arena, text.data);
    wick_buf_free(&text);
    return copy;
}

/* --- as JSON -----------------------------------------------------------------------------------*/

static const char *const json_keys[WICK_BUDGETS] = {
    [WICK_BUDGET_FLASH] = "flash_bytes", [WICK_BUDGET_RAM] = "ram_bytes",
    [WICK_BUDGET_NVM] = "nvm_bytes",     [WICK_BUDGET_ENERGY] = "energy_uj",
    [WICK_BUDGET_SPAN] = "span_uj",      [WICK_BUDGET_DROP] = "drop_points"};

static json_t *number_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *fragile_json(const wick_goal_step *step) {
    json_t *list = json_array();
    for (int i = 0; i < step->n_fragile; i++) {
        const wick_fragile *f = &step->fragile[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:f, s:f, s:f}", "weights", f->name, "drop_points",
                                        f->drop, "at_density", f->density, "keeps", f->keeps));
    }
    return list;
}

static json_t *step_json(const wick_goal_result *r, const wick_goal_step *step) {
    json_t *json = json_pack("{s:s, s:i, s:o}", "step", step->what, "epochs", step->epochs,
                             "constants_bytes", number_or_null(step->figures.constants_bytes));
    json_t *over = json_array(), *accuracy = json_object();
    for (int k = 0; k < WICK_BUDGETS; k++) {
        json_object_set_new(json, json_keys[k], number_or_null(step->figures.value[k]));
        if (step->over[k])
            json_array_append_new(over, json_string(wick_budget_option((wick_budget)k)));
    }
    for (int m = 0; m < r->n_modules; m++)
        json_object_set_new(accuracy, r->module_names[m], number_or_null(step->accuracy[m]));
    json_object_set_new(json, "validation", accuracy);
    json_object_set_new(json, "over", over);
    json_object_set_new(json, "fragile", fragile_json(step));
    return json;
}

static json_t *result_json(const cli_goal_job *job, const wick_goal_result *r,
                           const wick_data *data, const wick_device *device, const char *command) {
    json_t *steps = json_array(), *budgets = json_object();
    for (int i = 0; i < r->n_steps; i++)
        json_array_append_new(steps, step_json(r, &r->steps[i]));
    for (int k = 0; k < WICK_BUDGETS; k++)
        json_object_set_new(budgets, json_keys[k], number_or_null(r->budgets.limit[k]));
    json_t *json =
        json_pack("{s:s, s:s?, s:s, s:s, s:s, s:b, s:o, s:o, s:i, s:s?}", "model", job->model,
                  "output", r->model ? job->output : NULL, "data", data->spec, "data_sha256",
                  data->hash.hex, "modelled_for", device->name, "met", r->met, "budgets", budgets,
                  "steps", steps, "best", r->best, "plan", r->met ? command : NULL);
    if (job->test && r->model) {
        json_t *test = json_object();
        for (int m = 0; m < r->n_modules; m++)
            json_object_set_new(test, r->module_names[m],
                                number_or_null(r->model->family.accuracy[m]));
        json_object_set_new(json, "test", test);
    }
    return json;
}

/* --- the run -----------------------------------------------------------------------------------*/

static wick_status measure_test(const cli_goal_job *job, const wick_data *data, wick_goal_result *r,
                                wick_diag *diag) {
    wick_qnet *net;
    int64_t correct[WICK_MAX_HEADS];
    if (data->split[WICK_TEST].n < 1)
        return wick_fail(diag, WICK_SHAPE, data->spec, NULL, "leave out --test",
                         "there are no test images");
    WICK_TRY(wick_qnet_lower(r->model, &net, diag));
    wick_status status =
        wick_eval_int8(net, data, WICK_TEST, job->threads, 0, correct, NULL, NULL, diag);
    for (int m = 0; m < r->n_modules && status == WICK_OK; m++)
        r->model->family.accuracy[m] = (double)correct[m] / data->split[WICK_TEST].n;
    wick_qnet_free(net);
    return status;
}

static bool print_result(const cli_goal *goal, const cli_goal_job *job, const wick_goal_result *r,
                         const wick_data *data, const wick_device *device, wick_arena *arena) {
    char *command = plan_command(arena, goal, job, r, device);
    if (job->json)
        return cli_print_json(result_json(job, r, data, device, command));
    if (r->n_steps) /* none where a budget cannot be met at all: the diagnostics say it */
        print_steps(r, device->name);
    if (job->test && r->model)
        for (int m = 0; m < r->n_modules; m++)
            printf("%s on the test images: %.2f %%\n", r->module_names[m],
                   100 * r->model->family.accuracy[m]);
    if (r->met)
        printf("every budget holds with: %s\n%s\n", r->steps[r->best].what, command);
    return true;
}

wick_status cli_goal_run(cli_goal *goal, const cli_goal_job *job, const wick_graph *network,
                         const wick_data *data, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_device *device = NULL;
    wick_goal_result result = {.best = -1};
    goal->options.folder = wick_arena_printf(arena, "%s.shrink", job->output);
    goal->options.train.threads = job->threads;
    goal->options.on_step = tell_step;
    goal->options.ctx = goal;
    wick_status status = wick_device_load(arena, goal->device, &device, diag);
    if (status == WICK_OK) {
        status = wick_goal_shrink(network, data, device, &goal->options, arena, &result, diag);
        cli_name_file(diag, job->model);
    }
    bool answered = status == WICK_OK || status == WICK_NO_FIT;
    wick_status written = WICK_OK;
    if (answered && result.model && job->test)
        written = measure_test(job, data, &result, diag);
    if (answered && result.model && written == WICK_OK)
        written = wick_onnx_write(result.model, job->output, diag);
    if (answered && written == WICK_OK) {
        wick_goal_forget(&goal->options);
        written = print_result(goal, job, &result, data, device, arena) ? WICK_OK : WICK_OUTPUT;
    }
    wick_graph_free(result.model);
    wick_arena_free(arena);
    return written == WICK_OK ? status : written;
}
