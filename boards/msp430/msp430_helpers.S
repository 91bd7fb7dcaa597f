/* SPDX-License-Identifier: 0BSD */
/* What clang calls on the MSP430 and Debian brings no library for: helpers of the MSP430 EABI (Texas
   Instruments SLAA534), memcpy and memset. Without the hardware multiplier, so that interrupt
   handlers may use it. One section each: the linker keeps what is used. A call may change r11 to
   r15 and the flags. */

    .macro function name
    .section .text.\name,"ax",@progbits
    .globl \name
    .type \name,@function
\name:
    .endm

    .macro negate low, high
    inv \low
    inv \high
    add #1, \low
    adc \high
    .endm

/* r12 = r12 * r13. Takes as long as the magnitude of r13 has bits. */
    function __mspabi_mpyi
    clr r14
    tst r13
    jge 2f
    inv r12                 /* x * y = (-x) * (-y) */
    add #1, r12
    inv r13
    add #1, r13
    jmp 2f
1:  add r12, r12
2:  clrc
    rrc r13
    jnc 3f
    add r12, r14
3:  tst r13
    jne 1b
    mov r14, r12
    ret

/* r13:r12 = r13:r12 * r15:r14. Takes as long as the magnitude of r15:r14 has bits. */
    function __mspabi_mpyl
    push r10
    clr r10
    clr r11
    tst r15
    jge 2f
    negate r12, r13
    negate r14, r15
    jmp 2f
1:  add r12, r12
    addc r13, r13
2:  clrc
    rrc r15
    rrc r14
    jnc 3f
    add r12, r10
    addc r13, r11
3:  tst r14
    jne 1b
    tst r15
    jne 1b
    mov r10, r12
    mov r11, r13
    pop r10
    ret

/* r15:r12 = r11:r8 * r15:r12, four words each. */
    function __mspabi_mpyll
    push r10
    push r9
    push r8
    push r7
    push r6
    push r5
    push r4
    clr r4
    clr r5
    clr r6
    clr r7
    jmp 2f
1:  add r8, r8
    addc r9, r9
    addc r10, r10
    addc r11, r11
2:  clrc
    rrc r15
    rrc r14
    rrc r13
    rrc r12
    jnc 3f
    add r8, r4
    addc r9, r5
    addc r10, r6
    addc r11, r7
3:  tst r12
    jne 1b
    tst r13
    jne 1b
    tst r14
    jne 1b
    tst r15
    jne 1b
    mov r4, r12
    mov r5, r13
    mov r6, r14
    mov r7, r15
    pop r4
    pop r5
    pop r6
    pop r7
    pop r8
    pop r9
    pop r10
    ret

/* r15:r12 = r11:r8 / r15:r12, four words each, unsigned. */
    function __mspabi_divull
    push r10
    push r9
    push r8
    push r7
    push r6
    push r5
    push r4
    clr r4
    clr r5
    clr r6
    clr r7
    push #64
1:  add r8, r8
    addc r9, r9
    addc r10, r10
    addc r11, r11
    addc r4, r4
    addc r5, r5
    addc r6, r6
    addc r7, r7
    jc 2f
    cmp r15, r7
    jlo 3f
    jne 2f
    cmp r14, r6
    jlo 3f
    jne 2f
    cmp r13, r5
    jlo 3f
    jne 2f
    cmp r12, r4
    jlo 3f
2:  sub r12, r4
    subc r13, r5
    subc r14, r6
    subc r15, r7
    bis #1, r8
3:  sub #1, 0(r1)
    jne 1b
    add #2, r1
    mov r8, r12
    mov r9, r13
    mov r10, r14
    mov r11, r15
    pop r4
    pop r5
    pop r6
    pop r7
    pop r8
    pop r9
    pop r10
    ret

/* r12 = r12 / r13, r14 = r12 % r13, unsigned. */
    function __mspabi_divu
    clr r14
    mov #16, r15
1:  add r12, r12
    addc r14, r14
    jc 2f
    cmp r13, r14
    jlo 3f
2:  sub r13, r14
    bis #1, r12
3:  sub #1, r15
    jne 1b
    ret

    function __mspabi_remu
    call #__mspabi_divu
    mov r14, r12
    ret

/* The same, signed; the quotient goes towards 0, the remainder has the sign of the dividend. */
    function __mspabi_divi
    push r10
    mov r12, r10
    call #wick_msp430_absolute
    xor r13, r10            /* r13 still has its sign */
    tst r13
    jge 1f
    inv r13
    add #1, r13
