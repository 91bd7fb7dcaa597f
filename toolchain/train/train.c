/* wick_train_run: stages, epochs, best weights, checkpoint, database. */
#include "train/optimiser.h"
#include "train/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reset_best(wick_position *position) {
    for (int p = 0; p < WICK_MAX_HEADS; p++)
        position->best_score[p] = -1;
}

/* Mean validation accuracy of the heads of one part: all of a joint stage, one of a separate. */
static double part_score(const wick_stage *stage, int part, const wick_run_point *point) {
    if (stage->spec.separate)
        return point->validation[stage->spec.heads[part]];
    double sum = 0;
    for (int i = 0; i < stage->spec.n_heads; i++)
        sum += point->validation[stage->spec.heads[i]];
    return sum / stage->spec.n_heads;
}

/* A part whose score rose (the first of equals stays) goes into the best family. */
static void keep_best(wick_session *session, const wick_run_point *point) {
    wick_stage *stage = session->stage;
    wick_position *position = &session->position;
    for (int part = 0; part < stage->n_parts; part++) {
        double score = part_score(stage, part, point);
        if (stage->excess > 0 || score <= position->best_score[part]) /* too dense, or no better */
            continue;
        position->best_score[part] = score;
        wick_stage_copy_part(stage, part, session->best);
        for (int i = 0; i < stage->spec.n_heads; i++) {
            if (stage->spec.separate && i != part)
                continue;
            int k = stage->spec.heads[i];
            position->best_epoch[k] = point->epoch;
            position->best_validation[k] = point->validation[k];
        }
    }
}

static void print_epoch(const wick_session *session, const wick_run_point *point) {
    const wick_stage *stage = session->stage;
    if (session->n_stages > 1)
        fprintf(stderr, "stage %d/%d ", point->stage, session->n_stages);
    fprintf(stderr, "epoch %d/%d  %.1f s  lr %.4g  loss %.4f  validation", point->epoch,
            session->options->epochs, point->seconds, point->learning_rate, point->loss);
    for (int i = 0; i < stage->spec.n_heads; i++) {
        int k = stage->spec.heads[i];
        fprintf(stderr, "  %s %.1f %%", session->family->family.head_names[k],
                100 * point->validation[k]);
    }
    fputc('\n', stderr);
}

/* Files are rank 0's. */
static wick_status save(wick_session *session) {
    if (!session->options->checkpoint || wick_rank() > 0)
        return WICK_OK;
    return wick_checkpoint_write(session->options->checkpoint, &session->identity,
                                 &session->position, session->stage, session->best, session->diag);
}

static wick_status interrupted(const wick_session *session, int epoch) {
    char place[64];
    snprintf(place, sizeof place, "epoch %d of %d", epoch + 1, session->options->epochs);
    wick_status status =
        wick_fail(session->diag, WICK_INTERRUPTED, session->options->checkpoint, place,
                  session->options->checkpoint
                      ? "the same command with --resume goes on at the start of this epoch"
                      : NULL,
                  "stopped on request");
    return wick_parallel_agree(status, session->diag);
}

/* The ranks made the same steps from the same gradients: weights that differ mean that their
   processors or libraries compute differently, and the result would belong to none of them. */
static wick_status check_together(const wick_session *session) {
    if (wick_ranks() == 1)
        return WICK_OK;
    wick_hash own = wick_graph_identity(session->stage->graph), first = own;
    wick_parallel_broadcast(&first, sizeof first);
    wick_status status = WICK_OK;
    if (memcmp(own.bytes, first.bytes, sizeof own.bytes))
        status = wick_fail(session->diag, WICK_MISMATCH, NULL, NULL,
                           "use machines of one kind with the same libraries",
                           "the weights differ from those of process 0");
    return wick_parallel_agree(status, session->diag);
}

/* The weights after an epoch into the stage's graphs. */
static wick_status collect(wick_session *session) {
    wick_stage_mean_statistics(session->stage);
    WICK_TRY(wick_program_export(session->stage->program, session->stage->graph, session->diag));
    WICK_TRY(wick_optimiser_export_average(session->stage, session->diag));
    return check_together(session);
}

