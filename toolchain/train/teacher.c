#include "train/teacher.h"

/* phi of the teacher as a second "head", which makes it an output of its program. */
static wick_status add_features(wick_stage *stage, wick_diag *diag) {
    wick_graph *teacher = stage->teacher_graph;
    wick_family *family = &teacher->family;
    int phi = wick_penultimate(teacher, wick_logits_of(teacher, family->heads[0]));
    if (phi < 0 || phi == teacher->input)
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, "teacher", "leave out --teacher-features",
                         "it does not end in a fully connected layer on features of its own, so "
                         "there are none to match");
    stage->teacher_feature_size =
        (int)(wick_shape_count(teacher->tensors[phi].shape) / stage->batch);
    family->n_heads = 2;
    family->heads[1] = phi;
    family->head_names[1] = "features";
    return WICK_OK;
}

wick_status wick_teacher_build(wick_stage *stage, const wick_train_options *options,
                               wick_diag *diag) {
    if (!options->teacher)
        return WICK_OK;
    stage->teacher_graph = wick_graph_clone(options->teacher);
    wick_graph *teacher = stage->teacher_graph;
    teacher->family.n_heads = 1; /* the largest */
    wick_graph_prune(teacher);
    WICK_TRY(wick_graph_set_batch(teacher, stage->batch, diag));
    const wick_tensor *logits = &teacher->tensors[teacher->family.heads[0]];
    int64_t classes = wick_shape_count(logits->shape) / stage->batch;
    if (classes != stage->classes)
        return wick_fail(diag, WICK_SHAPE, NULL, "teacher", "take a teacher for the same classes",
                         "it answers %lld classes, the modules %d", (long long)classes,
                         stage->classes);
    if (options->teacher_features)
        WICK_TRY(add_features(stage, diag));
    return wick_folded_build(teacher, stage->batch, options->winograd, &stage->teacher_program,
                             diag);
}

wick_normalise wick_teacher_normalise(const wick_stage *stage) {
    return wick_family_normalise(&stage->teacher_graph->family);
}
