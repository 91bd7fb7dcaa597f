/* Primitive descriptors with oneDNN 2.6 and 2.7: an operation descriptor first. */
#include "train/onednn/onednn_shim.h"

#if DNNL_VERSION_MAJOR == 2

static wick_dn_pd finish(wick_dn *dn, dnnl_status_t described, const_dnnl_op_desc_t desc,
                         const_dnnl_primitive_attr_t attr, wick_dn_pd hint, const char *what) {
    dnnl_primitive_desc_t pd = NULL;
    if (!wick_dn_check(dn, described, what) ||
        !wick_dn_check(dn, dnnl_primitive_desc_create(&pd, desc, attr, dn->engine, hint), what))
        return NULL;
    return wick_dn_own(dn, pd, WICK_DN_PD);
}

wick_dn_pd wick_dn_conv_forward(wick_dn *dn, const wick_dn_window *window, wick_dn_md src,
                                wick_dn_md weights, wick_dn_md bias, wick_dn_md dst) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    wick_dn_pd pd = NULL;
    if (window->relu &&
        !(wick_dn_check(dn, dnnl_primitive_attr_create(&attr), "set an attribute") &&
          wick_dn_check(dn, dnnl_post_ops_create(&ops), "set an attribute") &&
          wick_dn_check(dn, dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0, 0),
                        "set an attribute") &&
          wick_dn_check(dn, dnnl_primitive_attr_set_post_ops(attr, ops), "set an attribute")))
        goto out;
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &desc, dnnl_forward_training, window->algorithm, src, weights, bias, dst, window->stride,
        window->dilation, window->pad_begin, window->pad_end);
    pd = finish(dn, status, &desc, attr, NULL, "convolve forward");
out:
    if (ops)
        dnnl_post_ops_destroy(ops);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return pd;
}

wick_dn_pd wick_dn_conv_backward_data(wick_dn *dn, const wick_dn_window *window,
                                      wick_dn_md diff_src, wick_dn_md weights, wick_dn_md diff_dst,
                                      wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_backward_data_desc_init(
        &desc, window->algorithm, diff_src, weights, diff_dst, window->stride, window->dilation,
        window->pad_begin, window->pad_end);
    return finish(dn, status, &desc, NULL, forward, "convolve backward to data");
}

wick_dn_pd wick_dn_conv_backward_weights(wick_dn *dn, const wick_dn_window *window, wick_dn_md src,
                                         wick_dn_md diff_weights, wick_dn_md diff_bias,
                                         wick_dn_md diff_dst, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_backward_weights_desc_init(
        &desc, window->algorithm, src, diff_weights, diff_bias, diff_dst, window->stride,
        window->dilation, window->pad_begin, window->pad_end);
    return finish(dn, status, &desc, NULL, forward, "convolve backward to weights");
}

wick_dn_pd wick_dn_fc_forward(wick_dn *dn, wick_dn_md src, wick_dn_md weights, wick_dn_md bias,
                              wick_dn_md dst) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_inner_product_desc_t desc;
    dnnl_status_t status =
        dnnl_inner_product_forward_desc_init(&desc, dnnl_forward_training, src, weights, bias, dst);
    return finish(dn, status, &desc, NULL, NULL, "multiply forward");
}

wick_dn_pd wick_dn_fc_backward_data(wick_dn *dn, wick_dn_md diff_src, wick_dn_md weights,
                                    wick_dn_md diff_dst, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_inner_product_desc_t desc;
    dnnl_status_t status =
        dnnl_inner_product_backward_data_desc_init(&desc, diff_src, weights, diff_dst);
    return finish(dn, status, &desc, NULL, forward, "multiply backward to data");
}

wick_dn_pd wick_dn_fc_backward_weights(wick_dn *dn, wick_dn_md src, wick_dn_md diff_weights,
                                       wick_dn_md diff_bias, wick_dn_md diff_dst,
                                       wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_inner_product_desc_t desc;
    dnnl_status_t status = dnnl_inner_product_backward_weights_desc_init(&desc, src, diff_weights,
                                                                         diff_bias, diff_dst);
    return finish(dn, status, &desc, NULL, forward, "multiply backward to weights");
}

wick_dn_pd wick_dn_norm_forward(wick_dn *dn, bool training, wick_dn_md src, float epsilon,
                                unsigned flags) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_batch_normalization_desc_t desc;
    dnnl_status_t status = dnnl_batch_normalization_forward_desc_init(
        &desc, training ? dnnl_forward_training : dnnl_forward_inference, src, epsilon, flags);
    return finish(dn, status, &desc, NULL, NULL, "normalise forward");
}

wick_dn_pd wick_dn_norm_backward(wick_dn *dn, bool weights, wick_dn_md src, float epsilon,
                                 unsigned flags, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_batch_normalization_desc_t desc;
    dnnl_status_t status = dnnl_batch_normalization_backward_desc_init(
        &desc, weights ? dnnl_backward : dnnl_backward_data, src, src, epsilon, flags);
    return finish(dn, status, &desc, NULL, forward, "normalise backward");
}

