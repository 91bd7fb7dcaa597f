/* Random families, their quantization from reference evaluation, and the layer-by-layer comparison.
 */
#ifndef HELPER_QDQ_H
#define HELPER_QDQ_H

#include "shrink/qdq.h"

/* A constant of normal numbers times `gain`, or of the given values. */
int helper_normal(wick_graph *graph, wick_rng *rng, const char *name, wick_shape shape,
                  double gain);
int helper_constant(wick_graph *graph, const char *name, wick_shape shape, const float *values);

/* x -> Conv with random weights and bias; `groups` as wick_attrs. Returns the output tensor. */
int helper_conv(wick_graph *graph, wick_rng *rng, int x, const char *name, int in_c, int out_c,
                wick_attrs attrs);
int helper_gemm(wick_graph *graph, wick_rng *rng, int x, const char *name, int in_c, int out_c);
int helper_unary(wick_graph *graph, wick_op op, int x, const char *name);
wick_attrs helper_window(int kernel, int stride, int pad);

/* An empty graph with input "x" [1,c,h,w], normalised to mean 128/255 and std 0.5. */
wick_graph *helper_graph(int c, int h, int w);
/* Names the heads TM1, TM2 ... and infers and segments. */
void helper_finish(wick_graph *graph, int features, const int *heads, int n_heads);

/* A family with every operator of the device in it; sizes, strides and paddings vary with the seed.
 */
wick_graph *helper_family(uint64_t seed);

/* Random pixels of the graph's input, [H,W,C], and the same normalised, [C,H,W]. */
void helper_image(const wick_graph *graph, wick_rng *rng, uint8_t *pixels, float *input);

/* Random images of the graph's size, HELPER_IMAGES in every split, and one as the graph wants it
   [C,H,W]; in `arena`. */
enum { HELPER_IMAGES = 40 };
wick_data *helper_data(const wick_graph *graph, int classes, wick_arena *arena);
float *helper_normalised(const wick_graph *graph, const wick_data *data, wick_split split, int i,
                         wick_arena *arena);

/* Min-max ranges over `images` random images by reference evaluation, then wick_qdq_insert. */
wick_graph *helper_quantize(const wick_graph *graph, uint64_t seed, int images);
/* The same with 16 bits for the activations that `options` want so; NULL: for none. */
wick_graph *helper_quantize_wide(const wick_graph *graph, uint64_t seed, int images,
                                 const wick_quantize_options *options);

/* The QDQ graph evaluated by the reference; every layer of the integer network is given the
   reference's quantized inputs. Outputs compared, those that differ, and the largest difference. */
typedef struct helper_difference {
    int64_t outputs, different, by_kind[WICK_LAYER_KINDS], largest[WICK_LAYER_KINDS];
} helper_difference;
void helper_compare(const wick_graph *qdq, const wick_qnet *net, const float *input,
                    helper_difference *difference);

/* The same for so many random images. */
void helper_compare_images(const wick_graph *qdq, const wick_qnet *net, uint64_t seed, int images,
                           helper_difference *difference);

/* [C,H,W] int8, uint8 or int16 of the graph -> [H,W,C] int8 or int16 of the device. */
void helper_to_device(const wick_qtensor *tensor, const void *src, wick_dtype dtype, int8_t *dst);

#endif
