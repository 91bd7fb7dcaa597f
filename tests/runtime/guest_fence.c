/* One 4 KB page without access before, between and behind the arenas. Armv7-M: seven MPU regions
   without access over the default map. Armv8-M cannot forbid a privileged read, so there the MPU
   lists what is allowed: code, SRAM and the arenas. RISC-V: seven locked PMP entries. PC: mprotect.
 */
#include "guest_fence.h"

enum { PAGE = 4096, STEP = PAGE + FENCE_BYTES };

#if defined(__unix__)
#include <stdlib.h>
#include <sys/mman.h>

static int8_t *memory;

void fence_close(void) {
    memory = mmap(NULL, FENCE_ARENAS * STEP + PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    for (int i = 0; i <= FENCE_ARENAS; i++)
        if (mprotect(memory + i * STEP, PAGE, PROT_NONE) != 0)
            abort();
}

#else
static __attribute__((section(".nvm"), aligned(PAGE))) int8_t memory[FENCE_ARENAS * STEP + PAGE];
#endif

int8_t *fence_arena(int index) {
    return memory + index * STEP + PAGE;
}

#if defined(__arm__)
#define SCB_CCR (*(volatile uint32_t *)0xE000ED14u)
#define MPU_CTRL (*(volatile uint32_t *)0xE000ED94u)
#define MPU_RNR (*(volatile uint32_t *)0xE000ED98u)
#define MPU_RBAR (*(volatile uint32_t *)0xE000ED9Cu)
#define MPU_RASR (*(volatile uint32_t *)0xE000EDA0u) /* Armv8-M: RLAR */

#if __ARM_ARCH >= 8
extern uint8_t _code_start[], _sram_start[], _stack_top[];

static void allow(uint32_t region, uintptr_t start, uintptr_t end, int writable) {
    MPU_RNR = region;
    MPU_RBAR =
        (uint32_t)start | (writable ? 1u : 4u); /* privileged write, never executed; or read-only */
    MPU_RASR = (uint32_t)(end - 32) | 1u;
}

void fence_close(void) {
    uintptr_t code = (uintptr_t)_code_start;
    *(volatile uint32_t *)0xE000EDC0u = 0xFF; /* attribute 0: normal memory */
    allow(0, code, code + (512u << 10), 0);
    allow(1, (uintptr_t)_sram_start, (uintptr_t)_stack_top, 1);
    for (int i = 0; i < FENCE_ARENAS; i++)
        allow((uint32_t)i + 2, (uintptr_t)fence_arena(i), (uintptr_t)fence_arena(i) + FENCE_BYTES,
              1);
    MPU_CTRL = 1;
    __asm__ volatile("dsb\n isb" ::: "memory");
}
#else
void fence_close(void) {
    for (uint32_t i = 0; i <= FENCE_ARENAS; i++) {
        MPU_RNR = i;
        MPU_RBAR = (uint32_t)(uintptr_t)(memory + i * STEP);
        MPU_RASR = 11u << 1 | 1u; /* 2^12 bytes, no access */
    }
    MPU_CTRL = 1u | 4u; /* over the default map */
#if __ARM_ARCH == 6
    SCB_CCR |= 1u << 3; /* UNALIGN_TRP */
#endif
    __asm__ volatile("dsb\n isb" ::: "memory");
}
#endif
#endif

#if defined(__riscv)
#define SET_CSR(name, value)                                                                       \
    __asm__ volatile(".option push\n.option arch, +zicsr\ncsrw " name                              \
                     ", %0\n.option pop" ::"r"(value)                                              \
                     : "memory")
/* 4 KB, naturally aligned power of two */
#define SET_ADDRESS(i)                                                                             \
    SET_CSR("pmpaddr" #i, ((uint32_t)(uintptr_t)(memory + (i)*STEP) >> 2) | (PAGE / 8 - 1))

void fence_close(void) {
    const uint32_t none = 0x98; /* locked, NAPOT, no access */
    SET_ADDRESS(0);
    SET_ADDRESS(1);
    SET_ADDRESS(2);
    SET_ADDRESS(3);
    SET_ADDRESS(4);
    SET_ADDRESS(5);
    SET_ADDRESS(6);
    SET_CSR("pmpcfg0", none | none << 8 | none << 16 | none << 24);
    SET_CSR("pmpcfg1", none | none << 8 | none << 16);
}
#endif
