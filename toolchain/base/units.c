#include "base/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

char *wick_text_bytes(wick_arena *arena, double bytes) {
    if (bytes < 1024)
        return wick_arena_printf(arena, "%.0f B", bytes);
    if (bytes < 1024 * 1024)
        return wick_arena_printf(arena, "%.1f KB", bytes / 1024);
    return wick_arena_printf(arena, "%.2f MB", bytes / (1024 * 1024));
}

char *wick_text_energy(wick_arena *arena, double uj) {
    double size = fabs(uj);
    if (size < 1)
        return wick_arena_printf(arena, "%.1f nJ", uj * 1e3);
    if (size < 1e3)
        return wick_arena_printf(arena, "%.1f µJ", uj);
    if (size < 1e6)
        return wick_arena_printf(arena, "%.2f mJ", uj / 1e3);
    return wick_arena_printf(arena, "%.2f J", uj / 1e6);
}

char *wick_text_count(wick_arena *arena, int64_t value) {
    char digits[24], text[40];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    size_t len = strlen(digits), at = 0;
    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0 && digits[i - 1] != '-')
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return wick_arena_strdup(arena, text);
}