static wick_status record(wick_session *session, const wick_run_point *point) {
    if (session->runs.db)
        WICK_TRY(wick_runs_add(&session->runs, point, session->position.seconds, session->diag));
    return save(session);
}

/* Trains, checks, records and saves one epoch (0-based). */
static wick_status run_epoch(wick_session *session, int epoch) {
    double start_s = wick_now_s();
    if (session->options->session_epochs > 0 &&
        session->epochs_now >= session->options->session_epochs)
        return interrupted(session, epoch);
    wick_run_point point = {.stage = session->position.stage + 1, .epoch = epoch + 1};
    wick_status status = wick_session_epoch(session, epoch, &point);
    if (status == WICK_OK)
        status = collect(session);
    if (status == WICK_INTERRUPTED)
        return interrupted(session, epoch);
    if (status == WICK_OK) /* short, and a stop request waits: the epoch is not lost */
        status = wick_session_validate(session, &point);
    WICK_TRY(status);
    point.seconds = wick_now_s() - start_s;
    keep_best(session, &point);
    session->position.epochs_done = epoch + 1;
    session->epochs_now++;
    session->position.seconds += point.seconds;
    WICK_TRY(wick_parallel_agree(record(session, &point), session->diag));
    if (!session->options->quiet)
        print_epoch(session, &point);
    return WICK_OK;
}

/* One stage from position.epochs_done on. `saved` (may be NULL) holds its state. */
static wick_status run_stage(wick_session *session, const wick_checkpoint *saved) {
    const wick_stage_spec *spec = &session->specs[session->position.stage];
    wick_status status =
        wick_stage_build(session->family, session->options, spec, &session->stage, session->diag);
    if (status == WICK_OK)
        status =
            saved ? wick_checkpoint_apply(saved, session->stage, session->diag) : save(session);
    WICK_TRY(wick_parallel_agree(status, session->diag));
    for (int e = session->position.epochs_done; e < session->options->epochs; e++)
        WICK_TRY(run_epoch(session, e));
    wick_constants_copy(session->best, session->family);
    return WICK_OK;
}

static wick_status run_stages(wick_session *session, const wick_checkpoint *saved) {
    while (session->position.stage < session->n_stages) {
        wick_status status = run_stage(session, saved);
        wick_stage_free(session->stage);
        session->stage = NULL;
        saved = NULL;
        WICK_TRY(status);
        session->position.stage++;
        session->position.epochs_done = 0;
        reset_best(&session->position);
    }
    return WICK_OK;
}

/* --- setting up --------------------------------------------------------------------------------*/

static wick_status check_family(const wick_session *session) {
    const wick_graph *graph = session->family;
    const wick_family *family = &graph->family;
    const wick_data *data = session->data;
    wick_diag *diag = session->diag;
    WICK_TRY(wick_check_input(graph, data, diag));
    for (int k = 0; k < family->n_heads; k++) {
        wick_shape logits = graph->tensors[family->heads[k]].shape;
        if (wick_shape_count(logits) != (int64_t)data->n_classes * logits.dim[0])
            return wick_fail(diag, WICK_SHAPE, data->spec, family->head_names[k],
                             "give the data that the network was made for, or a network with as "
                             "many outputs as the data have classes (recipes are built so)",
                             "the data have %d classes, the module answers %lld", data->n_classes,
                             (long long)(wick_shape_count(logits) / logits.dim[0]));
    }
    if (session->options->teacher)
        WICK_TRY(wick_check_ranges(session->options->teacher, data, diag));
    if (session->n_stages > 1 && family->features < 0)
        return wick_fail(diag, WICK_UNSUPPORTED, NULL,
                         wick_strategy_name(session->options->strategy),
                         "name the shared features (wick.features), or take another strategy",
                         "this strategy freezes the shared extractor, and the family has none");
    for (int s = 0; s < WICK_SPLITS; s++)
        if (s != WICK_TEST && data->split[s].n < 1)
            return wick_fail(diag, WICK_SHAPE, data->spec, NULL, NULL, "the %s split is empty",
                             s == WICK_TRAIN ? "training" : "validation");
    return WICK_OK;
}

