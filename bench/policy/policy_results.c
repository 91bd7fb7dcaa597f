#include "policy_results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const result_kinds[KINDS] = {"tuned fixed", "greedy", "threshold", "edf",
                                         "synthesised"};
enum { THRESHOLD = 2, SYNTHESISED = 4, MOST_CELLS = 4096, LINE = 4096 };

void result_key(const scene *s, const family *f, const cell *c, char *out, size_t size) {
    snprintf(out, size, "%s %s %d %d %d %d", f->name, s->sets[c->set].name, c->file, c->window,
             c->deadline, c->rho);
}

/* The whole line with this key. */
static bool find_line(const char *path, const char *key, char *line, int size) {
    char wanted[320];
    bool found = false;
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    snprintf(wanted, sizeof wanted, "\"key\": \"%s\"", key);
    while (!found && fgets(line, size, f))
        found = strstr(line, wanted) && strchr(line, '\n');
    fclose(f);
    return found;
}

bool result_known(const char *path, const char *key) {
    char line[LINE];
    return find_line(path, key, line, sizeof line);
}

bool result_bound_known(const char *path, const char *key, double *bound) {
    char line[LINE];
    const char *at = find_line(path, key, line, sizeof line) ? strstr(line, "\"bound\": ") : NULL;
    return at && sscanf(at, "\"bound\": %lf", bound) == 1;
}

bool result_bound_append(const char *path, const char *key, double bound, double seconds) {
    FILE *out = fopen(path, "a");
    bool good = out && fprintf(out, "{\"key\": \"%s\", \"bound\": %.9f, \"seconds\": %.3f}\n", key,
                               bound, seconds) > 0;
    if (out)
        good = fclose(out) == 0 && good;
    return good;
}

static json_t *array(const double *values, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_real(values[i]));
    return list;
}

bool result_append(const char *path, const char *key, const scene *s, const family *f,
                   const cell *c, const scores *r) {
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:b, s:f}", "key", key, "family",
                          f->name, "set", s->sets[c->set].name, "file", c->file, "window",
                          s->windows[c->window], "deadline", s->deadlines[c->deadline], "rho",
                          scene_rho(s, f, c->rho), "fits", r->fits, "seconds", r->seconds);
    if (r->fits) {
        json_object_set_new(o, "inputs", json_real(r->inputs));
        json_object_set_new(o, "fixed", array(r->fixed, r->modules));
        json_object_set_new(o, "kinds", array(r->kinds, KINDS));
        json_object_set_new(o, "bound", json_real(r->bound));
    }
    char *text = json_dumps(o, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(8));
    FILE *out = fopen(path, "a");
    bool good = text && out && fprintf(out, "%s\n", text) > 0;
    if (out)
        good = fclose(out) == 0 && good;
    free(text);
    json_decref(o);
    return good;
}

/* ---- the cells of a report ---- */

typedef struct joined {
    char family[64], set[32];
    int file;        /* -1: all */
    int step, files; /* of rho; results that are joined here */
    double window, deadline, rho;
    scores sum; /* weighted by inputs; means once all is read */
} joined;

typedef struct report {
    joined *cells;
    int n, no_fit, partial; /* partial: cells of which files are missing, left out */
    double seconds;
} report;

static joined *find(report *r, const joined *like) {
    for (int i = 0; i < r->n; i++) {
        joined *c = &r->cells[i];
        if (!strcmp(c->family, like->family) && !strcmp(c->set, like->set) &&
            c->file == like->file && c->window == like->window && c->deadline == like->deadline &&
            c->step == like->step)
            return c;
    }
    if (r->n == MOST_CELLS)
        return NULL;
    r->cells[r->n] = *like;
    return &r->cells[r->n++];
}

static double number(const json_t *o, const char *key) {
    return json_number_value(json_object_get(o, key));
}

