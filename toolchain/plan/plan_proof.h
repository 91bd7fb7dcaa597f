/* What a plan promises about its NVM, in figures that can be followed by hand: which bytes a span
   reads and writes, and how long the memory lasts. Included through plan.h. */
#ifndef WICK_PLAN_PROOF_H
#define WICK_PLAN_PROOF_H

#include <stdbool.h>
#include <stdint.h>

struct wick_plan;

/* Bytes [from, to) of the region, in the place of a tensor. */
typedef struct wick_plan_extent {
    int tensor;
    bool write;
    uint32_t from, to;
} wick_plan_extent;

/* What a span may read from NVM, or writes there until its commit is done: one extent for each
   tensor and direction, outwards to whole write units for writes. Tensors that stay in SRAM count
   as if they did not: a commit may fall anywhere, and a boot reads them from NVM. out: room for
   `most`; returns how many there are (only the first `most` are stored). */
int wick_plan_extents(const struct wick_plan *plan, int span, wick_plan_extent *out, int most);

/* Freedom from write-after-read, from the extents alone (wick_plan_check follows every byte): no
   span writes what it or an earlier one read since the last mandatory commit. */
typedef struct wick_plan_proof {
    int64_t compared; /* pairs of a write and a read since the last mandatory commit */
    int mandatory;    /* commits */
    bool holds;
    int span, tensor; /* of the first write that does not */
} wick_plan_proof;
wick_plan_proof wick_plan_prove(const struct wick_plan *plan);

/* How long the memory lasts if all answers come from `module` (1..): writes of the most written
   unit in one answer (wick_plan_wear), and one more for each power failure that the energy of an
   answer makes likely. Of flash: erasures of a page, of those that its pages share out among them
   at worst (wick_device_flash_turn). */
typedef struct wick_plan_endurance {
    double writes;  /* of one unit, each answer */
    double answers; /* until its endurance is used up */
} wick_plan_endurance;
wick_plan_endurance wick_plan_endurance_of(const struct wick_plan *plan, int module);

#endif
