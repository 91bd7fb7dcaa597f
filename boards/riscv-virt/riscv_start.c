/* SPDX-License-Identifier: 0BSD */
/* Reset of QEMU's RISC-V `virt` machine, in machine mode. SRAM is poisoned, as after a real power
   failure nothing in it can be trusted; NVM is left alone. */
#include "semihost.h"

#include <stdint.h>

extern uint32_t _stack_top[], _sram_start[], _data_start[], _data_end[], _data_load[], _bss_start[],
    _bss_end[];

int main(void);
void _start(void);
void riscv_reset(void) __attribute__((noreturn));

__attribute__((weak)) void board_on_fault(void) {}

__attribute__((aligned(4))) static void fault_handler(void) {
    semihost_put("FAULT\n");
    board_on_fault();
    semihost_exit(3);
}

__attribute__((naked, section(".vectors"))) void _start(void) {
    __asm__ volatile(".option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
                     "la sp, _stack_top\nj riscv_reset");
}

void riscv_reset(void) {
    uintptr_t stack_pointer;
    __asm__ volatile("mv %0, sp" : "=r"(stack_pointer));
    for (volatile uint32_t *p = _sram_start; (uintptr_t)p < stack_pointer; p++)
        *p = 0xA5DEADA5u;
    __asm__ volatile(
        ".option push\n.option arch, +zicsr\ncsrw mtvec, %0\n.option pop" ::"r"(fault_handler));
    const uint32_t *from = _data_load;
    for (uint32_t *to = _data_start; to < _data_end; to++)
        *to = *from++;
    for (uint32_t *to = _bss_start; to < _bss_end; to++)
        *to = 0;
    semihost_exit(main());
}
