/* Ctrl-C: long work asks wick_stop_requested at safe points, saves and returns WICK_INTERRUPTED. */
#ifndef WICK_STOP_H
#define WICK_STOP_H

#include <stdbool.h>

/* Installs handlers for SIGINT and SIGTERM; a second signal ends the program at once. */
void wick_stop_install(void);
bool wick_stop_requested(void);

#endif
