/* The two markers between which count_plugin.c counts: functions that begin with four bytes that no
   compiler emits. A call of each costs the code between them nothing. */
#ifndef MARKERS_H
#define MARKERS_H

/* "mov r10, r10; mov r11, r11" and the reverse; "lui zero" with two constants (hints). */
#define MARKER_THUMB_BEGIN 0x46db46d2u
#define MARKER_THUMB_END 0x46d246dbu
#define MARKER_RISCV_BEGIN 0x77696037u
#define MARKER_RISCV_END 0x6b636037u

#if defined(__arm__)
#define MARKER_FUNCTION(name, instructions)                                                        \
    __attribute__((naked, noinline)) static void name(void) {                                      \
        __asm__ volatile(instructions "\n\tbx lr" ::: "memory");                                   \
    }
MARKER_FUNCTION(marker_begin, "mov r10, r10\n\tmov r11, r11")
MARKER_FUNCTION(marker_end, "mov r11, r11\n\tmov r10, r10")
#elif defined(__riscv)
#define MARKER_FUNCTION(name, instruction)                                                         \
    __attribute__((naked, noinline)) static void name(void) {                                      \
        __asm__ volatile(instruction "\n\tret" ::: "memory");                                      \
    }
MARKER_FUNCTION(marker_begin, "lui zero, 0x77696")
MARKER_FUNCTION(marker_end, "lui zero, 0x6b636")
#endif

#endif
