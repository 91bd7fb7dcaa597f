/* Devices of the search for schedules (clairvoyant_search.h), and what they can do in an interval.
 */
#ifndef WICK_CLAIRVOYANT_MOVES_H
#define WICK_CLAIRVOYANT_MOVES_H

#include "sim/app_loop.h"
#include "sim/clairvoyant_search.h"

/* What a device was told, in a tree: copies share what was said before. */
typedef struct said {
    double until_s;
    int before; /* -1: nothing */
    int told;   /* devices and words that come right behind it; none: it is free */
    uint16_t spans;
    uint8_t kind, module;
} said;

/* A copy of the simulated device. */
typedef struct device {
    program program;
    wick_sim_result result;
    int last;     /* word; -1: none */
    double score; /* so far, with the answer of the input in work */
    double value; /* with all that may come at most */
    uint64_t key; /* of its state, but for score and charge */
} device;

typedef struct crowd {
    device **of;
    int n, room;
} crowd;

typedef struct search {
    const search_scene *scene;
    crowd *at; /* [n + 1] devices at instants */
    crowd spare;
    said *said;
    int n_said, room_said, free_said; /* free_said: the first of those that are free, in `before` */
    double score;                     /* the best at the end of time; or what is to be beaten */
    int best;                         /* its last word; -1: none */
    int widest;
    long turns;
    bool cut;
    wick_sim_action next; /* what the device at hand is told */
    replay looks;
} search;

/* Where devices come from and go to (clairvoyant_search.c). */
device *search_copy(search *s, const device *from);
void search_drop(search *s, device *d);
/* Takes over a device that the interval at hand is over for. */
void search_arrive(search *s, device *d);
/* One turn, with an action where the device is powered. False: the device is gone, as its power
   failed (to be switched off is as good, and says when it boots), or the time is over. */
bool search_turn(search *s, device *d, wick_sim_action action);
/* Off until then. False: the time is over. */
bool search_stay_off(search *s, device *d, double until_s);
/* A device that is off was told to be so until at_s. */
void search_off_until(search *s, device *d, double at_s);
/* Has the input in work still an answer to get? */
bool search_open(const program *p);

/* All that a device at instant j can do until the next one. Off: stay so, or boot, at once or as
   late as leaves time for an answer (or to be on for the next input). On: sleep, be switched off,
   give up the input in work for one that waits; or work, at once or when there is charge enough, as
   far as the charge goes or some spans less, and then one of these. What is too late is given up.
 */
void search_moves(search *s, device *from, int j);

#endif