1:  call #__mspabi_divu
    tst r10
    jge 2f
    inv r12
    add #1, r12
2:  pop r10
    ret

    function __mspabi_remi
    push r10
    mov r12, r10
    call #wick_msp430_absolute
    tst r13
    jge 1f
    inv r13
    add #1, r13
1:  call #__mspabi_divu
    mov r14, r12
    tst r10
    jge 2f
    inv r12
    add #1, r12
2:  pop r10
    ret

    function wick_msp430_absolute
    tst r12
    jge 1f
    inv r12
    add #1, r12
1:  ret

/* r13:r12 = r13:r12 / r15:r14, unsigned. */
    function __mspabi_divul
    push r10
    push r9
    push r8
    call #wick_msp430_divide
    pop r8
    pop r9
    pop r10
    ret

    function __mspabi_remul
    push r10
    push r9
    push r8
    call #wick_msp430_divide
    mov r9, r12
    mov r10, r13
    pop r8
    pop r9
    pop r10
    ret

/* The same, signed. */
    function __mspabi_divli
    push r10
    push r9
    push r8
    push r13
    push r15
    call #wick_msp430_absolutes
    call #wick_msp430_divide
    pop r15
    pop r11
    xor r11, r15
    tst r15                 /* xor leaves a V of its own */
    jge 1f
    negate r12, r13
1:  pop r8
    pop r9
    pop r10
    ret

    function __mspabi_remli
    push r10
    push r9
    push r8
    push r13
    call #wick_msp430_absolutes
    call #wick_msp430_divide
    mov r9, r12
    mov r10, r13
    pop r11
    tst r11
    jge 1f
    negate r12, r13
1:  pop r8
    pop r9
    pop r10
    ret

    function wick_msp430_absolutes
    tst r13
    jge 1f
    negate r12, r13
1:  tst r15
    jge 2f
    negate r14, r15
2:  ret

/* r13:r12 = r13:r12 / r15:r14, the remainder in r10:r9; changes r8. */
    function wick_msp430_divide
    clr r9
    clr r10
    mov #32, r8
1:  add r12, r12
    addc r13, r13
    addc r9, r9
    addc r10, r10
    jc 2f
    cmp r15, r10
    jlo 3f
    jne 2f
    cmp r14, r9
    jlo 3f
2:  sub r14, r9
    subc r15, r10
    bis #1, r12
3:  sub #1, r8
    jne 1b
    ret

/* r13:r12 shifted by r14. */
    function __mspabi_slll
    tst r14
    jeq 2f
1:  add r12, r12
    addc r13, r13
    sub #1, r14
    jne 1b
2:  ret

    function __mspabi_srll
    tst r14
    jeq 2f
1:  clrc
    rrc r13
    rrc r12
    sub #1, r14
    jne 1b
2:  ret

    function __mspabi_sral
    tst r14
    jeq 2f
1:  rra r13
    rrc r12
    sub #1, r14
    jne 1b
2:  ret

/* r15:r12 shifted by the word on the stack. */
    function __ashldi3
    mov 2(r1), r11
    tst r11
    jeq 2f
1:  add r12, r12
    addc r13, r13
    addc r14, r14
    addc r15, r15
    sub #1, r11
    jne 1b
2:  ret

    function __lshrdi3
    mov 2(r1), r11
    tst r11
    jeq 2f
1:  clrc
    rrc r15
    rrc r14
    rrc r13
    rrc r12
    sub #1, r11
    jne 1b
2:  ret

    function __ashrdi3
    mov 2(r1), r11
    tst r11
    jeq 2f
1:  rra r15
    rrc r14
    rrc r13
    rrc r12
    sub #1, r11
    jne 1b
2:  ret

/* memcpy(r12, r13, r14) and memset(r12, r13, r14), byte by byte; both return r12. */
    function memcpy
    mov r12, r15
    tst r14
    jeq 2f
1:  mov.b @r13+, r11
    mov.b r11, 0(r15)
    add #1, r15
    sub #1, r14
    jne 1b
2:  ret

    function memset
    mov r12, r15
    tst r14
    jeq 2f
1:  mov.b r13, 0(r15)
    add #1, r15
    sub #1, r14
    jne 1b
2:  ret
