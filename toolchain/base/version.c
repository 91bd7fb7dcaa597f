#include "base/base.h"

const char *wick_version(void) {
    return WICK_VERSION;
}