bool wick_dn_norm_backward_takes_shift(void) {
    return true;
}

wick_dn_pd wick_dn_eltwise_forward(wick_dn *dn, dnnl_alg_kind_t algorithm, wick_dn_md src,
                                   float alpha, float beta) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_eltwise_desc_t desc;
    dnnl_status_t status =
        dnnl_eltwise_forward_desc_init(&desc, dnnl_forward_training, algorithm, src, alpha, beta);
    return finish(dn, status, &desc, NULL, NULL, "activate forward");
}

wick_dn_pd wick_dn_eltwise_backward(wick_dn *dn, dnnl_alg_kind_t algorithm, wick_dn_md data,
                                    float alpha, float beta, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_eltwise_desc_t desc;
    dnnl_status_t status =
        dnnl_eltwise_backward_desc_init(&desc, algorithm, data, data, alpha, beta);
    return finish(dn, status, &desc, NULL, forward, "activate backward");
}

wick_dn_pd wick_dn_pool_forward(wick_dn *dn, bool training, const wick_dn_window *window,
                                wick_dn_md src, wick_dn_md dst) {
    if (dn->status != WICK_OK)
        return NULL;
    /* v2 differs by the dilation, and only that of plain pooling has fast implementations. */
    dnnl_prop_kind_t prop = training ? dnnl_forward_training : dnnl_forward_inference;
    if (window->dilation[0] || window->dilation[1]) {
        dnnl_pooling_v2_desc_t desc;
        dnnl_status_t status = dnnl_pooling_v2_forward_desc_init(
            &desc, prop, window->algorithm, src, dst, window->stride, window->kernel,
            window->dilation, window->pad_begin, window->pad_end);
        return finish(dn, status, &desc, NULL, NULL, "pool forward");
    }
    dnnl_pooling_desc_t desc;
    dnnl_status_t status =
        dnnl_pooling_forward_desc_init(&desc, prop, window->algorithm, src, dst, window->stride,
                                       window->kernel, window->pad_begin, window->pad_end);
    return finish(dn, status, &desc, NULL, NULL, "pool forward");
}

wick_dn_pd wick_dn_pool_backward(wick_dn *dn, const wick_dn_window *window, wick_dn_md diff_src,
                                 wick_dn_md diff_dst, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    if (window->dilation[0] || window->dilation[1]) {
        dnnl_pooling_v2_desc_t desc;
        dnnl_status_t status = dnnl_pooling_v2_backward_desc_init(
            &desc, window->algorithm, diff_src, diff_dst, window->stride, window->kernel,
            window->dilation, window->pad_begin, window->pad_end);
        return finish(dn, status, &desc, NULL, forward, "pool backward");
    }
    dnnl_pooling_desc_t desc;
    dnnl_status_t status = dnnl_pooling_backward_desc_init(&desc, window->algorithm, diff_src,
                                                           diff_dst, window->stride, window->kernel,
                                                           window->pad_begin, window->pad_end);
    return finish(dn, status, &desc, NULL, forward, "pool backward");
}

wick_dn_pd wick_dn_softmax_forward(wick_dn *dn, wick_dn_md src, int axis) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_softmax_desc_t desc;
    dnnl_status_t status = dnnl_softmax_forward_desc_init(&desc, dnnl_forward_training, src, axis);
    return finish(dn, status, &desc, NULL, NULL, "compute softmax forward");
}

wick_dn_pd wick_dn_softmax_backward(wick_dn *dn, wick_dn_md dst, int axis, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_softmax_desc_t desc;
    dnnl_status_t status = dnnl_softmax_backward_desc_init(&desc, dst, dst, axis);
    return finish(dn, status, &desc, NULL, forward, "compute softmax backward");
}

wick_dn_pd wick_dn_concat(wick_dn *dn, int axis, int n, const wick_dn_md *srcs, wick_dn_md dst) {
    if (dn->status != WICK_OK)
        return NULL;
    wick_arena *arena = wick_arena_new();
    dnnl_memory_desc_t *descs = wick_new(arena, dnnl_memory_desc_t, n);
    for (int i = 0; i < n; i++)
        descs[i] = *srcs[i];
    dnnl_primitive_desc_t pd = NULL;
    bool made = wick_dn_check(
        dn, dnnl_concat_primitive_desc_create(&pd, dst, n, axis, descs, NULL, dn->engine),
        "concatenate");
    wick_arena_free(arena);
    return made ? wick_dn_own(dn, pd, WICK_DN_PD) : NULL;
}

wick_dn_pd wick_dn_reorder(wick_dn *dn, wick_dn_md src, wick_dn_md dst) {
    dnnl_primitive_desc_t pd = NULL;
    if (dn->status != WICK_OK ||
        !wick_dn_check(
            dn, dnnl_reorder_primitive_desc_create(&pd, src, dn->engine, dst, dn->engine, NULL),
            "change a layout"))
        return NULL;
    return wick_dn_own(dn, pd, WICK_DN_PD);
}

#endif
