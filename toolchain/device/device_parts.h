/* Inside of device: what the files that read profiles share. */
#ifndef WICK_DEVICE_PARTS_H
#define WICK_DEVICE_PARTS_H

#include "device/device.h"

/* {"value": x, "source": "..."} with x in [min, max] and a source that is not empty. */
wick_status wick_device_number(wick_json_at at, const char *key, double min, double max,
                               double *out);
wick_status wick_device_integer(wick_json_at at, const char *key, int64_t min, int64_t max,
                                int64_t *out);

/* "kernels" of a profile, in it or in the table that it names; with a table device->hash covers
   both texts (device_kernels.c). */
wick_status wick_device_read_kernels(wick_json_at root, wick_device *device);

#endif
