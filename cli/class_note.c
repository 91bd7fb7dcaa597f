/* A model that is asked about other things than it was trained on. */
#include "class_note.h"
#include "train/train.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_number(const char *name) {
    while (isdigit((unsigned char)*name))
        name++;
    return !*name;
}

static void print_first(const char *const *names, int n) {
    enum { SHOWN = 3 };
    for (int i = 0; i < n && i < SHOWN; i++)
        fprintf(stderr, "%s%s", i ? ", " : "", names[i]);
    if (n > SHOWN)
        fprintf(stderr, " ...");
}

void cli_note_classes(const char *const *labels, int n, const wick_data *data) {
    bool same = true;
    if (!labels || n != data->n_classes || wick_rank() != 0)
        return;
    for (int i = 0; i < n; i++) {
        if (is_number(data->class_names[i]) || is_number(labels[i]))
            return; /* arrays and IDX files have no names */
        same = same && !strcmp(labels[i], data->class_names[i]);
    }
    if (same)
        return;
    fprintf(stderr, "wick: note: the model's classes (");
    print_first(labels, n);
    fprintf(stderr, ") are not those of the data (");
    print_first(data->class_names, n);
    fprintf(stderr, "): what it gets right is chance, unless they only have other names\n");
}
