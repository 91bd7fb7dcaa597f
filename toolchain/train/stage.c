/* Building a stage: the graphs that it trains and checks on, its programs, its losses. */
#include "train/stage.h"
#include "train/batches.h"
#include "train/losses.h"
#include "train/optimiser.h"
#include "train/teacher.h"

#include <assert.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the names of their weights begin with. */
#define PROJECTION "wick.projection"
/* Stream numbers of wick_rng_seed(seed, stream) for the projections: far from those of epochs. */
enum { PROJECTION_STREAM = 0x70726f6a };

/* Features are matched as they are, not with the noise that training puts on them. */
static int before_dropout(const wick_graph *graph, int t) {
    int producer = graph->tensors[t].producer;
    bool dropout = producer >= 0 && graph->nodes[producer].op == WICK_OP_DROPOUT;
    return dropout ? graph->nodes[producer].inputs[0] : t;
}

int wick_penultimate(const wick_graph *graph, int logits) {
    int t = logits;
    for (;;) {
        int producer = graph->tensors[t].producer;
        if (producer < 0)
            return -1;
        const wick_node *node = &graph->nodes[producer];
        if (node->op == WICK_OP_GEMM)
            return before_dropout(graph, node->inputs[0]);
        if (node->op != WICK_OP_IDENTITY)
            return -1;
        t = node->inputs[0];
    }
}

static void copy_constant(const wick_tensor *from, wick_graph *to) {
    if (!from->data || from->dtype != WICK_F32)
        return;
    int t = wick_graph_find(to, from->name);
    if (t < 0)
        return;
    assert(to->tensors[t].data && wick_shape_equal(to->tensors[t].shape, from->shape));
    memcpy(to->tensors[t].data, from->data, (size_t)wick_shape_count(from->shape) * sizeof(float));
}

void wick_constants_copy(const wick_graph *from, wick_graph *to) {
    for (int t = 0; t < from->n_tensors; t++)
        copy_constant(&from->tensors[t], to);
}

const wick_graph *wick_stage_weights(const wick_stage *stage) {
    return stage->average_graph ? stage->average_graph : stage->graph;
}

void wick_stage_copy_part(const wick_stage *stage, int part, wick_graph *to) {
    const wick_graph *from = wick_stage_weights(stage);
    for (int s = 0; s < stage->n_slots; s++)
        if (stage->slots[s].part == part)
            copy_constant(&from->tensors[stage->slots[s].param->tensor], to);
}

static void keep_heads(wick_graph *graph, const wick_stage_spec *spec) {
    wick_family *family = &graph->family;
    for (int i = 0; i < spec->n_heads; i++) {
        /* Ascending, so nothing is lost. A Softmax behind the logits stays in the family alone. */
        family->heads[i] = wick_logits_of(graph, family->heads[spec->heads[i]]);
        family->head_names[i] = family->head_names[spec->heads[i]];
    }
    family->n_heads = spec->n_heads;
}

/* Makes the features the input: what computes them goes. */
static void cut_before_features(wick_graph *graph) {
    int features = graph->family.features;
    bool *before = wick_xalloc((size_t)graph->n_tensors * sizeof *before);
    before[features] = true;
    for (int n = graph->n_nodes - 1; n >= 0; n--) {
        const wick_node *node = &graph->nodes[n];
        for (int i = 0; i < node->n_inputs && before[node->output]; i++)
            if (node->inputs[i] >= 0)
                before[node->inputs[i]] = true;
    }
    int kept = 0;
    for (int n = 0; n < graph->n_nodes; n++)
        if (!before[graph->nodes[n].output])
            graph->nodes[kept++] = graph->nodes[n];
    graph->n_nodes = kept;
    graph->input = features;
    graph->tensors[features].producer = -1;
    free(before);
}

/* The graph that is trained: from the image, or (frozen) from the features on. */
static wick_status make_trained_graph(wick_stage *stage, const wick_graph *family,
                                      wick_diag *diag) {
    stage->graph = wick_graph_clone(family);
    keep_heads(stage->graph, &stage->spec);
    if (stage->spec.frozen)
        cut_before_features(stage->graph);
    wick_graph_prune(stage->graph);
    return wick_graph_set_batch(stage->graph, stage->batch, diag);
}

