/* SPDX-License-Identifier: 0BSD */
#include "semihost.h"

#include <string.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20,
    STOPPED_APPLICATION_EXIT = 0x20026
};

#if defined(__riscv)
/* The three full-size instructions by which an emulator knows the call; within one page. */
__attribute__((naked, noinline, aligned(16))) static int32_t call(uint32_t operation,
                                                                  const void *argument) {
    (void)operation;
    (void)argument;
    __asm__ volatile(".option push\n.option norvc\nslli zero, zero, 0x1f\nebreak\n"
                     "srai zero, zero, 7\n.option pop\nret");
}
#else
static int32_t call(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}
#endif

void semihost_put(const char *text) {
    call(SYS_WRITE0, text);
}

void semihost_put_number(int32_t value) {
    char text[12];
    uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    int at = 11;
    text[at] = '\0';
    do {
        text[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude);
    if (value < 0)
        text[--at] = '-';
    semihost_put(text + at);
}

int semihost_command_line(char *text, uint32_t size) {
    uint32_t block[2] = {(uint32_t)(uintptr_t)text, size};
    return call(SYS_GET_CMDLINE, block);
}

int32_t semihost_open(const char *path, int write) {
    uint32_t block[3] = {(uint32_t)(uintptr_t)path, write ? 5 /* "wb" */ : 1 /* "rb" */,
                         (uint32_t)strlen(path)};
    return call(SYS_OPEN, block);
}

int semihost_read(int32_t file, void *dst, uint32_t bytes) {
    uint32_t block[3] = {(uint32_t)file, (uint32_t)(uintptr_t)dst, bytes};
    return call(SYS_READ, block) == 0 ? 0 : -1;
}

int semihost_write(int32_t file, const void *src, uint32_t bytes) {
    uint32_t block[3] = {(uint32_t)file, (uint32_t)(uintptr_t)src, bytes};
    return call(SYS_WRITE, block) == 0 ? 0 : -1;
}

void semihost_close(int32_t file) {
    uint32_t block[1] = {(uint32_t)file};
    call(SYS_CLOSE, block);
}

int semihost_read_file(const char *path, void *dst, uint32_t bytes) {
    int32_t file = semihost_open(path, 0);
    if (file < 0)
        return -1;
    int status = semihost_read(file, dst, bytes);
    semihost_close(file);
    return status;
}

void semihost_exit(int status) {
    uint32_t block[2] = {STOPPED_APPLICATION_EXIT, (uint32_t)status};
    call(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}
