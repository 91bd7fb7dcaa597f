/* Umbrella of toolchain/base: the only header of this folder that others include. */
#ifndef WICK_BASE_H
#define WICK_BASE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/gnuplot.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/process.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/stop.h"
#include "base/units.h"

#define WICK_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Tool version, e.g. "0.1.0". Static storage. */
const char *wick_version(void);

#endif