static wick_status make_frozen_graph(wick_stage *stage, const wick_graph *family, wick_diag *diag) {
    stage->frozen_graph = wick_graph_clone(family);
    wick_family *f = &stage->frozen_graph->family;
    f->n_heads = 1;
    f->heads[0] = f->features;
    wick_graph_prune(stage->frozen_graph);
    return wick_graph_set_batch(stage->frozen_graph, stage->batch, diag);
}

static wick_status make_check_graph(wick_stage *stage, const wick_graph *family, wick_diag *diag) {
    stage->check_graph = wick_graph_clone(family);
    keep_heads(stage->check_graph, &stage->spec);
    wick_graph_prune(stage->check_graph);
    return wick_graph_set_batch(stage->check_graph, stage->batch, diag);
}

/* --- distillation ------------------------------------------------------------------------------*/

typedef struct output_list {
    int n, tensors[WICK_MAX_HEADS * (WICK_MAX_HEADS + 3)];
} output_list;

static int add_output(output_list *list, int tensor) {
    for (int i = 0; i < list->n; i++)
        if (list->tensors[i] == tensor)
            return i;
    list->tensors[list->n] = tensor;
    return list->n++;
}

static double pair_weight(const wick_stage *stage, const wick_train_options *options, int teacher,
                          int student) {
    return options->beta[stage->spec.heads[teacher]][stage->spec.heads[student]];
}

/* phi of head i as a program output; UNSUPPORTED when there is none. */
static wick_status add_feature(wick_stage *stage, int i, output_list *list, int *tensor,
                               wick_diag *diag) {
    const wick_graph *graph = stage->graph;
    *tensor = wick_penultimate(graph, graph->family.heads[i]);
    if (*tensor < 0 || *tensor == graph->input)
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, graph->family.head_names[i],
                         "train without the feature term (--no-kd-features)",
                         "the module does not end in a fully connected layer on features of its "
                         "own, so there are none to match");
    stage->feature_size[i] = (int)(wick_shape_count(graph->tensors[*tensor].shape) / stage->batch);
    stage->feature_output[i] = add_output(list, *tensor);
    return WICK_OK;
}

/* P_jk phi_k as a fully connected layer without bias, weights N(0, 1/d_k): it keeps the length of
   phi_k on average when d_j = d_k. j: 1 = the largest module, 0 = the finished teacher. */
static int add_projection(wick_stage *stage, uint64_t seed, int j, int d_teacher, int student,
                          int student_features) {
    int d_student = stage->feature_size[student], k = stage->spec.heads[student] + 1;
    size_t count = (size_t)d_teacher * (size_t)d_student;
    float *weights = wick_new(stage->arena, float, count);
    wick_rng rng =
        wick_rng_seed(seed, ((uint64_t)PROJECTION_STREAM << 32) + (uint64_t)(j * 256 + k));
    float deviation = 1.0f / sqrtf((float)d_student);
    for (size_t i = 0; i < count; i++)
        weights[i] = deviation * wick_rng_normal(&rng);
    const char *name = wick_arena_printf(stage->arena, PROJECTION ".%d.%d", j, k);
    const char *result = wick_arena_printf(stage->arena, "%s.result", name);
    int w = wick_graph_tensor(stage->graph, wick_arena_printf(stage->arena, "%s.weight", name),
                              WICK_F32, (wick_shape){2, {d_teacher, d_student}}, weights);
    return wick_graph_node(stage->graph, name, WICK_OP_GEMM, (int[]){student_features, w}, 2,
                           result, NULL);
}

static wick_status add_feature_matching(wick_stage *stage, const wick_train_options *options,
                                        output_list *list, wick_diag *diag) {
    for (int j = 0; j < stage->spec.n_heads; j++)
        for (int k = j + 1; k < stage->spec.n_heads; k++) {
            if (pair_weight(stage, options, j, k) <= 0)
                continue;
            int phi_j, phi_k;
            WICK_TRY(add_feature(stage, j, list, &phi_j, diag));
            WICK_TRY(add_feature(stage, k, list, &phi_k, diag));
            stage->projection_output[j][k] =
                add_output(list, add_projection(stage, options->seed, stage->spec.heads[j] + 1,
                                                stage->feature_size[j], k, phi_k));
        }
    return wick_graph_infer(stage->graph, diag);
}

/* Every module against the finished teacher. */
static wick_status add_teacher_matching(wick_stage *stage, const wick_train_options *options,
                                        output_list *list, wick_diag *diag) {
    for (int k = 0; k < stage->spec.n_heads; k++) {
        int phi;
        WICK_TRY(add_feature(stage, k, list, &phi, diag));
        stage->teacher_projection[k] = add_output(
            list, add_projection(stage, options->seed, 0, stage->teacher_feature_size, k, phi));
    }
    return wick_graph_infer(stage->graph, diag);
}

