/* Which kernel computes each layer. The device's profile says which kernels the core has and what
   they take; what a layer may use is wick_kernel_fits() and wick_weights_fit().

   Cheapest is least cycles + price * bytes of flash. Price 0 is the fastest choice; when its flash
   does not fit, the price rises until it does. Code counts once for all layers of a kernel, so for
   each kind every set of kernels is tried. The layers of one kind are independent of each other
   for a given set and price, so each price's answer is exact; between two prices lie only choices
   off the convex hull of cycles against bytes. */
#include "plan/plan_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CANDIDATES = 16 /* kernels of one kind */, PRICE_STEPS = 60 };

/* One kind's kernels that the device offers. */
typedef struct candidates {
    int n;
    uint8_t kernel[MAX_CANDIDATES];
    int64_t code_bytes[MAX_CANDIDATES];
} candidates;

/* A layer on a kernel: cycles of the whole layer, NAN where it cannot run. */
typedef struct layer_cost {
    double cycles;
    int64_t bytes;
} layer_cost;

struct wick_plan_prices {
    const wick_qnet *net;
    candidates kinds[WICK_LAYER_KINDS];
    layer_cost (*cost)[MAX_CANDIDATES]; /* [n_layers] */
};

/* A complete choice. */
typedef struct choice {
    double cycles;
    int64_t bytes;
} choice;

static const uint8_t kind_of_kernel[WICK_KERNELS + 1] = {0,
#define X(NAME, name, KIND) WICK_LAYER_##KIND,
                                                         WICK_KERNEL_TABLE(X)
#undef X
};

int64_t wick_plan_constant_bytes(const wick_layer *layer) {
    wick_layer rest = *layer;
    uint32_t words = layer->kernel ? wick_weights_words(layer) : 0;
    if (!words)
        return wick_qlayer_constant_bytes(layer);
    rest.k_h = rest.k_w = 0; /* biases, multipliers and shifts without weights */
    rest.in_c = 0;
    return 4 * (int64_t)words + wick_qlayer_constant_bytes(&rest);
}

static bool uses(const wick_qnet *net, uint8_t kernel) {
    for (int l = 0; l < net->n_layers; l++)
        if (net->layers[l].kernel == kernel)
            return true;
    return false;
}

wick_status wick_plan_offers(const wick_qnet *net, const wick_device *device,
                             const char *model_path, wick_diag *diag) {
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        if (!wick_device_kernel(device, layer)->offered)
            return wick_fail(
                diag, WICK_UNSUPPORTED, model_path, net->info[l].name,
                "quantize with activations of 8 bits, or give that kernel's cycles and "
                "code in the device's table of kernels",
                "%s has no kernel %s for its 16-bit activations", device->name,
                wick_kernel_name(layer->kind, layer->kernel));
    }
    return WICK_OK;
}

static void collect(wick_plan_prices *prices, const wick_device *device) {
    for (int kind = 0; kind < WICK_LAYER_KINDS; kind++) {
        candidates *list = &prices->kinds[kind];
        list->kernel[0] = WICK_KERNEL_PORTABLE;
        list->code_bytes[0] = device->portable[kind].code_bytes;
        list->n = 1;
        for (uint8_t k = 1; k < WICK_KERNELS; k++) {
            if (kind_of_kernel[k] != kind || !device->fast[k].offered ||
                list->n == MAX_CANDIDATES || (k >= WICK_KERNEL_CONV2D_S16 && !uses(prices->net, k)))
                continue;
            list->kernel[list->n] = k;
            list->code_bytes[list->n++] = device->fast[k].code_bytes;
        }
    }
}

static layer_cost price_of(const wick_device *device, wick_layer layer, int64_t scratch_limit) {
    layer_cost cost = {.cycles = (double)NAN};
    bool fits = wick_kernel_fits(&layer, layer.kernel) && wick_weights_fit(&layer) &&
                (!layer.kernel || wick_layer_scratch_bytes(&layer) <= scratch_limit);
    if (!fits)
        return cost;
    /* To count what is left of pruned weights takes a while: cycles and bytes need it. */
    uint32_t left = wick_weights_left(&layer);
    if (left)
        layer.packed = &left;
    cost.cycles = wick_device_layer_work(device, &layer, wick_plan_layer_total(&layer)).cycles;
    cost.bytes = wick_plan_constant_bytes(&layer);
    return cost;
}

