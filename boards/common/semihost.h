/* SPDX-License-Identifier: 0BSD */
/* The few semihosting calls that a guest needs: text out, files in and out, the command line, exit.
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
/* A host file for reading, or emptied for writing: its handle, below 0 when that fails. */
int32_t semihost_open(const char *path, int write);
/* Exactly `bytes`, from where the last call ended; 0 on success. */
int semihost_read(int32_t file, void *dst, uint32_t bytes);
int semihost_write(int32_t file, const void *src, uint32_t bytes);
void semihost_close(int32_t file);
void semihost_exit(int status) __attribute__((noreturn));

/* Called by the start-up code after a fault or trap, before the guest ends with status 3. A guest
   may define it to say where it was. */
void board_on_fault(void);

#endif