/* What the family says from now on, before its identity is taken. */
static void set_metadata(wick_graph *graph, const wick_data *data,
                         const wick_train_options *options) {
    wick_family *family = &graph->family;
    family->strategy = wick_strategy_name(options->strategy);
    family->data = wick_arena_strdup(graph->arena, data->spec);
    if (family->n_labels == 0) {
        family->n_labels = data->n_classes;
        family->labels = wick_new(graph->arena, const char *, data->n_classes);
        for (int c = 0; c < data->n_classes; c++)
            family->labels[c] = wick_arena_strdup(graph->arena, data->class_names[c]);
    }
    if (family->n_channels == 0 && data->channels <= WICK_MAX_CHANNELS_META) {
        /* (pixel - 128) / 128, as data.h has it; an imported model goes on with what wick eval
           takes where nothing is said. */
        wick_normalise imported = wick_family_normalise(family);
        bool ours = family->recipe[0] != 0;
        family->n_channels = data->channels;
        for (int c = 0; c < data->channels; c++) {
            family->mean[c] = ours ? 128.0f / 255.0f : imported.mean[c];
            family->std[c] = ours ? 128.0f / 255.0f : imported.std[c];
        }
    }
    family->ranged = data->low && family->n_channels == data->channels;
    for (int c = 0; family->ranged && c < data->channels; c++) {
        family->low[c] = data->low[c];
        family->high[c] = data->high[c];
    }
}

static wick_status open_runs(wick_session *session) {
    const wick_train_options *options = session->options;
    const wick_graph *graph = session->family;
    const wick_family *family = &graph->family;
    if (!options->runs_path || wick_rank() > 0)
        return WICK_OK;
    WICK_TRY(wick_runs_open(options->runs_path, true, &session->runs, session->diag));
    wick_arena *arena = wick_arena_new();
    json_t *json =
        wick_train_options_json(options, family->n_heads, wick_set_threads(options->threads));
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(json);
    const char *recipe = family->recipe[0] ? family->recipe : graph->name;
    wick_run_info info = {.id = session->position.run_id,
                          .name = options->run_name
                                      ? options->run_name
                                      : wick_arena_printf(arena, "%s %s", recipe, family->strategy),
                          .strategy = family->strategy,
                          .recipe = recipe,
                          .data = session->data->spec,
                          .data_sha256 = session->identity.data.hex,
                          .graph_sha256 = session->identity.graph.hex,
                          .options = text ? text : "{}",
                          .version = wick_version(),
                          .backend = session->identity.backend,
                          .n_modules = family->n_heads};
    for (int k = 0; k < family->n_heads; k++) {
        wick_counts counts = wick_graph_counts(graph, k + 1);
        info.modules[k] = (wick_run_module){.name = family->head_names[k],
                                            .parameters = counts.parameters,
                                            .macs = counts.macs,
                                            .validation = (double)NAN,
                                            .test = (double)NAN};
    }
    wick_status status = wick_runs_begin(&session->runs, &info, session->position.stage + 1,
                                         session->position.epochs_done + 1, session->diag);
    session->position.run_id = session->runs.run_id;
    free(text);
    wick_arena_free(arena);
    return status;
}

/* The bytes of the checkpoint, which rank 0 reads for all; none where there is no such file. */
static wick_status read_state(const wick_session *session, wick_arena *arena, wick_bytes *bytes) {
    const char *path = session->options->checkpoint;
    wick_status status = WICK_OK;
    if (wick_rank() == 0 && wick_path_is_file(path))
        status = wick_checkpoint_read(path, arena, bytes, session->diag);
    else if (!session->options->quiet)
        fprintf(stderr, "wick: %s: there is no training state yet: starting at the beginning\n",
                path);
    WICK_TRY(wick_parallel_agree(status, session->diag));
    wick_parallel_broadcast_bytes(arena, bytes);
    return WICK_OK;
}

