/* SPDX-License-Identifier: 0BSD */
/* From reset to main, and what follows when it returns: the core sleeps at `halt`. */
    .section .start,"ax",@progbits
    .globl _start
    .type _start,@function
_start:
    mov #_stack_top, r1
    mov #0x5a80, &0x015c    /* watchdog off: WDTPW | WDTHOLD (FR5xx, FR6xx, F5xx) */
    mov #_data_start, r12
    mov #_data_load, r13
    mov #_data_bytes, r14
    call #memcpy
    mov #_bss_start, r12
    clr r13
    mov #_bss_bytes, r14
    call #memset
    call #main
    .globl halt
    .type halt,@function
halt:
    bis #0x10, r2           /* CPUOFF */
    jmp halt

    .section .vector,"a",@progbits
    .short _start
