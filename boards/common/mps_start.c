/* SPDX-License-Identifier: 0BSD */
/* Reset of a Cortex-M on an MPS board. SRAM is poisoned, as after a real power failure nothing in
   it can be trusted; NVM is left alone. */
#include "semihost.h"

#include <stdint.h>

extern uint32_t _stack_top[], _sram_start[], _data_start[], _data_end[], _data_load[], _bss_start[],
    _bss_end[];

int main(void);
void Reset_Handler(void);
void SysTick_Handler(void);

__attribute__((weak)) void board_on_fault(void) {}

static void fault_handler(void) {
    semihost_put("FAULT\n");
    board_on_fault();
    semihost_exit(3);
}

/* A program with a timer has its own. */
__attribute__((weak)) void SysTick_Handler(void) {
    fault_handler();
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    _stack_top,
    (const void *)Reset_Handler,
    (const void *)fault_handler,
    (const void *)fault_handler,
    (const void *)fault_handler,
    (const void *)fault_handler,
    (const void *)fault_handler,
    (const void *)fault_handler,
    0,
    0,
    0,
    (const void *)fault_handler,
    (const void *)fault_handler,
    0,
    (const void *)fault_handler,
    (const void *)SysTick_Handler};

void Reset_Handler(void) {
    uintptr_t stack_pointer;
    __asm__ volatile("mov %0, sp" : "=r"(stack_pointer));
    /* Everything below this function's own frame. */
    for (volatile uint32_t *p = _sram_start; (uintptr_t)p < stack_pointer; p++)
        *p = 0xA5DEADA5u;
    /* CPACR: FPU and vector unit are on, the compiler may use them. Without effect where there are
       none. */
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
    const uint32_t *from = _data_load;
    for (uint32_t *to = _data_start; to < _data_end; to++)
        *to = *from++;
    for (uint32_t *to = _bss_start; to < _bss_end; to++)
        *to = 0;
    semihost_exit(main());
}
