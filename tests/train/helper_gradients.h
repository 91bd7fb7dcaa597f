/* Gradients of every parameter of a net against finite differences. The loss is a random linear
   form of the outputs, summed in double, so its noise is that of the float outputs: about 1e-7
   times the root of their number, 2e-6 here. */
#ifndef WICK_HELPER_GRADIENTS_H
#define WICK_HELPER_GRADIENTS_H

#include "helper_program.h"

/* How the loss depends on one parameter decides step and tolerance:
   LINEAR  exactly linear: a step of 0.25 leaves only noise, 2e-6 / 0.5.
   SMOOTH  four-point differences with a step of 0.03: error h^4 f5 / 30 + noise / h, below 1e-3.
   WINOGRAD the same by Winograd's algorithm, which oneDNN uses for larger batches only; its error
           and the larger sum make the noise 1e-4.
   KINKED  ReLU and maxima: a step of 2e-3, noise 1e-3; a parameter at which the one-sided
           differences disagree sits at a kink and is passed over, at most a fifth of them. */
typedef enum smoothness { LINEAR, WINOGRAD, SMOOTH, KINKED } smoothness;

/* Checks 40 numbers of every trainable parameter for the given outputs, and frees the net. */
void net_check(net *n, const int *outputs, int n_outputs, smoothness kind);

#endif
