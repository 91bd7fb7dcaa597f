/* Numbers of profiles: {"value": x, "source": "..."}; internal to toolchain/device. */
#ifndef WICK_PROFILE_NUMBER_H
#define WICK_PROFILE_NUMBER_H

#include "base/base.h"

/* A number within [min, max] that has a source; else the diagnostic names the field. */
wick_status profile_number(wick_json_at at, const char *key, double min, double max, double *out);

#endif
