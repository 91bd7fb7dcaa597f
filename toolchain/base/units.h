/* Numbers for people: bytes, energies, large counts; and quantities that people write. */
#ifndef WICK_UNITS_H
#define WICK_UNITS_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* "812 B", "12.3 KB", "1.05 MB" (1 KB = 1024 bytes); in `arena`. */
char *wick_text_bytes(wick_arena *arena, double bytes);
/* "12.3 nJ", "12.3 µJ", "12.34 mJ", "1.23 J"; in `arena`. */
char *wick_text_energy(wick_arena *arena, double uj);
/* "1,234,567"; in `arena`. */
char *wick_text_count(wick_arena *arena, int64_t value);

/* "35.0 nW", "120.5 µW", "1.20 mW", "1.20 W"; in `arena`. */
char *wick_text_power(wick_arena *arena, double uw);
/* "35.0 µs", "12.3 ms", "4.50 s", "12.5 min", "30.1 h", "3.2 years" (of 365.25 days); in `arena`.
 */
char *wick_text_time(wick_arena *arena, double s);

/* strtod without hexadecimal: "0x10" is the number 0, and "x10" behind it. */
double wick_strtod(const char *text, char **end);
/* Exactly n numbers with commas between them, nothing behind. */
bool wick_parse_numbers(const char *text, int n, double *out);

/* "0.5mW", "20 uW", "1e-3W" in µW: a number >= 0, finite, and one of nW, uW, µW, mW, W; the unit
   must be there. "30s", "1.5 min" in seconds: us, µs, ms, s, min, h, d. False: *out is not set. */
bool wick_parse_power_uw(const char *text, double *out);
bool wick_parse_time_s(const char *text, double *out);
/* "2mJ", "350 uJ" in µJ: nJ, uJ, µJ, mJ, J. "64K", "1.5 MB", "9782" in bytes: B (or nothing), K or
   KB (1024), M or MB. The number > 0; below 2^53 bytes, rounded down. */
bool wick_parse_energy_uj(const char *text, double *out);
bool wick_parse_bytes(const char *text, int64_t *out);
/* "4/h", "0.5 /min": how often, in times a second; > 0, "/" and one of s, min, h, d. */
bool wick_parse_rate_hz(const char *text, double *out);

#endif
