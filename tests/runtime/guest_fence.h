/* Memory of an emulated core (or of the PC) between stretches that trap every access: what lies at
   an end of an arena cannot be overrun unnoticed, not even by a read. */
#ifndef GUEST_FENCE_H
#define GUEST_FENCE_H

#include <stdint.h>

enum { FENCE_ARENAS = 6, FENCE_BYTES = 128 << 10 };

/* From here on the bytes right before and right behind every arena trap; also unaligned accesses on
   a core that stands for a Cortex-M0+. */
void fence_close(void);
/* FENCE_BYTES, aligned to 4096. */
int8_t *fence_arena(int index);

#endif
