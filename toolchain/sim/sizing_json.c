/* Sizing as JSON, both ways. */
#include "sim/sim.h"

#include <math.h>

static json_t *axis_json(const wick_size_axis *axis) {
    json_t *list = json_array();
    for (int i = 0; i < axis->n; i++)
        json_array_append_new(list, json_real(axis->value[i]));
    return list;
}

static json_t *point_json(const wick_sizing_point *p) {
    json_t *o = json_pack("{s:f, s:f, s:f, s:f, s:b, s:b}", "capacitor_uf", p->capacitor_uf,
                          "panel", p->panel, "on_v", p->on_v, "off_v", p->off_v, "fits", p->fits,
                          "feasible", p->feasible);
    for (int f = 0; f < WICK_FIGURES; f++)
        if (!isnan(p->figures[f]))
            json_object_set_new(o, wick_figure_name((wick_figure)f), json_real(p->figures[f]));
    return o;
}

static json_t *choice_json(const wick_sizing *s, int index) {
    return index < 0 ? json_null() : point_json(&s->points[index]);
}

json_t *wick_sizing_json(const wick_sizing *s) {
    wick_arena *arena = wick_arena_new();
    json_t *points = json_array(), *front = json_array();
    int *smallest = wick_new(arena, int, s->capacitor_uf.n);
    wick_sizing_front(s, smallest);
    for (int i = 0; i < s->n; i++)
        json_array_append_new(points, point_json(&s->points[i]));
    for (int c = 0; c < s->capacitor_uf.n; c++)
        if (smallest[c] >= 0)
            json_array_append_new(front, point_json(&s->points[smallest[c]]));
    json_t *root = json_pack(
        "{s:s, s:s, s:i, s:s, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "device",
        s->device, "trace", s->trace, "inputs", s->inputs, "target",
        wick_target_text(arena, &s->target), "max_v", s->max_v, "own", point_json(&s->own),
        "capacitors_uf", axis_json(&s->capacitor_uf), "panels", axis_json(&s->panel), "on_v",
        axis_json(&s->on_v), "off_v", axis_json(&s->off_v), "cheapest", choice_json(s, s->best),
        "other_capacitor", choice_json(s, s->other), "front", front, "points", points);
    wick_arena_free(arena);
    return root;
}

/* ---- reading ---- */

static wick_status read_axis(wick_json_at at, const char *name, wick_size_axis *axis) {
    wick_json_at list;
    size_t n;
    WICK_TRY(wick_json_array(at, name, &list, &n));
    if (n < 1 || n > WICK_SIZING_AXIS)
        return wick_json_fail(list, WICK_RANGE, NULL, "1 to %d values", WICK_SIZING_AXIS);
    axis->n = (int)n;
    for (size_t i = 0; i < n; i++) {
        double value = json_number_value(wick_json_index(list, i).value);
        if (!(value > (i ? axis->value[i - 1] : 0)))
            return wick_json_fail(wick_json_index(list, i), WICK_RANGE, NULL,
                                  "values are positive and increase");
        axis->value[i] = value;
    }
    return WICK_OK;
}

static wick_status read_point(wick_json_at at, wick_sizing_point *p) {
    int fits, feasible;
    WICK_TRY(wick_json_number(at, "capacitor_uf", 0, 1e12, &p->capacitor_uf));
    WICK_TRY(wick_json_number(at, "panel", 0, 1e12, &p->panel));
    WICK_TRY(wick_json_number(at, "on_v", 0, 1e6, &p->on_v));
    WICK_TRY(wick_json_number(at, "off_v", 0, 1e6, &p->off_v));
    WICK_TRY(wick_json_bool(at, "fits", &fits));
    WICK_TRY(wick_json_bool(at, "feasible", &feasible));
    p->fits = fits != 0;
    p->feasible = feasible != 0;
    for (int f = 0; f < WICK_FIGURES; f++) {
        const char *name = wick_figure_name((wick_figure)f);
        p->figures[f] = NAN;
        if (wick_json_has(at, name))
            WICK_TRY(wick_json_number(at, name, 0, 1e18, &p->figures[f]));
    }
    return WICK_OK;
}

/* Which of the points it is. */
static wick_status read_choice(wick_json_at at, const char *name, const wick_sizing *s, int *out) {
    wick_json_at member;
    wick_sizing_point p;
    *out = -1;
    if (!wick_json_has(at, name))
        return WICK_OK;
    WICK_TRY(wick_json_object(at, name, &member));
    WICK_TRY(read_point(member, &p));
    for (int i = 0; i < s->n; i++)
        if (s->points[i].capacitor_uf == p.capacitor_uf && s->points[i].panel == p.panel &&
            s->points[i].on_v == p.on_v && s->points[i].off_v == p.off_v)
            *out = i;
    return *out < 0 ? wick_json_fail(member, WICK_MISMATCH, NULL, "it is none of the points")
                    : WICK_OK;
}

/* Files of before these were written say nothing. */
static wick_status read_inputs(wick_json_at at, int *out) {
    int64_t n = -1;
    if (wick_json_has(at, "inputs"))
        WICK_TRY(wick_json_int(at, "inputs", -1, INT32_MAX, &n));
    *out = (int)n;
    return WICK_OK;
}

/* A complaint names file and field, not the option that the text once came from. */
static wick_status read_target(wick_json_at at, wick_target *out) {
    wick_json_at member;
    const char *text;
    wick_diag own = {0};
    WICK_TRY(wick_json_get(at, "target", &member));
    WICK_TRY(wick_json_string(at, "target", &text));
    wick_status status = wick_target_parse(text, out, &own);
    if (status != WICK_OK)
        wick_json_fail(member, status, own.items[0].hint, "'%s': %s", own.items[0].place,
                       own.items[0].reason);
    wick_diag_free(&own);
    return status;
}

wick_status wick_sizing_from_json(wick_json_at at, wick_arena *arena, wick_sizing *out) {
    wick_json_at member;
    size_t n;
    *out = (wick_sizing){0};
    WICK_TRY(wick_json_string(at, "device", &out->device));
    WICK_TRY(wick_json_string(at, "trace", &out->trace));
    WICK_TRY(read_target(at, &out->target));
    WICK_TRY(read_inputs(at, &out->inputs));
    WICK_TRY(wick_json_number(at, "max_v", 0, 1e6, &out->max_v));
    WICK_TRY(read_axis(at, "capacitors_uf", &out->capacitor_uf));
    WICK_TRY(read_axis(at, "panels", &out->panel));
    WICK_TRY(read_axis(at, "on_v", &out->on_v));
    WICK_TRY(read_axis(at, "off_v", &out->off_v));
    WICK_TRY(wick_json_object(at, "own", &member));
    WICK_TRY(read_point(member, &out->own));
    out->own_uf = out->own.capacitor_uf;
    out->own_on_v = out->own.on_v;
    out->own_off_v = out->own.off_v;
    WICK_TRY(wick_json_array(at, "points", &member, &n));
    out->n = out->capacitor_uf.n * out->panel.n * out->on_v.n * out->off_v.n;
    if (n != (size_t)out->n)
        return wick_json_fail(member, WICK_SHAPE, NULL, "%zu points instead of %d", n, out->n);
    out->points = wick_new(arena, wick_sizing_point, out->n);
    for (size_t i = 0; i < n; i++)
        WICK_TRY(read_point(wick_json_index(member, i), &out->points[i]));
    WICK_TRY(read_choice(at, "cheapest", out, &out->best));
    return read_choice(at, "other_capacitor", out, &out->other);
}
