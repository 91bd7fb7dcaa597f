/* Every distinct layer of the two families that the benchmarks are about, as rows for
   bench_layers.c: the recipes go through the same quantization and lowering as any model, so what
   is measured is what would be emitted. With --uses: which module runs which layer how often. */
#include "shrink/shrink.h"

#include <stdio.h>
#include <string.h>

enum { MOST_MACS = 3000000, MOST_LAYERS = 256 };

typedef struct distinct {
    wick_layer layer;
    uint16_t channels[4];
    char name[96];
} distinct;

static distinct found[MOST_LAYERS];
static int n_found;

/* "conv3x3-32x32x16-16", "dw3x3s2-...", "fc-512-128" */
static void name_layer(distinct *d) {
    static const char *const kinds[] = {"conv", "dw",     "fc",   "maxpool", "avgpool",
                                        "add",  "concat", "move", "mul",     "softmax"};
    const wick_layer *l = &d->layer;
    char window[24] = "", out[8] = "", pad[8] = "";
    if (l->kind != WICK_LAYER_FC && l->kind < WICK_LAYER_ADD)
        snprintf(window, sizeof window, "%dx%d", l->k_h, l->k_w);
    if (l->stride_h > 1 || l->stride_w > 1)
        snprintf(window + strlen(window), sizeof window - strlen(window), "s%d", l->stride_h);
    if (l->kind == WICK_LAYER_CONV2D || l->kind == WICK_LAYER_FC)
        snprintf(out, sizeof out, "-%d", l->out_c);
    if (l->kind < WICK_LAYER_ADD && l->pad_top != (l->k_h - 1) / 2 && l->pad_top)
        snprintf(pad, sizeof pad, "p%d", l->pad_top);
    snprintf(d->name, sizeof d->name, "%s%s%s-%dx%dx%d%s", kinds[l->kind], window, pad, l->in_h,
             l->in_w, l->in_c, out);
}

static distinct describe(const wick_layer *l) {
    distinct d;
    memset(&d, 0, sizeof d);
    d.layer.kind = l->kind;
    d.layer.n_operands = l->n_operands;
    d.layer.in_h = l->in_h;
    d.layer.in_w = l->in_w;
    d.layer.in_c = l->in_c;
    d.layer.out_h = l->out_h;
    d.layer.out_w = l->out_w;
    d.layer.out_c = l->out_c;
    d.layer.k_h = l->k_h;
    d.layer.k_w = l->k_w;
    d.layer.stride_h = l->stride_h;
    d.layer.stride_w = l->stride_w;
    d.layer.pad_top = l->pad_top;
    d.layer.pad_left = l->pad_left;
    for (int i = 0; i < l->n_operands && i < 4; i++)
        d.channels[i] = l->operands[i].channels;
    name_layer(&d);
    return d;
}

/* Rows that are computed: all, unless the layer would take too long. */
static int rows_of(const wick_layer *l, int64_t macs) {
    if (macs <= MOST_MACS || l->out_h < 2)
        return l->out_h;
    int64_t rows = l->out_h * (int64_t)MOST_MACS / macs;
    return rows < 2 ? 2 : (int)rows;
}

static void print_row(const distinct *d, int64_t macs) {
    static const char *const kinds[] = {
#define X(upper, lower) "WICK_LAYER_" #upper,
        WICK_LAYER_TABLE(X)
#undef X
    };
    const wick_layer *l = &d->layer;
    printf("    {\"%s\", %s, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, {%d, %d, %d, %d}, "
           "%d},\n",
           d->name, kinds[l->kind], l->in_h, l->in_w, l->in_c, l->out_h, l->out_w, l->out_c, l->k_h,
           l->k_w, l->stride_h, l->stride_w, l->pad_top, l->pad_left, l->n_operands, d->channels[0],
           d->channels[1], d->channels[2], d->channels[3], rows_of(l, macs));
}

static void print_net(const wick_qnet *net, const char *family, bool uses) {
    for (int i = 0; i < net->n_layers; i++) {
        const wick_qlayer_info *info = &net->info[i];
        distinct d = describe(&net->layers[i]);
        if (uses) {
            printf("%s %s %s\n", family,
                   info->segment ? net->module_names[info->segment - 1] : "extractor", d.name);
            continue;
        }
        bool known = false;
        for (int k = 0; k < n_found && !known; k++)
            known = !memcmp(&found[k].layer, &d.layer, sizeof d.layer) &&
                    !memcmp(found[k].channels, d.channels, sizeof d.channels);
        if (known || n_found == MOST_LAYERS)
            continue;
        found[n_found++] = d;
        print_row(&d, info->macs);
    }
}

static wick_status family(const char *recipe, double width, bool uses, wick_diag *diag) {
    wick_recipe_options options = wick_recipe_defaults();
    wick_data_options data_options = wick_data_defaults();
    wick_quantize_options quantize = wick_quantize_defaults();
    wick_graph *graph = NULL, *qdq = NULL;
    wick_data *data = NULL;
    wick_qnet *net = NULL;
    options.width = width;
    data_options.limit = 100;
    quantize.images = 1; /* the scales do not matter here */
    wick_status status = wick_recipe_build(recipe, &options, &graph, diag);
    if (status == WICK_OK)
        status = wick_data_open("builtin:shapes10", &data_options, &data, diag);
    if (status == WICK_OK)
        status = wick_quantize(graph, data, &quantize, &qdq, diag);
    if (status == WICK_OK)
        status = wick_qnet_lower(qdq, &net, diag);
    if (status == WICK_OK)
        print_net(net, recipe, uses);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_data_free(data);
    wick_graph_free(graph);
    return status;
}

int main(int argc, char **argv) {
    bool uses = argc > 1 && !strcmp(argv[1], "--uses");
    wick_diag diag = {0};
    wick_status status = family("vgg16", 0.25, uses, &diag);
    if (status == WICK_OK)
        status = family("mobilenetv1", 0.5, uses, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    wick_diag_free(&diag);
    return status == WICK_OK ? 0 : 4;
}