/* Reads the checkpoint where one is wanted and there; sets position, best and family. */
static wick_status take_up(wick_session *session, wick_checkpoint **saved) {
    const char *path = session->options->checkpoint;
    *saved = NULL;
    if (!session->options->resume || !path)
        return WICK_OK;
    wick_arena *arena = wick_arena_new();
    wick_bytes bytes = {0};
    wick_status status = read_state(session, arena, &bytes);
    if (status != WICK_OK || !bytes.data) {
        wick_arena_free(arena);
        return status;
    }
    WICK_TRY(wick_checkpoint_open(path, arena, bytes, &session->identity, saved, session->diag));
    if (wick_checkpoint_ranks(*saved) != wick_ranks() && !session->options->quiet)
        fprintf(stderr,
                "wick: %s: trained so far by %d process(es), goes on with %d: the same batches, "
                "but not the same bits as without the change\n",
                path, wick_checkpoint_ranks(*saved), wick_ranks());
    session->position = wick_checkpoint_position(*saved);
    if (session->position.stage >= session->n_stages ||
        session->position.epochs_done > session->options->epochs)
        return wick_fail(session->diag, WICK_SYNTAX, path, NULL,
                         "remove it and start the training again", "the training state is damaged");
    if (session->options->progress)
        session->options->progress->total -=
            (uint64_t)session->position.epochs_done * (uint64_t)session->data->split[WICK_TRAIN].n;
    WICK_TRY(wick_checkpoint_best(*saved, session->best, session->diag));
    wick_constants_copy(session->best, session->family);
    return WICK_OK;
}

/* What rank 0 is about to train, in a text of a fixed size. */
typedef struct likeness {
    wick_hash options, data, graph;
    char backend[96];
} likeness;

/* Several ranks train one network on one set of data, and in one layout of its weights. */
static wick_status check_alike(const wick_session *session) {
    const wick_identity *identity = &session->identity;
    likeness own, first;
    memset(&own, 0, sizeof own);
    own.options = identity->options;
    own.data = identity->data;
    own.graph = identity->graph;
    snprintf(own.backend, sizeof own.backend, "%s", identity->backend);
    first = own;
    wick_parallel_broadcast(&first, sizeof first);
    wick_diag *diag = session->diag;
    wick_status status = WICK_OK;
    if (memcmp(own.data.bytes, first.data.bytes, sizeof own.data.bytes))
        status = wick_fail(diag, WICK_MISMATCH, session->data->spec, NULL,
                           "give every machine the same files in the same place",
                           "these are not the data of process 0");
    else if (memcmp(own.options.bytes, first.options.bytes, sizeof own.options.bytes) ||
             memcmp(own.graph.bytes, first.graph.bytes, sizeof own.graph.bytes))
        status = wick_fail(diag, WICK_MISMATCH, NULL, NULL,
                           "give every process the same options, recipe and models",
                           "this is not the network or these are not the options of process 0");
    else if (strcmp(own.backend, first.backend))
        status = wick_fail(diag, WICK_MISMATCH, NULL, NULL,
                           "use machines of one kind; --threads gives all the same number, "
                           "ONEDNN_MAX_CPU_ISA the same instruction set",
                           "here is %s, process 0 has %s", own.backend, first.backend);
    return wick_parallel_agree(status, diag);
}

static wick_status run_session(wick_session *session) {
    wick_checkpoint *saved = NULL;
    wick_status status = take_up(session, &saved);
    if (status == WICK_OK)
        status = open_runs(session);
    status = wick_parallel_agree(status, session->diag);
    if (status == WICK_OK)
        status = run_stages(session, saved);
    wick_checkpoint_free(saved);
    return status;
}

