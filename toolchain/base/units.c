#include "base/base.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

char *wick_text_power(wick_arena *arena, double uw) {
    if (uw < 1)
        return wick_arena_printf(arena, "%.1f nW", uw * 1e3);
    if (uw < 1e3)
        return wick_arena_printf(arena, "%.1f µW", uw);
    return uw < 1e6 ? wick_arena_printf(arena, "%.2f mW", uw / 1e3)
                    : wick_arena_printf(arena, "%.2f W", uw / 1e6);
}

char *wick_text_time(wick_arena *arena, double s) {
    static const struct {
        double below_s, unit_s;
        const char *format;
    } forms[] = {{1e-3, 1e-6, "%.1f µs"},
                 {1, 1e-3, "%.1f ms"},
                 {300, 1, "%.2f s"},
                 {18000, 60, "%.1f min"},
                 {3600 * 24 * 60, 3600, "%.1f h"},
                 {INFINITY, 31557600, "%.1f years"}};
    size_t i = 0;
    while (i + 1 < WICK_LEN(forms) && !(s < forms[i].below_s))
        i++;
    double value = s / forms[i].unit_s;
    return value < 1e6 ? wick_arena_printf(arena, forms[i].format, value)
                       : wick_arena_printf(arena, "%.2g years", value);
}

double wick_strtod(const char *text, char **end) {
    const char *digits = text + strspn(text, " \t\n\v\f\r");
    digits += *digits == '+' || *digits == '-';
    if (digits[0] != '0' || (digits[1] != 'x' && digits[1] != 'X'))
        return strtod(text, end);
    *end = (char *)digits + 1;
    return 0;
}

bool wick_parse_numbers(const char *text, int n, double *out) {
    char *end;
    for (int i = 0; i < n; i++, text = end + 1) {
        out[i] = wick_strtod(text, &end);
        if (end == text || *end != (i + 1 < n ? ',' : '\0'))
            return false;
    }
    return true;
}

typedef struct unit_name {
    const char *name;
    double factor;
} unit_name;

static bool parse(const char *text, const unit_name *units, size_t n, double *out) {
    char *end;
    double value = wick_strtod(text, &end);
    if (end == text || !(value >= 0) || !isfinite(value))
        return false;
    end += *end == ' ';
    for (size_t i = 0; i < n; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        value *= units[i].factor;
        if (isfinite(value))
            *out = value;
        return isfinite(value);
    }
    return false;
}

bool wick_parse_power_uw(const char *text, double *out) {
    static const unit_name units[] = {{"nW", 1e-3}, {"uW", 1}, {"µW", 1}, {"mW", 1e3}, {"W", 1e6}};
    return parse(text, units, WICK_LEN(units), out);
}

bool wick_parse_time_s(const char *text, double *out) {
    static const unit_name units[] = {{"us", 1e-6}, {"µs", 1e-6}, {"ms", 1e-3}, {"s", 1},
                                      {"min", 60},  {"h", 3600},  {"d", 86400}};
    return parse(text, units, WICK_LEN(units), out);
}

bool wick_parse_energy_uj(const char *text, double *out) {
    static const unit_name units[] = {{"nJ", 1e-3}, {"uJ", 1}, {"µJ", 1}, {"mJ", 1e3}, {"J", 1e6}};
    double energy;
    if (!parse(text, units, WICK_LEN(units), &energy) || !(energy > 0))
        return false;
    *out = energy;
    return true;
}

bool wick_parse_bytes(const char *text, int64_t *out) {
    static const unit_name units[] = {
        {"", 1},     {"B", 1},     {"K", 1024},        {"KB", 1024},
        {"k", 1024}, {"kB", 1024}, {"M", 1024 * 1024}, {"MB", 1024 * 1024}};
    double bytes;
    if (!parse(text, units, WICK_LEN(units), &bytes) || !(bytes >= 1) || bytes >= 0x1p53)
        return false;
    *out = (int64_t)bytes;
    return true;
}

bool wick_parse_rate_hz(const char *text, double *out) {
    static const unit_name units[] = {
        {"/s", 1}, {"/min", 1.0 / 60}, {"/h", 1.0 / 3600}, {"/d", 1.0 / 86400}};
    double rate;
    if (!parse(text, units, WICK_LEN(units), &rate) || !(rate > 0))
        return false;
    *out = rate;
    return true;
}
