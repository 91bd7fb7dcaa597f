/* Cross-layer equalisation: the channels of an activation get ranges that are alike. Internal to
   toolchain/shrink, but wick_equalise (shrink.h).

   Where y = L2(f(L1(x))) and f(s a) = s f(a) for every s > 0, channel c of L1's output may be
   divided by s_c, and what L2 does with it be multiplied by s_c (Nagel et al., "Data-Free
   Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.1). Their
   s_c = sqrt(r1_c r2_c) / r2_c (eq. 11) makes both layers' weights alike; here weights have a scale
   for each output channel, so that L1's rows cost nothing, and what remains is the activation
   between them, with one scale: r1_c is the channel's largest magnitude over the calibration images
   (as Xiao et al., "SmoothQuant", ICML 2023, eq. 4 with alpha = 1/2), r2_c the largest share that
   one of its weights in L2 has in its row's largest. */
#ifndef WICK_EQUALISE_H
#define WICK_EQUALISE_H

#include "shrink/channel_stats.h"

/* In place, on a graph that wick_qdq_prepare made. Between L1 and its readers may lie Relu,
   LeakyRelu, pools, Concat along channels and Flatten; every reader must end in layers with weights
   of their own. Tensors whose channels were divided are called NAME/equalised. stats: of this
   graph, to be measured anew afterwards. Returns the number of layers L1. */
int wick_qdq_equalise(wick_graph *graph, wick_channel_stats *stats);

#endif
