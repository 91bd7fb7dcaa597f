/* Numbers for people: bytes, energies, large counts. */
#ifndef WICK_UNITS_H
#define WICK_UNITS_H

#include "base/arena.h"

#include <stdint.h>

/* "812 B", "12.3 KB", "1.05 MB" (1 KB = 1024 bytes); in `arena`. */
char *wick_text_bytes(wick_arena *arena, double bytes);
/* "12.3 nJ", "12.3 µJ", "12.34 mJ", "1.23 J"; in `arena`. */
char *wick_text_energy(wick_arena *arena, double uj);
/* "1,234,567"; in `arena`. */
char *wick_text_count(wick_arena *arena, int64_t value);

#endif