static void add_line(report *r, const json_t *o, bool each) {
    joined like = {.file = each ? (int)json_integer_value(json_object_get(o, "file")) : -1,
                   .window = number(o, "window"),
                   .deadline = number(o, "deadline"),
                   .rho = number(o, "rho")};
    const char *key = json_string_value(json_object_get(o, "key"));
    if (!key || !strrchr(key, ' '))
        return;
    like.step = atoi(strrchr(key, ' '));
    r->seconds += number(o, "seconds");
    if (!json_is_true(json_object_get(o, "fits"))) {
        r->no_fit++;
        return;
    }
    snprintf(like.family, sizeof like.family, "%s",
             json_string_value(json_object_get(o, "family")));
    snprintf(like.set, sizeof like.set, "%s", json_string_value(json_object_get(o, "set")));
    joined *c = find(r, &like);
    if (!c)
        return;
    double weight = number(o, "inputs");
    c->files++;
    const json_t *fixed = json_object_get(o, "fixed"), *kinds = json_object_get(o, "kinds");
    c->sum.inputs += weight;
    c->sum.modules = (int)json_array_size(fixed);
    c->sum.modules = c->sum.modules < WICK_MAX_HEADS ? c->sum.modules : WICK_MAX_HEADS;
    for (int k = 0; k < c->sum.modules; k++)
        c->sum.fixed[k] += weight * json_number_value(json_array_get(fixed, (size_t)k));
    for (int k = 0; k < KINDS; k++)
        c->sum.kinds[k] += weight * json_number_value(json_array_get(kinds, (size_t)k));
    c->sum.bound += weight * number(o, "bound");
}

static int files_of(const scene *s, const char *set) {
    for (int q = 0; q < s->n_sets; q++)
        if (strcmp(s->sets[q].name, set) == 0)
            return s->sets[q].n;
    return 0;
}

/* A cell is judged on all files of its set: a mean over some of them is another figure. */
static void leave_partial_out(report *r, const scene *s) {
    int kept = 0;
    for (int i = 0; i < r->n; i++)
        if (r->cells[i].files == files_of(s, r->cells[i].set))
            r->cells[kept++] = r->cells[i];
    r->partial = r->n - kept;
    r->n = kept;
}

static wick_status read_all(const char *path, bool each, report *r, wick_diag *diag) {
    char line[LINE];
    FILE *f = fopen(path, "r");
    if (!f)
        return wick_fail(diag, WICK_NOT_FOUND, path, NULL, "run some cells", "no results yet");
    while (fgets(line, sizeof line, f)) {
        json_t *o = json_loads(line, 0, NULL); /* a line that was cut short is no cell */
        if (json_is_object(o))
            add_line(r, o, each);
        json_decref(o);
    }
    fclose(f);
    for (int i = 0; i < r->n; i++) {
        scores *s = &r->cells[i].sum;
        for (int k = 0; k < s->modules; k++)
            s->fixed[k] /= s->inputs;
        for (int k = 0; k < KINDS; k++)
            s->kinds[k] /= s->inputs;
        s->bound /= s->inputs;
    }
    return WICK_OK;
}

static double best_fixed(const scores *s, int *module) {
    double best = -1;
    for (int k = 0; k < s->modules; k++)
        if (s->fixed[k] > best) {
            best = s->fixed[k];
            *module = k + 1;
        }
    return best;
}

/* ---- bars ---- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n) {
    if (n == 0)
        return NAN;
    qsort(values, (size_t)n, sizeof *values, ascending);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void print_bars(const report *r) {
    double closed[MOST_CELLS], above[MOST_CELLS], worst = INFINITY;
    const joined *loser = NULL;
    int contested = 0, losing = 0, module;
    for (int i = 0; i < r->n; i++) {
        const scores *s = &r->cells[i].sum;
        double best = best_fixed(s, &module), mine = s->kinds[SYNTHESISED];
        losing += mine < best - 0.005;
        if (mine - best < worst) {
            worst = mine - best;
            loser = &r->cells[i];
        }
        if (s->bound - best < 0.02)
            continue;
        closed[contested] = (mine - best) / (s->bound - best);
        above[contested++] = mine - s->kinds[THRESHOLD];
    }
    printf("\n%d cells, %d of them contested; %d files did not fit; %.0f s of processor time\n",
           r->n, contested, r->no_fit, r->seconds);
    if (r->partial)
        printf("%d more cells are left out: results of some of their files are missing (--each "
               "reports those that are there by themselves)\n",
               r->partial);
    if (!r->n)
        return;
    printf("gap closed, median of the contested cells: %.1f %% (bar: 60)\n",
           100 * median(closed, contested));
    printf("above tuned thresholds, median of the contested cells: %.2f points (bar: 1)\n",
           100 * median(above, contested));
    printf("more than 0.5 point below the best fixed module: %d cells (bar: 0)\n", losing);
    if (loser)
        printf("the worst: %.2f points, %s %s, window %g, deadline %g, rho %.3f\n", 100 * worst,
               loser->family, loser->set, loser->window, loser->deadline, loser->rho);
}

static void print_cells(const report *r) {
    printf(
        "family set file window deadline rho | best fixed | tuned fixed, greedy, threshold, edf, "
        "synthesised | clairvoyant | gap closed\n");
    for (int i = 0; i < r->n; i++) {
        const joined *c = &r->cells[i];
        int module = 0;
        double best = best_fixed(&c->sum, &module), gap = c->sum.bound - best;
        printf("%s %s %s%.0d %g %g %.3f | TM%d %.2f |", c->family, c->set, c->file < 0 ? "all" : "",
               c->file < 0 ? 0 : c->file + 1, c->window, c->deadline, c->rho, module, 100 * best);
        for (int k = 0; k < KINDS; k++)
            printf(" %.2f", 100 * c->sum.kinds[k]);
        printf(" | %.2f |", 100 * c->sum.bound);
        if (gap >= 0.02)
            printf(" %.0f %%", 100 * (c->sum.kinds[SYNTHESISED] - best) / gap);
        printf("\n");
    }
}

/* ---- heat map ---- */