/* --- building ----------------------------------------------------------------------------------*/

static wick_status check_heads(wick_stage *stage, wick_diag *diag) {
    const wick_graph *graph = stage->graph;
    for (int i = 0; i < stage->spec.n_heads; i++) {
        const wick_tensor *logits = &graph->tensors[graph->family.heads[i]];
        const char *name = graph->family.head_names[i];
        int64_t classes = wick_shape_count(logits->shape) / stage->batch;
        if (i > 0 && classes != stage->classes)
            return wick_fail(diag, WICK_SHAPE, NULL, name, NULL,
                             "%lld logits, but another module has %d", (long long)classes,
                             stage->classes);
        stage->classes = (int)classes;
    }
    return WICK_OK;
}

static wick_status build_programs(wick_stage *stage, const wick_train_options *options,
                                  const output_list *list, wick_diag *diag) {
    wick_program_options train = {.batch = stage->batch,
                                  .training = true,
                                  .winograd = options->winograd,
                                  .shared_norm = options->sync_bn,
                                  .n_outputs = list->n,
                                  .outputs = list->tensors};
    WICK_TRY(wick_program_build(stage->graph, &train, &stage->program, diag));
    WICK_TRY(wick_folded_build(stage->check_graph, stage->batch, options->winograd,
                               &stage->check_program, diag));
    if (!stage->spec.frozen)
        return WICK_OK;
    return wick_folded_build(stage->frozen_graph, stage->batch, options->winograd,
                             &stage->frozen_program, diag);
}

/* Marks what head i of the stage is computed from; bit i of owners[tensor]. */
static unsigned *find_owners(wick_stage *stage, const output_list *list) {
    const wick_graph *graph = stage->graph;
    unsigned *owners = wick_new(stage->arena, unsigned, graph->n_tensors);
    for (int i = 0; i < stage->spec.n_heads; i++) {
        owners[graph->family.heads[i]] |= 1u << i;
        if (stage->teacher_projection[i] >= 0)
            owners[list->tensors[stage->teacher_projection[i]]] |= 1u << i;
    }
    for (int n = graph->n_nodes - 1; n >= 0; n--) {
        const wick_node *node = &graph->nodes[n];
        for (int i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] >= 0)
                owners[node->inputs[i]] |= owners[node->output];
    }
    return owners;
}

static wick_status make_slots(wick_stage *stage, const output_list *list, wick_diag *diag) {
    const unsigned *owners = find_owners(stage, list);
    stage->n_slots = wick_program_param_count(stage->program);
    stage->slots = wick_new(stage->arena, wick_slot, stage->n_slots);
    stage->n_parts = stage->spec.separate ? stage->spec.n_heads : 1;
    for (int s = 0; s < stage->n_slots; s++) {
        wick_slot *slot = &stage->slots[s];
        slot->param = wick_program_param(stage->program, s);
        bool trained = slot->param->trainable && !slot->param->frozen;
        for (int i = 0; i < stage->spec.n_heads && trained; i++)
            stage->learns[i] |= owners[slot->param->tensor] >> i & 1u;
        if (!stage->spec.separate)
            continue;
        unsigned owner = owners[slot->param->tensor];
        if (owner & (owner - 1))
            return wick_fail(diag, WICK_UNSUPPORTED, NULL, slot->param->name,
                             "baseline needs a family in which every module has its own extractor",
                             "several modules share this parameter, so they cannot be trained "
                             "alone");
        while (!(owner >> slot->part & 1u))
            slot->part++;
    }
    return WICK_OK;
}

static bool is_projection(const wick_param *param) {
    return strncmp(param->name, PROJECTION, strlen(PROJECTION)) == 0;
}

/* Parameters that do not match options->train_only are left as they are. */
static wick_status freeze_others(wick_stage *stage, const wick_train_options *options,
                                 wick_diag *diag) {
    bool any = !options->train_only;
    for (int p = 0; options->train_only && p < wick_program_param_count(stage->program); p++) {
        wick_param *param = wick_program_param(stage->program, p);
        bool matches = fnmatch(options->train_only, param->name, 0) == 0;
        param->frozen |= !matches && !is_projection(param);
        any |= matches;
    }
    return any ? WICK_OK
               : wick_fail(diag, WICK_UNKNOWN, NULL, options->train_only,
                           "`wick describe --json` lists the names; * and ? stand for any text",
                           "no parameter has a name like this, so there is nothing to train");
}

