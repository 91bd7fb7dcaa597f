/* SPDX-License-Identifier: 0BSD */
/* What stands beside the record: variables that join a commit, the boot tally, time stamps.
   Layouts: nvm.h. */
#include <wick/nvm.h>

enum {
    VARS_CRC_AT = WICK_VARS_BYTES - 4,
    STAMP_CRC_AT = WICK_STAMP_BYTES - 4,
    TALLY_CRC_AT = WICK_TALLY_BYTES - 4,
    TALLY_START = 0xA5 /* of its CRC: from 0, four bytes of 0xFF have the CRC 0xFFFFFFFF */
};

static uint32_t app_offset(const wick_model *model, uint8_t copy) {
    uint32_t unit = model->write_unit ? model->write_unit : 1;
    return model->vars_offset[copy] + (WICK_VARS_BYTES + unit - 1) / unit * unit;
}

static uint32_t vars_crc(const wick_model *model, const uint8_t *head, const void *app) {
    uint32_t crc = wick_crc32(0, head, VARS_CRC_AT);
    return model->app_bytes ? wick_crc32(crc, app, model->app_bytes) : crc;
}

wick_rt_status wick_vars_load(const wick_model *model, const wick_port *port, uint8_t copy,
                              wick_counters *counters, void *app) {
    uint8_t head[WICK_VARS_BYTES];
    if (port->nvm_read(port->ctx, model->vars_offset[copy], head, WICK_VARS_BYTES) != 0 ||
        (model->app_bytes != 0 &&
         port->nvm_read(port->ctx, app_offset(model, copy), app, model->app_bytes) != 0))
        return WICK_RT_NVM;
    counters->boots = wick_get32(head);
    counters->replays = wick_get32(head + 4);
    counters->dropped = wick_get32(head + 8);
    counters->faults = wick_get32(head + 12);
    return vars_crc(model, head, app) == wick_get32(head + VARS_CRC_AT) ? WICK_RT_OK
                                                                        : WICK_RT_CORRUPT;
}

wick_rt_status wick_vars_store(const wick_model *model, const wick_port *port, uint8_t copy,
                               const wick_counters *counters, const void *app) {
    uint8_t head[WICK_VARS_BYTES];
    wick_put32(head, counters->boots);
    wick_put32(head + 4, counters->replays);
    wick_put32(head + 8, counters->dropped);
    wick_put32(head + 12, counters->faults);
    wick_put32(head + 16, 0);
    wick_put32(head + VARS_CRC_AT, vars_crc(model, head, app));
    return port->nvm_write(port->ctx, model->vars_offset[copy], head, WICK_VARS_BYTES) == 0 &&
                   (model->app_bytes == 0 ||
                    port->nvm_write(port->ctx, app_offset(model, copy), app, model->app_bytes) == 0)
               ? WICK_RT_OK
               : WICK_RT_NVM;
}

wick_rt_status wick_tally_load(const wick_model *model, const wick_port *port, wick_tally *tally) {
    uint8_t p[WICK_TALLY_BYTES];
    if (port->nvm_read(port->ctx, model->tally_offset, p, sizeof p) != 0)
        return WICK_RT_NVM;
    *tally =
        (wick_tally){(uint16_t)((uint32_t)p[0] | (uint32_t)p[1] << 8), p[2] & 15u, p[2] >> 4, p[3]};
    return wick_get32(p + TALLY_CRC_AT) == wick_crc32(TALLY_START, p, TALLY_CRC_AT)
               ? WICK_RT_OK
               : WICK_RT_CORRUPT;
}

wick_rt_status wick_tally_store(const wick_model *model, const wick_port *port,
                                const wick_tally *tally) {
    uint8_t p[WICK_TALLY_BYTES];
    p[0] = (uint8_t)tally->sequence;
    p[1] = (uint8_t)(tally->sequence >> 8);
    p[2] = (uint8_t)(tally->split | tally->tries << 4);
    p[3] = tally->calm;
    wick_put32(p + TALLY_CRC_AT, wick_crc32(TALLY_START, p, TALLY_CRC_AT));
    return port->nvm_write(port->ctx, model->tally_offset, p, sizeof p) == 0 &&
                   port->nvm_barrier(port->ctx) == 0
               ? WICK_RT_OK
               : WICK_RT_NVM;
}

wick_rt_status wick_stamp_load(const wick_port *port, uint32_t offset, wick_stamp *stamp) {
    uint8_t p[WICK_STAMP_BYTES];
    if (port->nvm_read(port->ctx, offset, p, sizeof p) != 0)
        return WICK_RT_NVM;
    *stamp = (wick_stamp){wick_get32(p), wick_get32(p + 4), p[8]};
    return wick_get32(p + STAMP_CRC_AT) == wick_crc32(0, p, STAMP_CRC_AT) ? WICK_RT_OK
                                                                          : WICK_RT_CORRUPT;
}

wick_rt_status wick_stamp_store(const wick_port *port, uint32_t offset, const wick_stamp *stamp) {
    uint8_t p[WICK_STAMP_BYTES] = {0};
    wick_put32(p, stamp->time_ms);
    wick_put32(p + 4, stamp->window_ms);
    p[8] = stamp->known;
    wick_put32(p + STAMP_CRC_AT, wick_crc32(0, p, STAMP_CRC_AT));
    return port->nvm_write(port->ctx, offset, p, sizeof p) == 0 ? WICK_RT_OK : WICK_RT_NVM;
}
