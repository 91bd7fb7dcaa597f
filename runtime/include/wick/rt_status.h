/* SPDX-License-Identifier: 0BSD */
/* Status codes of the device runtime. Values are stable: they appear in logs of deployed devices.
 */
#ifndef WICK_RT_STATUS_H
#define WICK_RT_STATUS_H

/* X(name, value, text) */
#define WICK_RT_STATUS_TABLE(X)                                                                    \
    X(OK, 0, "done")                                                                               \
    X(IDLE, 1, "no input to work on")                                                              \
    X(BUSY, 2, "a span was committed, more is to do")                                              \
    X(WAIT, 3, "the capacitor does not yet carry the next span")                                   \
    X(RESULT, 4, "a module's result was published")                                                \
    X(FRESH, 5, "no valid record: the memory was formatted")                                       \
    X(RESUMED, 6, "an interrupted input goes on")                                                  \
    X(FOREIGN, 7, "another model's memory was found and formatted")                                \
    X(DROPPED, 8, "the input became too old: dropped without an answer")                           \
    X(OFF, 9, "nothing to do before the capacitor is charged: the power may be cut")               \
    X(CORRUPT, -1, "a record or a buffer failed its checksum")                                     \
    X(NVM, -2, "the port reports a memory fault")                                                  \
    X(ARGUMENT, -3, "a size or an argument does not match the model")                              \
    X(PORT, -4, "the port's sensor or result call failed")

typedef enum wick_rt_status {
#define X(name, value, text) WICK_RT_##name = (value),
    WICK_RT_STATUS_TABLE(X)
#undef X
} wick_rt_status;

#endif
