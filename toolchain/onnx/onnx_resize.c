/* Resize and Upsample to the nearest pixel. Where every pixel is repeated equally often this is
   RESIZE; any other choice is a Gather for each dimension, with indices worked out here (ONNX
   operators, Resize). */
#include "onnx_import.h"

#include <math.h>
#include <string.h>

typedef enum coordinates {
    ASYMMETRIC,
    ALIGN_CORNERS,
    HALF_PIXEL,
    PYTORCH_HALF_PIXEL,
    HALF_PIXEL_SYMMETRIC,
    COORDINATES
} coordinates;

typedef enum rounding { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL, ROUNDINGS } rounding;

typedef struct resize {
    coordinates coordinates;
    rounding rounding;
    int64_t size[WICK_MAX_RANK];
    double scale[WICK_MAX_RANK];
} resize;

/* Index of the attribute's text among `names`; `fallback` without the attribute. */
static wick_status read_choice(wick_onnx_import *im, const char *attribute,
                               const char *const *names, int n, int fallback, int *out) {
    const char *text;
    WICK_TRY(wick_onnx_attr_text(im, attribute, &text));
    *out = text ? 0 : fallback;
    while (text && *out < n && strcmp(names[*out], text) != 0)
        ++*out;
    return *out < n ? WICK_OK
                    : wick_onnx_unsupported(im, "resize to the nearest pixel", "%s '%s'", attribute,
                                            text);
}

static wick_status read_modes(wick_onnx_import *im, resize *r) {
    static const char *const modes[] = {"nearest"}, *const policies[] = {"stretch"};
    static const char *const places[COORDINATES] = {[ASYMMETRIC] = "asymmetric",
                                                    [ALIGN_CORNERS] = "align_corners",
                                                    [HALF_PIXEL] = "half_pixel",
                                                    [PYTORCH_HALF_PIXEL] = "pytorch_half_pixel",
                                                    [HALF_PIXEL_SYMMETRIC] =
                                                        "half_pixel_symmetric"};
    static const char *const roundings[ROUNDINGS] = {[PREFER_FLOOR] = "round_prefer_floor",
                                                     [PREFER_CEIL] = "round_prefer_ceil",
                                                     [FLOOR] = "floor",
                                                     [CEIL] = "ceil"};
    int64_t antialias = 0;
    int only, place, round;
    /* Until opset 10 there was only one way. */
    bool early = im->opset < 11;
    WICK_TRY(read_choice(im, "mode", modes, 1, 0, &only));
    WICK_TRY(read_choice(im, "keep_aspect_ratio_policy", policies, 1, 0, &only));
    WICK_TRY(read_choice(im, "coordinate_transformation_mode", places, COORDINATES,
                         early ? ASYMMETRIC : HALF_PIXEL, &place));
    WICK_TRY(read_choice(im, "nearest_mode", roundings, ROUNDINGS, early ? FLOOR : PREFER_FLOOR,
                         &round));
    WICK_TRY(wick_onnx_attr_int(im, "antialias", &antialias));
    r->coordinates = (coordinates)place;
    r->rounding = (rounding)round;
    return antialias ? wick_onnx_unsupported(im, NULL, "it filters (antialias)") : WICK_OK;
}

/* Scales (attribute of Upsample 7, or an input) or sizes, of all dimensions or of `axes`. */
static wick_status read_sizes(wick_onnx_import *im, wick_shape x, resize *r) {
    const Onnx__AttributeProto *attribute = NULL;
    const int64_t *list;
    int64_t n_axes, n_scales = 0, n_sizes = 0, *sizes = NULL;
    float *scales = NULL;
    for (size_t i = 0; i < im->node->n_attribute; i++)
        if (!strcmp(im->node->attribute[i]->name, "scales"))
            attribute = im->node->attribute[i];
    WICK_TRY(wick_onnx_attr_ints(im, "axes", &list, &n_axes));
    int at = im->node->n_input > 2 ? 2 : 1;
    if (attribute) {
        n_scales = (int64_t)attribute->n_floats;
        scales = attribute->floats;
    } else if (!wick_onnx_input(im, 3)) {
        WICK_TRY(wick_onnx_const_floats(im, at, &scales, &n_scales));
    } else {
        WICK_TRY(wick_onnx_const_ints(im, 3, &sizes, &n_sizes));
    }
    int64_t n = n_axes ? n_axes : x.rank;
    if ((n_scales != n && n_sizes != n) || n > x.rank)
        return wick_onnx_unsupported(im, NULL, "%lld scales or sizes for %lld dimensions",
                                     (long long)(n_scales ? n_scales : n_sizes), (long long)n);
    for (int d = 0; d < x.rank; d++) {
        r->size[d] = x.dim[d];
        r->scale[d] = 1;
    }
    for (int64_t i = 0; i < n; i++) {
        int d;
        WICK_TRY(wick_onnx_axis(im, n_axes ? list[i] : i, x.rank, &d));
        double scale = sizes ? (double)sizes[i] / (double)x.dim[d] : (double)scales[i];
        double size = sizes ? (double)sizes[i] : floor((double)x.dim[d] * scale);
        if (!(size >= 1 && size <= 1 << 16 && scale > 0))
            return wick_onnx_unsupported(im, NULL, "dimension %d becomes %g", d, size);
        r->size[d] = (int64_t)size;
        r->scale[d] = scale;
    }
    return WICK_OK;
}

