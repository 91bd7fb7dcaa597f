/* SPDX-License-Identifier: 0BSD */
/* The helpers that clang calls with -mhwmult=16bit (multiplier at 0x0130: F1xx, F2xx, F4xx) and
   -mhwmult=f5series (at 0x04C0: F5xx, F6xx, FR5xx, FR6xx). Interrupts are off while the multiplier
   holds something, for at most 45 cycles. */

    .macro function name
    .section .text.\name,"ax",@progbits
    .globl \name
    .type \name,@function
\name:
    .endm

    .macro multiplier suffix, base
/* r12 = r12 * r13 */
    function __mspabi_mpyi_\suffix
    mov r2, r11
    dint
    nop
    mov r12, &\base         /* MPY */
    mov r13, &\base + 8     /* OP2 */
    mov &\base + 10, r12    /* RESLO */
    mov r11, r2
    nop
    ret

/* r13:r12 = r13:r12 * r15:r14 */
    function __mspabi_mpyl_\suffix
    mov r2, r11
    dint
    nop
    push r10
    mov r12, &\base
    mov r14, &\base + 8
    mov &\base + 10, r10
    mov &\base + 12, &\base + 10    /* the high word goes on as the low one */
    mov r12, &\base + 4             /* MAC */
    mov r15, &\base + 8
    mov r13, &\base + 4
    mov r14, &\base + 8
    mov &\base + 10, r13
    mov r10, r12
    pop r10
    mov r11, r2
    nop
    ret

    function __mspabi_mpyll_\suffix
    br #__mspabi_mpyll
    .endm

    multiplier hw, 0x0130
    multiplier f5hw, 0x04c0
