/* SPDX-License-Identifier: 0BSD */
/* The two functions of the C library that the runtime uses: Debian brings none for the MSP430. */
#ifndef WICK_MSP430_STRING_H
#define WICK_MSP430_STRING_H

#include <stddef.h>

void *memcpy(void *dst, const void *src, size_t bytes);
void *memset(void *dst, int value, size_t bytes);

#endif