static void fill_result(const wick_session *session, wick_train_result *result) {
    const wick_position *position = &session->position;
    wick_family *family = &session->family->family;
    result->epochs = session->n_stages * session->options->epochs;
    result->seconds = position->seconds;
    result->waited = session->stepping_s > 0 ? session->waited_s / session->stepping_s : 0;
    result->peak_bytes = wick_peak_bytes();
    result->run_id = position->run_id;
    for (int k = 0; k < family->n_heads; k++) {
        result->best_epoch[k] = position->best_epoch[k];
        result->validation[k] = family->validation[k] = position->best_validation[k];
        family->accuracy[k] = (double)NAN; /* of other weights */
    }
}

/* What would leave nothing of any image. */
static wick_status check_augmentation(const wick_session *session) {
    const wick_augment *augment = &session->options->augment;
    const wick_data *data = session->data;
    int side = data->height > data->width ? data->height : data->width;
    if (augment->cutout > side)
        return wick_fail(session->diag, WICK_RANGE, NULL, "cutout", "a quarter to half of the side",
                         "a square of %d pixels blanks whole images of %d x %d", augment->cutout,
                         data->height, data->width);
    if (augment->shift >= side)
        return wick_fail(session->diag, WICK_RANGE, NULL, "shift", "a tenth of the side",
                         "%d pixels move images of %d x %d out of the picture", augment->shift,
                         data->height, data->width);
    return WICK_OK;
}

wick_status wick_train_accepts(const wick_graph *graph, const wick_data *data,
                               const wick_train_options *options, wick_diag *diag) {
    wick_graph *family = wick_graph_clone(graph);
    wick_session session = {.family = family, .data = data, .options = options, .diag = diag};
    int n_heads = graph->family.n_heads;
    session.n_stages = wick_strategy_stages(options->strategy, n_heads, session.specs);
    wick_status status = wick_train_check(options, n_heads, diag);
    if (status == WICK_OK)
        status = check_family(&session);
    if (status == WICK_OK)
        status = check_augmentation(&session);
    if (status == WICK_OK)
        status = wick_stage_build(family, options, &session.specs[0], &session.stage, diag);
    wick_stage_free(session.stage);
    wick_graph_free(family);
    return status;
}

wick_status wick_train_run(wick_graph *graph, const wick_data *data,
                           const wick_train_options *options, wick_train_result *result,
                           wick_diag *diag) {
    *result = (wick_train_result){0};
    wick_train_options resolved = *options;
    if (resolved.learning_rate == 0.0)
        resolved.learning_rate = wick_schedule_default_rate(graph, resolved.optimiser);
    wick_session session = {.family = graph, .data = data, .options = &resolved, .diag = diag};
    options = &resolved;
    int n_heads = graph->family.n_heads;
    session.n_stages = wick_strategy_stages(options->strategy, n_heads, session.specs);
    wick_status fit = wick_train_check(options, n_heads, diag);
    if (fit == WICK_OK)
        fit = check_family(&session);
    if (fit == WICK_OK)
        fit = check_augmentation(&session);
    WICK_TRY(wick_parallel_agree(fit, diag));
    wick_set_threads(options->threads);
    set_metadata(graph, data, options);
    session.normalise = wick_family_normalise(&graph->family);
    session.identity = (wick_identity){.options = wick_train_options_hash(options, n_heads, 0),
                                       .data = data->hash,
                                       .graph = wick_graph_identity(graph),
                                       .backend = wick_backend_version(),
                                       .ranks = wick_ranks()};
    WICK_TRY(check_alike(&session));
    session.best = wick_graph_clone(graph);
    reset_best(&session.position);
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        session.position.best_validation[k] = -1;
    wick_status status = run_session(&session);
    if (status == WICK_OK)
        fill_result(&session, result);
    if (session.runs.db) {
        const char *name = status == WICK_OK            ? "done"
                           : status == WICK_INTERRUPTED ? "interrupted"
                                                        : "failed";
        wick_status ended =
            wick_runs_end(&session.runs, name, status == WICK_OK ? result->validation : NULL, diag);
        status = status == WICK_OK ? ended : status;
        wick_runs_close(&session.runs);
    }
    wick_graph_free(session.best);
    return status;
}
