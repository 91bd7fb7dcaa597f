/* Inside of plan: what the search looks up again instead of adding it up (plan_memo.c). Kernels,
   places in SRAM, capacitors and chains are tried one after the other, and most layers are the same
   in most of them. */
#ifndef WICK_PLAN_MEMO_H
#define WICK_PLAN_MEMO_H

#include "plan/plan_parts.h"

/* A step beside a boot that has to read its operands again. */
typedef struct wick_plan_piece {
    wick_cost step, reload;
    wick_plan_draw draw; /* of both */
    int64_t scratch;     /* beside the arena, bytes */
    uint32_t count, rows;
} wick_plan_piece;

/* What a layer is planned with besides its geometry. */
typedef struct wick_plan_setting {
    uint64_t resident; /* a bit for each operand with a place in SRAM, the highest for the output */
    uint8_t kernel;
    bool known; /* false: too many operands, or nothing yet; equal to no other */
} wick_plan_setting;
wick_plan_setting wick_plan_setting_of(const wick_plan_costs *costs, int layer);

/* Steps of one layer: all that counts of one is how many outputs it has and of how many input
   rows. */
typedef struct wick_plan_pieces {
    wick_plan_setting of;
    wick_plan_piece *list;
    int n, cap;
    int32_t *slots; /* [n_slots] of the hash, index into list + 1; 0: free */
    uint32_t n_slots;
} wick_plan_pieces;
/* Forgets what belongs to another setting. */
void wick_plan_pieces_open(wick_plan_pieces *pieces, const wick_plan_costs *costs, int layer);
/* Index into pieces->list, which may move. The layer must be the opened one. */
int wick_plan_piece_of(wick_plan_pieces *pieces, const wick_plan_costs *costs, wick_step step);
void wick_plan_pieces_free(wick_plan_pieces *pieces);

/* What dividing a layer takes, as wick_pack_layer found it. */
typedef struct wick_plan_division {
    wick_plan_setting of;
    wick_pack_limits limits;
    wick_pack_room room;
    double expected; /* INFINITY: impossible */
} wick_plan_division;

typedef struct wick_plan_layer_memo {
    wick_plan_pieces pieces;
    wick_plan_division *divisions;
    int n;
} wick_plan_layer_memo;

/* For one network, and one device with its capacitor: layers[n_layers], the caller's; all 0 at the
   beginning. */
struct wick_plan_memo {
    wick_plan_layer_memo *layers;
    int n_layers;
};
wick_plan_memo wick_plan_memo_new(int n_layers);
void wick_plan_memo_free(wick_plan_memo *memo);

/* NULL: not known. */
const wick_plan_division *wick_plan_known(const wick_plan_layer_memo *memo,
                                          const wick_plan_setting *of,
                                          const wick_pack_limits *limits, int64_t scratch);
void wick_plan_remember(wick_plan_layer_memo *memo, const wick_plan_division *division);

#endif
