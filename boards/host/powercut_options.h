/* SPDX-License-Identifier: 0BSD */
/* Options and output that powercut.c and powercut_flash.c share, and the fault that both can plant.
 */
#ifndef WICK_POWERCUT_OPTIONS_H
#define WICK_POWERCUT_OPTIONS_H

#include "powercut_cases.h"

typedef struct powercut_options {
    const char *replay;
    uint32_t seeded, part, parts, rounds, pairs;
    int exhaustive, plant, mapped;
} powercut_options;

/* Of `rig` too: module, seed, voltage, and what the memory is like. */
powercut_options powercut_parse(int argc, char **argv);
/* The rig's memory beside the NVM, its policy and, from the file, its input. */
void powercut_set_up(const char *input);
/* The test of the test: moves a tensor that a span writes onto the one that its first step reads.
   An uninterrupted run does not notice; a failure in the middle of the write does. */
void plant_write_after_read(void);
/* One field of the report. */
void powercut_print(const char *name, const tally *t);

#endif
