/* A model that is asked about other things than it was trained on. */
#ifndef WICK_CLASS_NOTE_H
#define WICK_CLASS_NOTE_H

#include "data/data.h"

/* Says so on stderr, where both have names for their classes; of several processes the first does.
   labels [n], may be NULL. */
void cli_note_classes(const char *const *labels, int n, const wick_data *data);

#endif
