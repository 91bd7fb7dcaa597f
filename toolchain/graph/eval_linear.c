#include "graph/eval.h"

/* x [N,C,H,W], w [O,C/g,kh,kw], b [O] -> y [N,O,H',W']. One output: the window over one group. */
static double conv_at(const wick_operands *o, const float *x, const float *w, int64_t row,
                      int64_t column) {
    const wick_attrs *a = o->attrs;
    const int64_t *size = o->inputs[0]->shape.dim;
    int64_t channels = o->inputs[1]->shape.dim[1];
    double sum = 0;
    for (int64_t c = 0; c < channels; c++)
        for (int ky = 0; ky < a->kernel[0]; ky++) {
            int64_t y = row * a->stride[0] - a->pad[0] + (int64_t)ky * a->dilation[0];
            if (y < 0 || y >= size[2])
                continue;
            for (int kx = 0; kx < a->kernel[1]; kx++) {
                int64_t z = column * a->stride[1] - a->pad[1] + (int64_t)kx * a->dilation[1];
                if (z < 0 || z >= size[3])
                    continue;
                sum += (double)x[(c * size[2] + y) * size[3] + z] *
                       (double)w[(c * a->kernel[0] + ky) * a->kernel[1] + kx];
            }
        }
    return sum;
}

void wick_eval_conv(const wick_operands *o) {
    const float *x = o->src[0], *w = o->src[1], *b = o->n_inputs > 2 ? o->src[2] : NULL;
    float *y = o->dst;
    const int64_t *in = o->inputs[0]->shape.dim, *out = o->output->shape.dim;
    int64_t taps = wick_shape_count(o->inputs[1]->shape) / out[1];
    int64_t group_in = in[1] / o->attrs->groups, group_out = out[1] / o->attrs->groups;
    for (int64_t n = 0; n < out[0]; n++)
        for (int64_t c = 0; c < out[1]; c++) {
            const float *group = x + (n * in[1] + c / group_out * group_in) * in[2] * in[3];
            double bias = b ? (double)b[c] : 0;
            for (int64_t row = 0; row < out[2]; row++)
                for (int64_t column = 0; column < out[3]; column++)
                    *y++ = (float)(bias + conv_at(o, group, w + c * taps, row, column));
        }
}

/* x [N,K], w [M,K], b [M] -> y [N,M]: y = x w^T + b. */
void wick_eval_gemm(const wick_operands *o) {
    const float *x = o->src[0], *w = o->src[1], *b = o->n_inputs > 2 ? o->src[2] : NULL;
    float *y = o->dst;
    int64_t rows = o->output->shape.dim[0], columns = o->output->shape.dim[1];
    int64_t depth = o->inputs[1]->shape.dim[1];
    for (int64_t n = 0; n < rows; n++)
        for (int64_t m = 0; m < columns; m++) {
            double sum = b ? (double)b[m] : 0;
            for (int64_t k = 0; k < depth; k++)
                sum += (double)x[n * depth + k] * (double)w[m * depth + k];
            *y++ = (float)sum;
        }
}
