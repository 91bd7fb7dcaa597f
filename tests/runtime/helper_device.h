/* An emulated device: NVM with its worst legal behaviour, power cuts by longjmp, injected port
   errors, and a log of what left the device. */
#ifndef HELPER_DEVICE_H
#define HELPER_DEVICE_H

#include <wick/port.h>

#include <setjmp.h>
#include <stdint.h>

enum { DEVICE_BYTES = 4096, DEVICE_RESULTS = 64, DEVICE_CLASSES = 8 };

typedef struct device_result {
    uint32_t epoch;
    uint8_t module;
    uint16_t label;
    uint32_t age_ms;
    int8_t logits[DEVICE_CLASSES];       /* int8 */
    int16_t wide_logits[DEVICE_CLASSES]; /* int16 */
    int wide;                            /* which of the two */
} device_result;

typedef struct device {
    /* Written memory as the CPU sees it, and what a power failure would leave. They differ only
       when `reorder`: then writes since the last barrier survive a cut in any subset. */
    int8_t current[DEVICE_BYTES], durable[DEVICE_BYTES];
    uint32_t unit; /* bytes written at once; the unit in flight at a cut becomes garbage */
    int reorder;
    uint64_t random;  /* state of the garbage */
    uint64_t writes;  /* units written since power-up of the first boot */
    uint64_t cut_at;  /* power fails in the middle of this unit, counted from 1; 0 = never */
    jmp_buf *power;   /* where a cut goes */
    uint64_t calls;   /* port calls that may fail */
    uint64_t fail_at; /* this call reports an error; 0 = never */
    int fail_late;    /* a write or barrier that fails has done its work nevertheless */
    uint32_t mv;      /* what the port reads of the capacitor; 0 = unknown */
    int mv_wavers;    /* readings are random, around TINY_NEED_MV */
    uint32_t sleeps;  /* calls of the port's sleep */
    uint32_t mv_rise; /* of the voltage in one of them */
    int has_clock;    /* that survives */
    uint32_t clock_ms;
    void (*on_result)(struct device *d); /* in the port's result call, may be NULL */
    device_result results[DEVICE_RESULTS];
    uint32_t n_results;
    wick_port port;
} device;

/* Memory full of seeded garbage without any record. mapped: the port's NVM can be loaded from. */
void device_make(device *d, uint32_t unit, int reorder, int mapped, uint64_t seed);
/* Power comes back: what was not durable is decided by chance. */
void device_power_cycle(device *d);

#endif