/* The place in x that index i of the result shows. */
static double place_of(const resize *r, int64_t i, int64_t in, int64_t out, double scale) {
    double half = ((double)i + 0.5) / scale - 0.5;
    switch (r->coordinates) {
    case ASYMMETRIC:
        return (double)i / scale;
    case ALIGN_CORNERS:
        return out > 1 ? (double)i * (double)(in - 1) / (double)(out - 1) : 0;
    case PYTORCH_HALF_PIXEL:
        return out > 1 ? half : 0;
    case HALF_PIXEL_SYMMETRIC:
        return (double)in / 2 * (1 - (double)out / (scale * (double)in)) + half;
    default:
        return half;
    }
}

static int64_t nearest(const resize *r, double place, int64_t in) {
    double chosen = r->rounding == PREFER_FLOOR  ? ceil(place - 0.5)
                    : r->rounding == PREFER_CEIL ? floor(place + 0.5)
                    : r->rounding == FLOOR       ? floor(place)
                                                 : ceil(place);
    return chosen < 0 ? 0 : chosen >= (double)in ? in - 1 : (int64_t)chosen;
}

/* How often every pixel is repeated when that is all; 0 otherwise. */
static int repeats(const int64_t *indices, int64_t in, int64_t out) {
    int64_t times = out / in;
    for (int64_t i = 0; i < out && times * in == out; i++)
        if (indices[i] != i / times)
            return 0;
    return times * in == out ? (int)times : 0;
}

wick_status wick_onnx_convert_resize(wick_onnx_import *im) {
    resize r;
    WICK_TRY(read_modes(im, &r));
    if (im->blind)
        return WICK_OK;
    int t, times[WICK_MAX_RANK];
    wick_shape x;
    int64_t *indices[WICK_MAX_RANK];
    WICK_TRY(wick_onnx_shaped(im, 0, &t, &x));
    WICK_TRY(read_sizes(im, x, &r));
    bool plain = x.rank == 4;
    for (int d = 0; d < x.rank; d++) {
        WICK_TRY(wick_onnx_afford(im, 2 * r.size[d], sizeof(int64_t)));
        indices[d] = wick_new(im->scratch, int64_t, r.size[d]);
        for (int64_t i = 0; i < r.size[d]; i++)
            indices[d][i] = nearest(&r, place_of(&r, i, x.dim[d], r.size[d], r.scale[d]), x.dim[d]);
        times[d] = repeats(indices[d], x.dim[d], r.size[d]);
        plain = plain && (d < 2 ? times[d] == 1 : times[d] > 0);
    }
    wick_attrs a = wick_attrs_default();
    if (plain) {
        a.kernel[0] = times[2];
        a.kernel[1] = times[3];
        return wick_onnx_emit(im, WICK_OP_RESIZE, &t, 1, &a);
    }
    int last = x.rank - 1;
    while (last >= 0 && times[last] == 1)
        last--;
    if (last < 0)
        return wick_onnx_alias(im, 0);
    for (a.axis = 0; a.axis <= last; a.axis++) {
        int d = a.axis, in[2] = {t, -1};
        if (times[d] == 1)
            continue;
        in[1] =
            wick_onnx_new_const(im, ".indices", WICK_S64, (wick_shape){1, {r.size[d]}}, indices[d]);
        if (d == last)
            return wick_onnx_emit(im, WICK_OP_GATHER, in, 2, &a);
        const char *suffix = wick_arena_printf(im->scratch, ".axis%d", d);
        WICK_TRY(wick_onnx_step(im, suffix, WICK_OP_GATHER, in, 2, &a, &t));
    }
    return WICK_OK;
}
