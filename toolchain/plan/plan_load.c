/* Loads a plan together with the model and the device that it names. */
#include "plan/plan_parts.h"

#include "onnx/onnx.h"

/* Moves what the device points at into the plan's arena. */
static void own_device(wick_plan *plan) {
    wick_device *device = wick_new(plan->arena, wick_device, 1);
    *device = *plan->device;
    device->name = wick_arena_strdup(plan->arena, device->name);
    device->core = wick_arena_strdup(plan->arena, device->core);
    device->path = wick_arena_strdup(plan->arena, device->path);
    device->nvm.kind = wick_arena_strdup(plan->arena, device->nvm.kind);
    plan->device = device;
}

/* Lowering knows the graph, not the file that it came from. */
static void name_file(wick_diag *diag, const char *path) {
    for (size_t i = 0; diag && i < diag->count; i++)
        if (!diag->items[i].file)
            diag->items[i].file = wick_xstrdup(path);
}

static wick_status load_net(const char *model, wick_qnet **net, wick_diag *diag) {
    wick_graph *graph;
    WICK_TRY(wick_onnx_read(model, &graph, diag));
    wick_status status = wick_qnet_lower(graph, net, diag);
    wick_graph_free(graph);
    if (status != WICK_OK)
        name_file(diag, model);
    return status;
}

wick_status wick_plan_load(const char *path, wick_plan **out, wick_qnet **net, wick_diag *diag) {
    *out = NULL;
    *net = NULL;
    wick_arena *arena = wick_arena_new();
    const char *model, *reference;
    wick_device *device;
    wick_status status = wick_plan_references(path, arena, &model, &reference, diag);
    if (status == WICK_OK)
        status = wick_device_load(arena, reference, &device, diag);
    if (status == WICK_OK)
        status = load_net(model, net, diag);
    if (status == WICK_OK)
        status = wick_plan_load_with(path, *net, device, out, diag);
    if (status == WICK_OK) {
        own_device(*out);
    } else if (*net) {
        wick_qnet_free(*net);
        *net = NULL;
    }
    wick_arena_free(arena);
    return status;
}