wick_plan_prices *wick_plan_price_kernels(const wick_qnet *net, const wick_device *device,
                                          int64_t scratch_limit) {
    wick_plan_prices *prices = wick_xalloc(sizeof *prices);
    prices->net = net;
    collect(prices, device);
    prices->cost = wick_xalloc(((size_t)net->n_layers + 1) * sizeof *prices->cost);
    for (int l = 0; l < net->n_layers; l++) {
        wick_layer layer = net->layers[l];
        const candidates *list = &prices->kinds[layer.kind];
        for (int i = 0; i < list->n; i++) {
            layer.kernel = list->kernel[i];
            prices->cost[l][i] = price_of(device, layer, scratch_limit);
        }
    }
    return prices;
}

void wick_plan_prices_free(wick_plan_prices *prices) {
    if (prices)
        free(prices->cost);
    free(prices);
}

/* The best of the set's kernels for a layer; -1: none can run it. Ties go to fewer bytes, then to
   the earlier one. */
static int best_of(const wick_plan_prices *c, int l, unsigned set, double price) {
    int best = -1;
    double least = 0;
    for (int i = 0; i < c->kinds[c->net->layers[l].kind].n; i++) {
        const layer_cost *cost = &c->cost[l][i];
        double value = cost->cycles + price * (double)cost->bytes;
        if (!(set >> i & 1) || isnan(cost->cycles))
            continue;
        if (best < 0 || value < least ||
            (!(value > least) && cost->bytes < c->cost[l][best].bytes)) {
            best = i;
            least = value;
        }
    }
    return best;
}

/* Layers of one kind with one set of kernels; false when some layer has none. */
static bool try_set(const wick_plan_prices *c, int kind, unsigned set, double price, choice *out) {
    const wick_qnet *net = c->net;
    *out = (choice){0};
    unsigned used = 0;
    for (int l = 0; l < net->n_layers; l++) {
        if (net->layers[l].kind != kind)
            continue;
        int i = best_of(c, l, set, price);
        if (i < 0)
            return false;
        used |= 1u << i;
        out->cycles += c->cost[l][i].cycles;
        out->bytes += c->cost[l][i].bytes;
    }
    for (int i = 0; i < c->kinds[kind].n; i++)
        out->bytes += used >> i & 1 ? c->kinds[kind].code_bytes[i] : 0;
    return true;
}

/* Decides every layer for one price; the sums. */
static choice decide(const wick_plan_prices *c, wick_plan *plan, double price) {
    choice sum = {0};
    for (int kind = 0; kind < WICK_LAYER_KINDS; kind++) {
        unsigned best_set = 1;
        choice best = {0};
        bool found = false;
        for (unsigned set = 1; set < 1u << c->kinds[kind].n; set++) {
            choice here;
            if (!try_set(c, kind, set, price, &here))
                continue;
            if (!found || here.cycles + price * (double)here.bytes <
                              best.cycles + price * (double)best.bytes) {
                best = here;
                best_set = set;
                found = true;
            }
        }
        for (int l = 0; l < c->net->n_layers; l++)
            if (c->net->layers[l].kind == kind)
                plan->layers[l].kernel = c->kinds[kind].kernel[best_of(c, l, best_set, price)];
        sum.cycles += best.cycles;
        sum.bytes += best.bytes;
    }
    return sum;
}

bool wick_plan_choose_kernels(wick_plan *plan, const wick_plan_prices *prices,
                              int64_t flash_limit) {
    const double dearest = 1e9; /* cycles for a byte: size above all */
    double low = 0, high = dearest;
    if (plan->options.optimise == WICK_OPTIMISE_SIZE)
        low = dearest;
    if (decide(prices, plan, low).bytes <= flash_limit || low == dearest)
        return false;
    for (int i = 0; i < PRICE_STEPS; i++) {
        /* Prices of interest span many powers of ten. */
        double middle = i ? sqrt(fmax(low, 1e-9) * high) : 1;
        if (decide(prices, plan, middle).bytes > flash_limit)
            low = middle;
        else
            high = middle;
    }
    decide(prices, plan, high);
    return true;
}

void wick_plan_pack_weights(wick_plan *plan) {
    for (int l = 0; l < plan->net->n_layers; l++) {
        wick_layer *layer = &plan->layers[l];
        uint32_t words = wick_weights_words(layer);
        if (!words)
            continue;
        uint32_t *packed = wick_new(plan->arena, uint32_t, words);
        wick_weights_pack(layer, packed);
        layer->packed = packed;
        layer->weights = NULL;
    }
}