static const joined *at(const report *r, const joined *first, const char *set, double window,
                        double deadline, int step) {
    for (int i = 0; i < r->n; i++) {
        const joined *c = &r->cells[i];
        if (!strcmp(c->family, first->family) && !strcmp(c->set, set) && c->window == window &&
            c->deadline == deadline && c->step == step)
            return c;
    }
    return NULL;
}

/* Rows: set, window, deadline; columns: steps of rho. Colour: points above the best fixed module.
 */
static wick_status draw(const report *r, const scene *s, const joined *first, const char *folder,
                        wick_diag *diag) {
    char path[512];
    wick_buf script = {0};
    snprintf(path, sizeof path, "%s/%s.svg", folder, first->family);
    WICK_TRY(wick_gnuplot_check(path, diag));
    wick_gnuplot_begin(&script, path, 900, 640);
    wick_buf_puts(&script,
                  "unset key\nset palette defined (-5 '#c2410c', 0 '#f8fafc', 10 '#15803d')\n"
                  "set cbrange [-5:10]\nset cblabel 'points above the best fixed module'\n"
                  "set xlabel 'harvest, step of rho'\nset ytics (");
    int rows = 0;
    for (int q = 0; q < s->n_sets; q++)
        for (int w = 0; w < s->n_windows; w++)
            for (int d = 0; d < s->n_deadlines; d++, rows++)
                wick_buf_printf(&script, "%s'%s, window %g, deadline %g' %d", rows ? ", " : "",
                                s->sets[q].name, s->windows[w], s->deadlines[d], rows);
    wick_buf_printf(&script,
                    ")\nset xrange [-0.5:%g]\nset yrange [-0.5:%g]\nset title '%s: synthesised "
                    "policy / clairvoyant'\n$map << EOD\n",
                    s->rho_steps - 0.5, rows - 0.5, first->family);
    rows = 0;
    for (int q = 0; q < s->n_sets; q++)
        for (int w = 0; w < s->n_windows; w++)
            for (int d = 0; d < s->n_deadlines; d++, rows++)
                for (int i = 0; i < s->rho_steps; i++) {
                    const joined *c =
                        at(r, first, s->sets[q].name, s->windows[w], s->deadlines[d], i);
                    int module;
                    if (!c)
                        continue;
                    double best = best_fixed(&c->sum, &module);
                    double mine = 100 * (c->sum.kinds[SYNTHESISED] - best);
                    wick_buf_printf(&script, "%d %d %.3f \"%.1f/%.1f\"\n", i, rows, mine, mine,
                                    100 * (c->sum.bound - best));
                }
    wick_buf_puts(&script, "EOD\nplot $map using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle "
                           "solid noborder fillcolor palette, $map using 1:2:4 with labels "
                           "font ',8'\n");
    wick_status status = wick_gnuplot_run(&script, path, diag);
    wick_buf_free(&script);
    return status;
}

wick_status result_report(const char *path, const scene *s, bool each, const char *folder,
                          wick_diag *diag) {
    report r = {.cells = calloc(MOST_CELLS, sizeof *r.cells)};
    if (!r.cells)
        return wick_fail(diag, WICK_IO, NULL, NULL, NULL, "out of memory");
    wick_status status = read_all(path, each, &r, diag);
    if (status == WICK_OK && !each)
        leave_partial_out(&r, s);
    if (status == WICK_OK) {
        print_cells(&r);
        print_bars(&r);
        for (int i = 0; i < r.n && !each && status == WICK_OK; i++)
            if (i == 0 || strcmp(r.cells[i].family, r.cells[i - 1].family) != 0)
                status = draw(&r, s, &r.cells[i], folder, diag);
    }
    free(r.cells);
    return status;
}
