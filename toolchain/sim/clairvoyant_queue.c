/* The clairvoyant's queues of outstanding inputs, and what time makes of them. Bit i is set when
   the input that arrived i periods before the latest one is outstanding; the bit above these: the
   queue of a device that is off is full of inputs, also of those whose deadline is over, and takes
   no new one. */
#include "sim/clairvoyant_sweep.h"

int bound_open(const bound *b, int queue) {
    int n = 0;
    for (int mask = queue & ((1 << b->most_open) - 1); mask; mask &= mask - 1)
        n++;
    return n;
}

int bound_oldest(const bound *b, int queue) {
    int at = -1;
    for (int i = 0; i < b->most_open; i++)
        at = queue >> i & 1 ? i : at;
    return at;
}

int bound_arrived(const bound *b, int j) {
    return (j + b->slots - 1) / b->slots;
}

/* The inputs of `queue` that are gone when `gone` are; *row: of the oldest. */
static int without(const bound *b, int queue, int gone, int *row) {
    int at = bound_oldest(b, queue);
    if (at >= 0 && gone >> at & 1)
        *row = 0;
    return queue & ~gone;
}

/* Features that are too old are not used: behind that age only work on a module goes on. */
static int too_old(const bound *b, int j, int mask, int row) {
    int at = bound_oldest(b, mask), newest = bound_arrived(b, j) - 1, gone = 0;
    for (int i = 0; b->fresh && i <= at; i++)
        if (j - (newest - i) * b->slots >= b->fresh && (i < at || row < b->rows.extracted))
            gone |= 1 << i;
    return gone & mask;
}

/* The old input that makes room for a new one; 0: none, the new one goes. */
static int old_one(const bound *b, int mask, bool spared) {
    int oldest = 1 << bound_oldest(b, mask), next = bound_oldest(b, mask & ~oldest);
    return !spared ? oldest : next >= 0 ? 1 << next : 0;
}

int bound_queue_behind(const bound *b, int j, int mode, int queue, bool spared, int *row) {
    int masks = 1 << b->most_open, mask = queue & (masks - 1), last = masks >> 1;
    bool stuck = queue >= masks, lost = false;
    if (j >= b->deadline && (j - b->deadline) % b->slots == 0) {
        if (mode == OFF && b->off_drops_new && mask & last)
            stuck = stuck || bound_open(b, mask) >= b->room;
        mask = without(b, mask, mask & last, row);
    }
    mask = without(b, mask, too_old(b, j, mask, *row), row);
    if (j % b->slots == 0 && j < b->n) {
        if (b->drops_new) {
            lost = stuck || bound_open(b, queue) >= b->room;
        } else if (bound_open(b, mask) >= b->room) {
            int gone = old_one(b, mask, spared);
            lost = gone == 0;
            mask = without(b, mask, gone, row);
        }
        stuck = stuck || (mode == OFF && b->off_drops_new && lost);
        lost = lost || (mode == OFF && b->needs_power);
        mask = mask << 1 & (masks - 1);
        mask |= !lost;
    }
    return mask + (stuck ? masks : 0);
}

int bound_queue_off(const bound *b, int queue, int *row) {
    bool begun = *row > 0 && *row >= b->rows.taken && *row < b->rows.extracted;
    return b->off_forgets && begun ? without(b, queue, 1 << bound_oldest(b, queue), row) : queue;
}
