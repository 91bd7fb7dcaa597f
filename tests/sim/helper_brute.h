/* The clairvoyant's bound against the best of all schedules, tried one by one in the exact
   simulator on tiny worlds. */
#ifndef HELPER_BRUTE_H
#define HELPER_BRUTE_H

#include <stdbool.h>

typedef enum brute_kind {
    BRUTE_PLAIN,
    BRUTE_RECOMPUTING, /* modules that begin with the extractor */
    BRUTE_WAITING,     /* spans that wait for charge, and are joined where it is there */
    BRUTE_IMPATIENT    /* the same, and the engine tires of waiting */
} brute_kind;

typedef struct brute_worlds {
    brute_kind kind;
    int cases; /* seeds from 1 on */
    /* Shares: of worlds whose schedules were all tried, of these where the best equals the bound,
       and of the bounds that the best schedules reach. */
    double least_whole, least_equal, least_reached;
    bool diode; /* behind one: what arrives depends on the charge */
} brute_worlds;

/* A test; *state: its brute_worlds. Fails where a schedule beats the bound. */
void brute_try(void **state);
/* A test of one world in which an answer takes turning from one module to the other. */
void brute_turn(void **state);
/* A test of worlds in which the engine tires of waiting, and then begins every span at once. */
void brute_tire(void **state);
/* A test of worlds that leak: what an answer may take is near what it takes in a run. */
void brute_leak(void **state);
/* One that pays its boot at once and leaks. */
void brute_boot(void **state);

#endif
