/* SPDX-License-Identifier: 0BSD */
/* The few semihosting calls that a guest needs: text out, a file in, the command line, exit.
   Cortex-M and RISC-V. */
#ifndef WICK_SEMIHOST_H
#define WICK_SEMIHOST_H

#include <stdint.h>

void semihost_put(const char *text);
void semihost_put_number(int32_t value);
/* The command line (arguments joined by spaces) into text[size]; 0 on success. */
int semihost_command_line(char *text, uint32_t size);
/* Reads exactly `bytes` of a host file; 0 on success. */
int semihost_read_file(const char *path, void *dst, uint32_t bytes);
void semihost_exit(int status) __attribute__((noreturn));

/* Called by the start-up code after a fault or trap, before the guest ends with status 3. A guest
   may define it to say where it was. */
void board_on_fault(void);

#endif
