#include "base/status.h"

#include <assert.h>

static const struct {
    const char *name, *text;
    int exit_status;
} table[WICK_STATUS_COUNT] = {
#define X(name_, exit_status_, text_) {#name_, text_, exit_status_},
    WICK_STATUS_TABLE(X)
#undef X
};

const char *wick_status_name(wick_status status) {
    assert(status < WICK_STATUS_COUNT);
    return table[status].name;
}

const char *wick_status_text(wick_status status) {
    assert(status < WICK_STATUS_COUNT);
    return table[status].text;
}

int wick_status_exit(wick_status status) {
    assert(status < WICK_STATUS_COUNT);
    return table[status].exit_status;
}
