/* SPDX-License-Identifier: 0BSD */
#include "powercut_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wick/kernels.h>

/* Whether a step's output reaches NVM in its span: at once, or with the commit at the span's end.
 */
static int reaches_nvm(const wick_span *span, uint32_t step) {
    const wick_place *dst = &rig.model.tensors[rig.model.layers[rig.model.steps[step].layer].dst];
    if (rig.model.steps[step].count != dst->bytes)
        return 0;
    uint32_t end = span->first_step + span->n_steps - wick_chain_base(&rig.model, rig.module);
    return dst->sram == WICK_NO_SRAM ? step == span->first_step : dst->last_reader >= end;
}

void plant_write_after_read(void) {
    wick_place *places = allocate(sizeof *places * rig.model.n_tensors);
    memcpy(places, rig.model.tensors, sizeof *places * rig.model.n_tensors);
    const wick_segment *module = &rig.model.segments[rig.module];
    for (uint32_t s = module->first_span; s < (uint32_t)module->first_span + module->n_spans; s++) {
        const wick_span *span = &rig.model.spans[s];
        const wick_layer *first = &rig.model.layers[rig.model.steps[span->first_step].layer];
        const wick_place *src = &places[first->operands[0].tensor];
        for (uint32_t i = span->first_step; i < (uint32_t)span->first_step + span->n_steps; i++) {
            uint32_t dst = rig.model.layers[rig.model.steps[i].layer].dst;
            if (first->n_operands == 1 && !src->stride && reaches_nvm(span, i) &&
                src->bytes >= places[dst].bytes) {
                places[dst].offset = src->offset;
                rig.model.tensors = places;
                return;
            }
        }
    }
    fail("no layer of this module lends itself to the planted fault");
}

static voltage_reading parse_voltage(const char *text) {
    static const char *const names[] = {"unknown", "random", "high", "low"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(text, names[i]))
            return (voltage_reading)i;
    fail("--voltage is unknown, random, high or low");
    return VOLTAGE_UNKNOWN;
}

powercut_options powercut_parse(int argc, char **argv) {
    powercut_options a = {.parts = 1, .rounds = 1};
    if (argc < 3)
        fail("usage: powercut INPUT MODULE [options], see the head of powercut.c");
    for (int i = 3; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--exhaustive"))
            a.exhaustive = 1;
        else if (!strcmp(argv[i], "--mapped"))
            a.mapped = 1;
        else if (!strcmp(argv[i], "--plant-war"))
            a.plant = 1;
        else if (!strcmp(argv[i], "--replay") && i++)
            a.replay = value;
        else if (!strcmp(argv[i], "--seeded") && i++)
            a.seeded = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--rounds") && i++)
            a.rounds = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--pairs") && i++)
            a.pairs = !strcmp(value, "all") ? ALL_PAIRS : (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--seed") && i++)
            rig.seed = strtoull(value, NULL, 10);
        else if (!strcmp(argv[i], "--atomic") && i++)
            rig.nvm.atomic = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--write-unit") && i++)
            rig.nvm.write_unit = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--voltage") && i++)
            rig.voltage = parse_voltage(value);
        else if (!strcmp(argv[i], "--ecc") && i++)
            rig.nvm.ecc = (uint32_t)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--part") && i++ &&
                 sscanf(value, "%u/%u", &a.part, &a.parts) == 2)
            continue;
        else
            fail("unknown option");
    }
    rig.module = (uint8_t)atoi(argv[2]);
    if (rig.module < 1 || rig.module > rig.model.n_modules || a.parts < 1 || a.part >= a.parts ||
        rig.nvm.atomic < 1 || rig.nvm.atomic > 8 || rig.nvm.write_unit < 1 || rig.nvm.ecc < 1)
        fail("module, part, atomic size or write unit out of range");
    return a;
}

static void read_input(const char *path) {
    rig.input_bytes = rig.model.tensors[rig.model.input_tensor].bytes;
    rig.input = allocate(rig.input_bytes + 1u);
    FILE *file = fopen(path, "rb");
    if (!file || fread(rig.input, 1, rig.input_bytes + 1u, file) != rig.input_bytes)
        fail("the input file does not have the input tensor's size");
    fclose(file);
}

void powercut_set_up(const char *input) {
    rig.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = rig.module};
    rig.scratch = allocate(rig.model.scratch_bytes + POWERCUT_GUARD);
    rig.logits = allocate(rig.model.n_classes * sizeof *rig.logits);
    rig.app = allocate(rig.model.app_bytes);
    read_input(input);
}

void powercut_print(const char *name, const tally *t) {
    printf(", \"%s\": {\"cuts\": %llu, \"differences\": %llu, \"replay\": ", name,
           (unsigned long long)t->cases, (unsigned long long)t->differences);
    if (t->differences)
        printf("\"%s\"}", t->first);
    else
        printf("null}");
}
