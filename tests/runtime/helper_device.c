#include "helper_device.h"
#include "helper_reference.h"

#include <assert.h>
#include <string.h>

/* A call that is chosen to fail. */
static int fails(device *d) {
    return ++d->calls == d->fail_at;
}

static int nvm_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    device *d = ctx;
    assert(offset <= DEVICE_BYTES && bytes <= DEVICE_BYTES - offset);
    if (fails(d)) {
        memset(dst, 0x77, bytes);
        return -1;
    }
    memcpy(dst, d->current + offset, bytes);
    return 0;
}

/* Writes whole units of the memory one after the other; the bytes of a unit that the caller does
   not write keep their values but share its fate. */
static int nvm_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    device *d = ctx;
    assert(offset <= DEVICE_BYTES && bytes <= DEVICE_BYTES - offset);
    int failing = fails(d);
    uint32_t stop = offset + bytes;
    if (failing && !d->fail_late)
        stop = offset + random_u32(&d->random) % (bytes + 1);
    const int8_t *from = src;
    for (uint32_t at = offset; at < stop;) {
        uint32_t end = (at / d->unit + 1) * d->unit;
        end = end < stop ? end : stop;
        if (++d->writes == d->cut_at) {
            for (uint32_t i = at; i < end; i++)
                d->current[i] = (int8_t)random_u32(&d->random);
            if (!d->reorder)
                memcpy(d->durable, d->current, DEVICE_BYTES);
            longjmp(*d->power, 1);
        }
        memcpy(d->current + at, from + (at - offset), end - at);
        if (!d->reorder)
            memcpy(d->durable + at, d->current + at, end - at);
        at = end;
    }
    return failing ? -1 : 0;
}

static int nvm_barrier(void *ctx) {
    device *d = ctx;
    int failing = fails(d);
    if (++d->writes == d->cut_at)
        longjmp(*d->power, 1);
    if (!failing || d->fail_late)
        memcpy(d->durable, d->current, DEVICE_BYTES);
    return failing ? -1 : 0;
}

static int deliver(void *ctx, const wick_result *result) {
    device *d = ctx;
    int failing = fails(d);
    if (failing && !d->fail_late)
        return -1;
    assert(d->n_results < DEVICE_RESULTS && result->n_classes <= DEVICE_CLASSES);
    device_result *log = &d->results[d->n_results++];
    memset(log, 0, sizeof *log);
    log->epoch = result->epoch;
    log->module = result->module;
    log->label = result->label;
    log->age_ms = result->age_ms;
    log->wide = result->wide_logits != NULL;
    assert(!log->wide || !result->logits);
    if (log->wide)
        memcpy(log->wide_logits, result->wide_logits, 2u * result->n_classes);
    else
        memcpy(log->logits, result->logits, result->n_classes);
    if (d->on_result)
        d->on_result(d);
    return failing ? -1 : 0;
}

static uint32_t capacitor_mv(void *ctx) {
    device *d = ctx;
    return d->mv_wavers ? 2000 + random_u32(&d->random) % 1000 : d->mv;
}

static int time_ms(void *ctx, uint32_t *ms) {
    device *d = ctx;
    if (d->has_clock)
        *ms = d->clock_ms;
    return d->has_clock;
}

static void sleep_ms(void *ctx, uint32_t ms) {
    device *d = ctx;
    d->sleeps++;
    d->mv += d->mv_rise;
    d->clock_ms += ms;
}

void device_make(device *d, uint32_t unit, int reorder, int mapped, uint64_t seed) {
    memset(d, 0, sizeof *d);
    d->unit = unit;
    d->reorder = reorder;
    d->random = seed * 2 + 1;
    for (uint32_t i = 0; i < DEVICE_BYTES; i++)
        d->current[i] = d->durable[i] = (int8_t)random_u32(&d->random);
    d->port = (wick_port){.ctx = d,
                          .nvm_read = nvm_read,
                          .nvm_write = nvm_write,
                          .nvm_barrier = nvm_barrier,
                          .nvm_mapped = mapped ? d->current : NULL,
                          .capacitor_mv = capacitor_mv,
                          .time_ms = time_ms,
                          .sleep = sleep_ms,
                          .result = deliver};
}

void device_power_cycle(device *d) {
    for (uint32_t at = 0; d->reorder && at < DEVICE_BYTES; at += d->unit)
        if (memcmp(d->durable + at, d->current + at, d->unit) != 0 && random_u32(&d->random) % 2)
            memcpy(d->durable + at, d->current + at, d->unit);
    memcpy(d->current, d->durable, DEVICE_BYTES);
}
