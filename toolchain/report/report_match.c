/* Whether the float family and the run of training that were given are the plan's. A plan knows its
   int8 model by a hash; what that was quantized from is told by its modules, classes, input and
   MACs alone. */
#include "report/report_parts.h"

#include <stdlib.h>
#include <string.h>

static wick_status other(const page *p, const char *path, const char *field, const char *hint,
                         const char *what) {
    return wick_fail(p->diag, WICK_MISMATCH, path, field, hint,
                     "this is of another family than the plan: %s", what);
}

static wick_status check_names(const page *p, const char *path, const char *hint,
                               const char *const *names, int n) {
    if (n != p->net->n_modules)
        return other(p, path, "modules", hint,
                     wick_arena_printf(p->arena, "%s instead of %d",
                                       html_count(p->arena, n, "module", "modules"),
                                       p->net->n_modules));
    for (int k = 0; k < n; k++)
        if (strcmp(names[k], p->net->module_names[k]) != 0)
            return other(p, path, names[k], hint,
                         wick_arena_printf(p->arena, "the plan calls this module %s",
                                           p->net->module_names[k]));
    return WICK_OK;
}

wick_status report_check_family(const page *p) {
    static const char hint[] = "give the family that the plan's model was quantized from";
    const char *path = p->options->model;
    const wick_family *f = &p->graph->family;
    const wick_tensor *tensors = p->graph->tensors;
    const wick_qtensor *input = &p->net->tensors[p->net->input];
    WICK_TRY(check_names(p, path, hint, (const char *const *)f->head_names, f->n_heads));
    for (int k = 0; k < f->n_heads; k++) {
        wick_shape logits = tensors[f->heads[k]].shape;
        int64_t classes = wick_shape_count(logits) / logits.dim[0];
        if (classes != p->net->n_classes)
            return other(p, path, f->head_names[k], hint,
                         wick_arena_printf(p->arena, "%s instead of %d",
                                           html_count(p->arena, classes, "class", "classes"),
                                           p->net->n_classes));
    }
    wick_shape shape = tensors[p->graph->input].shape;
    int64_t elements = wick_shape_count(shape) / shape.dim[0];
    if (elements != (int64_t)input->h * input->w * input->c)
        return other(p, path, tensors[p->graph->input].name, hint,
                     wick_arena_printf(p->arena, "an input of %lld values instead of %d x %d x %d",
                                       (long long)elements, input->h, input->w, input->c));
    return WICK_OK;
}

wick_status report_check_run(const page *p, const wick_run_info *run) {
    const char *names[WICK_MAX_HEADS];
    for (int k = 0; k < run->n_modules; k++)
        names[k] = run->modules[k].name;
    return check_names(
        p, p->options->runs,
        "name the run of the plan's family: --run ID, of those that `wick runs list` "
        "names",
        names, run->n_modules);
}

static int64_t macs_of(const wick_qnet *net, int segment) {
    int64_t macs = 0;
    for (int l = 0; l < net->n_layers; l++)
        if (net->info[l].segment == segment)
            macs += net->info[l].macs;
    return macs;
}

/* Shrinking changes MACs as well, so other ones are no proof of another family: said, not refused.
 */
static void say_macs(page *p, const char *who, const char *whom, const char *what, int64_t there,
                     int64_t here) {
    wick_buf_puts(&p->html, "<p class=\"note\"><strong>");
    html_textf(&p->html,
               "%s does not match %s: %s %s MACs instead of %s. It is of another family, or of "
               "this one before it was shrunk.",
               who, whom, what, wick_text_count(p->arena, there), wick_text_count(p->arena, here));
    wick_buf_puts(&p->html, "</strong></p>\n");
}

void report_say_family_macs(page *p) {
    wick_qnet *sketch = NULL;
    wick_diag unused = {0};
    /* As it would be quantized: batch norm that cannot be folded counts there. */
    if (wick_qnet_sketch(p->graph, &sketch, &unused) == WICK_OK) {
        for (int s = 0; s <= p->net->n_modules; s++) {
            int64_t there = macs_of(sketch, s), here = macs_of(p->net, s);
            if (there == here)
                continue;
            say_macs(p, "The float family, of which parameters and float accuracies are shown,",
                     "this plan", wick_arena_printf(p->arena, "%s has", p->plan->segments[s].name),
                     there, here);
            break;
        }
        wick_qnet_free(sketch);
    }
    wick_diag_free(&unused);
}

/* All modules together: in a small one batch norm that is not folded outweighs the rest, and the
   run does not count that. */
void report_say_run_macs(page *p, const wick_run_info *run) {
    int64_t there = 0, here = 0;
    for (int k = 1; k <= run->n_modules; k++) {
        there += run->modules[k - 1].macs;
        here += p->graph ? wick_graph_counts(p->graph, k).macs : macs_of(p->net, k);
    }
    if (llabs(there - here) > (p->graph ? 0 : here / 3))
        say_macs(p, "This run", p->graph ? "the float family" : "this plan", "all its modules have",
                 there, here);
}
