/* wick describe --device: a profile. */
#ifndef WICK_CLI_DESCRIBE_DEVICE_H
#define WICK_CLI_DESCRIBE_DEVICE_H

#include "base/base.h"

#include <stdbool.h>

/* Prints what a profile says: supplies, memories, and each kernel's estimated cycles. */
wick_status cli_describe_device(const char *name, bool json, wick_diag *diag);

#endif
