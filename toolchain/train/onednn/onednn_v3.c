/* Primitive descriptors with oneDNN 3.x: one call each. */
#include "train/onednn/onednn_shim.h"

#if DNNL_VERSION_MAJOR >= 3

static wick_dn_pd finish(wick_dn *dn, dnnl_status_t status, dnnl_primitive_desc_t pd,
                         const char *what) {
    return wick_dn_check(dn, status, what) ? wick_dn_own(dn, pd, WICK_DN_PD) : NULL;
}

wick_dn_pd wick_dn_conv_forward(wick_dn *dn, const wick_dn_window *window, wick_dn_md src,
                                wick_dn_md weights, wick_dn_md bias, wick_dn_md dst) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_primitive_desc_t pd = NULL;
    if (window->relu &&
        !(wick_dn_check(dn, dnnl_primitive_attr_create(&attr), "set an attribute") &&
          wick_dn_check(dn, dnnl_post_ops_create(&ops), "set an attribute") &&
          wick_dn_check(dn, dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0, 0),
                        "set an attribute") &&
          wick_dn_check(dn, dnnl_primitive_attr_set_post_ops(attr, ops), "set an attribute")))
        goto out;
    dnnl_status_t status = dnnl_convolution_forward_primitive_desc_create(
        &pd, dn->engine, dnnl_forward_training, window->algorithm, src, weights, bias, dst,
        window->stride, window->dilation, window->pad_begin, window->pad_end, attr);
    pd = finish(dn, status, pd, "convolve forward");
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
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_convolution_backward_data_primitive_desc_create(
        &pd, dn->engine, window->algorithm, diff_src, weights, diff_dst, window->stride,
        window->dilation, window->pad_begin, window->pad_end, forward, NULL);
    return finish(dn, status, pd, "convolve backward to data");
}

wick_dn_pd wick_dn_conv_backward_weights(wick_dn *dn, const wick_dn_window *window, wick_dn_md src,
                                         wick_dn_md diff_weights, wick_dn_md diff_bias,
                                         wick_dn_md diff_dst, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_convolution_backward_weights_primitive_desc_create(
        &pd, dn->engine, window->algorithm, src, diff_weights, diff_bias, diff_dst, window->stride,
        window->dilation, window->pad_begin, window->pad_end, forward, NULL);
    return finish(dn, status, pd, "convolve backward to weights");
}

wick_dn_pd wick_dn_fc_forward(wick_dn *dn, wick_dn_md src, wick_dn_md weights, wick_dn_md bias,
                              wick_dn_md dst) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_inner_product_forward_primitive_desc_create(
        &pd, dn->engine, dnnl_forward_training, src, weights, bias, dst, NULL);
    return finish(dn, status, pd, "multiply forward");
}

wick_dn_pd wick_dn_fc_backward_data(wick_dn *dn, wick_dn_md diff_src, wick_dn_md weights,
                                    wick_dn_md diff_dst, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_inner_product_backward_data_primitive_desc_create(
        &pd, dn->engine, diff_src, weights, diff_dst, forward, NULL);
    return finish(dn, status, pd, "multiply backward to data");
}

wick_dn_pd wick_dn_fc_backward_weights(wick_dn *dn, wick_dn_md src, wick_dn_md diff_weights,
                                       wick_dn_md diff_bias, wick_dn_md diff_dst,
                                       wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_inner_product_backward_weights_primitive_desc_create(
        &pd, dn->engine, src, diff_weights, diff_bias, diff_dst, forward, NULL);
    return finish(dn, status, pd, "multiply backward to weights");
}

wick_dn_pd wick_dn_norm_forward(wick_dn *dn, bool training, wick_dn_md src, float epsilon,
                                unsigned flags) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_batch_normalization_forward_primitive_desc_create(
        &pd, dn->engine, training ? dnnl_forward_training : dnnl_forward_inference, src, src,
        epsilon, flags, NULL);
    return finish(dn, status, pd, "normalise forward");
}

wick_dn_pd wick_dn_norm_backward(wick_dn *dn, bool weights, wick_dn_md src, float epsilon,
                                 unsigned flags, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_batch_normalization_backward_primitive_desc_create(
        &pd, dn->engine, weights ? dnnl_backward : dnnl_backward_data, src, src, src, epsilon,
        flags, forward, NULL);
    return finish(dn, status, pd, "normalise backward");
}

bool wick_dn_norm_backward_takes_shift(void) {
    return false;
}

wick_dn_pd wick_dn_eltwise_forward(wick_dn *dn, dnnl_alg_kind_t algorithm, wick_dn_md src,
                                   float alpha, float beta) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_eltwise_forward_primitive_desc_create(
        &pd, dn->engine, dnnl_forward_training, algorithm, src, src, alpha, beta, NULL);
    return finish(dn, status, pd, "activate forward");
}

wick_dn_pd wick_dn_eltwise_backward(wick_dn *dn, dnnl_alg_kind_t algorithm, wick_dn_md data,
                                    float alpha, float beta, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_eltwise_backward_primitive_desc_create(
        &pd, dn->engine, algorithm, data, data, data, alpha, beta, forward, NULL);
    return finish(dn, status, pd, "activate backward");
}

wick_dn_pd wick_dn_pool_forward(wick_dn *dn, bool training, const wick_dn_window *window,
                                wick_dn_md src, wick_dn_md dst) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_pooling_forward_primitive_desc_create(
        &pd, dn->engine, training ? dnnl_forward_training : dnnl_forward_inference,
        window->algorithm, src, dst, window->stride, window->kernel, window->dilation,
        window->pad_begin, window->pad_end, NULL);
    return finish(dn, status, pd, "pool forward");
}

wick_dn_pd wick_dn_pool_backward(wick_dn *dn, const wick_dn_window *window, wick_dn_md diff_src,
                                 wick_dn_md diff_dst, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_pooling_backward_primitive_desc_create(
        &pd, dn->engine, window->algorithm, diff_src, diff_dst, window->stride, window->kernel,
        window->dilation, window->pad_begin, window->pad_end, forward, NULL);
    return finish(dn, status, pd, "pool backward");
}

wick_dn_pd wick_dn_softmax_forward(wick_dn *dn, wick_dn_md src, int axis) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_softmax_forward_primitive_desc_create(
        &pd, dn->engine, dnnl_forward_training, dnnl_softmax_accurate, src, src, axis, NULL);
    return finish(dn, status, pd, "compute softmax forward");
}

wick_dn_pd wick_dn_softmax_backward(wick_dn *dn, wick_dn_md dst, int axis, wick_dn_pd forward) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_softmax_backward_primitive_desc_create(
        &pd, dn->engine, dnnl_softmax_accurate, dst, dst, dst, axis, forward, NULL);
    return finish(dn, status, pd, "compute softmax backward");
}

wick_dn_pd wick_dn_concat(wick_dn *dn, int axis, int n, const wick_dn_md *srcs, wick_dn_md dst) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status =
        dnnl_concat_primitive_desc_create(&pd, dn->engine, dst, n, axis, srcs, NULL);
    return finish(dn, status, pd, "concatenate");
}

wick_dn_pd wick_dn_reorder(wick_dn *dn, wick_dn_md src, wick_dn_md dst) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status =
        dnnl_reorder_primitive_desc_create(&pd, src, dn->engine, dst, dn->engine, NULL);
    return finish(dn, status, pd, "change a layout");
}

#endif
