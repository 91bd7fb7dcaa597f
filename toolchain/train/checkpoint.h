/* The side file of a training run: everything from which it goes on bit-exactly. The order of the
   images and the augmentation are functions of (seed, stage, epoch), so the position is the whole
   random state; a begun epoch starts over.

   Layout, integers little-endian:
     8  magic "WICKTRN" and version byte (3)        8  bytes of the payload       payload
     32 SHA-256 of everything before it
   payload: identity (3 SHA-256: options, data, graph; u32 length and text of the backend, u32
   ranks), position
   (u32 stage, u32 epochs done in it, f64 seconds, i64 run id), then per head f64 best validation
   and u32 best epoch, per part f64 best score, then three lists of arrays (u32 count; each u32
   length and name, u64 floats, data): current constants of the stage's graph, the
   optimiser's state in plain layout, constants of the best family so far. */
#ifndef WICK_CHECKPOINT_H
#define WICK_CHECKPOINT_H

#include "train/stage.h"

/* What must be the same for a run to go on. */
typedef struct wick_identity {
    wick_hash options, data, graph; /* options: without the number of threads */
    const char *backend;            /* with the number of threads; may differ where `ranks` does */
    int ranks;                      /* may differ: the result then has other bits */
} wick_identity;

/* Where a run stands. */
typedef struct wick_position {
    int stage, epochs_done; /* in that stage */
    double seconds;         /* of training, all sessions */
    int64_t run_id;
    double
        best_validation[WICK_MAX_HEADS]; /* of the best epoch, by head of the family; < 0: none */
    int best_epoch[WICK_MAX_HEADS];      /* 1-based */
    double best_score[WICK_MAX_HEADS];   /* by part of the current stage; < 0: none */
} wick_position;

/* SHA-256 over names, operators, attributes, shapes, constants and heads of a graph. */
wick_hash wick_graph_identity(const wick_graph *graph);

/* Writes the state atomically. stage->graph must hold the current weights (wick_program_export). */
wick_status wick_checkpoint_write(const char *path, const wick_identity *identity,
                                  const wick_position *position, wick_stage *stage,
                                  const wick_graph *best, wick_diag *diag);

typedef struct wick_checkpoint wick_checkpoint;
/* Reads a file into `arena`: NOT_FOUND, RANGE, IO. */
wick_status wick_checkpoint_read(const char *path, wick_arena *arena, wick_bytes *bytes,
                                 wick_diag *diag);
/* Checks what was read (`path` is for messages), and takes `arena` with it over, also on failure:
   TRUNCATED when it is shorter than it says; SYNTAX when it is no such file or its checksum is
   wrong; MISMATCH names what differs from `identity`. Free with wick_checkpoint_free. */
wick_status wick_checkpoint_open(const char *path, wick_arena *arena, wick_bytes bytes,
                                 const wick_identity *identity, wick_checkpoint **out,
                                 wick_diag *diag);
/* How many ranks wrote it. */
int wick_checkpoint_ranks(const wick_checkpoint *checkpoint);
void wick_checkpoint_free(wick_checkpoint *checkpoint);
wick_position wick_checkpoint_position(const wick_checkpoint *checkpoint);
/* Puts the best family so far into `best` (all float constants). */
wick_status wick_checkpoint_best(const wick_checkpoint *checkpoint, wick_graph *best,
                                 wick_diag *diag);
/* Puts current weights and the optimiser's state into a freshly built stage and its program. */
wick_status wick_checkpoint_apply(const wick_checkpoint *checkpoint, wick_stage *stage,
                                  wick_diag *diag);

#endif