/* Parameters that match a pattern are left as they are. */
static wick_status freeze_by_name(wick_stage *stage, const wick_train_options *options,
                                  wick_diag *diag) {
    int n = wick_program_param_count(stage->program), left = 0;
    for (int i = 0; i < options->n_freeze; i++) {
        bool found = false;
        for (int p = 0; p < n; p++) {
            wick_param *param = wick_program_param(stage->program, p);
            if (fnmatch(options->freeze[i], param->name, 0) != 0)
                continue;
            param->frozen = found = true;
        }
        /* A stage without the pattern's parameters is no mistake where others have them. */
        if (!found && !stage->spec.frozen)
            return wick_fail(diag, WICK_UNKNOWN, NULL, options->freeze[i],
                             "`wick describe --json` lists the names; * and ? stand for any text",
                             "no parameter has a name like this");
    }
    WICK_TRY(freeze_others(stage, options, diag));
    if (options->n_freeze == 0 && !options->train_only)
        return WICK_OK;
    for (int p = 0; p < n; p++) {
        const wick_param *param = wick_program_param(stage->program, p);
        left += param->trainable && !param->frozen && !is_projection(param);
    }
    if (left == 0)
        return wick_fail(diag, WICK_RANGE, NULL, "freeze", "leave some parameters to train",
                         "the patterns freeze everything that this stage would train");
    return wick_program_refreeze(stage->program, diag);
}

static wick_status build(wick_stage *stage, const wick_graph *family,
                         const wick_train_options *options, wick_diag *diag) {
    WICK_TRY(make_trained_graph(stage, family, diag));
    WICK_TRY(make_check_graph(stage, family, diag));
    if (stage->spec.frozen)
        WICK_TRY(make_frozen_graph(stage, family, diag));
    WICK_TRY(check_heads(stage, diag));
    output_list list = {0};
    for (int i = 0; i < stage->spec.n_heads; i++)
        add_output(&list, stage->graph->family.heads[i]);
    if (stage->spec.distil && options->kd_features)
        WICK_TRY(add_feature_matching(stage, options, &list, diag));
    WICK_TRY(wick_teacher_build(stage, options, diag));
    if (stage->teacher_program && options->teacher_features)
        WICK_TRY(add_teacher_matching(stage, options, &list, diag));
    stage->n_outputs = list.n;
    stage->scratch = wick_new(stage->arena, float, 4 * stage->batch * stage->classes);
    WICK_TRY(build_programs(stage, options, &list, diag));
    WICK_TRY(freeze_by_name(stage, options, diag));
    WICK_TRY(make_slots(stage, &list, diag));
    WICK_TRY(wick_stage_constrain(stage, options, diag));
    wick_optimiser_begin(stage, options);
    stage->exchange = wick_exchange_new(stage->program);
    return WICK_OK;
}

wick_status wick_stage_build(const wick_graph *family, const wick_train_options *options,
                             const wick_stage_spec *spec, wick_stage **out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_stage *stage = wick_new(arena, wick_stage, 1);
    *stage = (wick_stage){.arena = arena, .spec = *spec, .batch = options->batch / wick_ranks()};
    for (int j = 0; j < WICK_MAX_HEADS; j++) {
        stage->feature_output[j] = stage->teacher_projection[j] = -1;
        for (int k = 0; k < WICK_MAX_HEADS; k++)
            stage->projection_output[j][k] = -1;
    }
    wick_status status = build(stage, family, options, diag);
    if (status != WICK_OK) {
        wick_stage_free(stage);
        stage = NULL;
    }
    *out = stage;
    return status;
}

void wick_stage_free(wick_stage *stage) {
    if (!stage)
        return;
    wick_exchange_free(stage->exchange);
    wick_program_free(stage->program);
    wick_program_free(stage->check_program);
    wick_program_free(stage->frozen_program);
    wick_program_free(stage->teacher_program);
    wick_graph_free(stage->graph);
    wick_graph_free(stage->check_graph);
    wick_graph_free(stage->frozen_graph);
    wick_graph_free(stage->average_graph);
    wick_graph_free(stage->teacher_graph);
    wick_arena_free(stage->arena);
}
