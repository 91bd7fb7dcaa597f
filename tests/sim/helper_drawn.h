/* Scripts of pictures, drawn. */
#ifndef HELPER_DRAWN_H
#define HELPER_DRAWN_H

#include "base/base.h"

/* gnuplot takes the script for such a picture (".svg", ".png"); where there is none, nothing is
   asked. */
void assert_drawn(const wick_buf *script, const char *suffix, int width, int height);

#endif
