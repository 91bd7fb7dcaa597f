/* The guest's few calls on the PC: the same program runs there, as a reference and in a debugger.
 */
#include "semihost.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int argument_count;
static char **arguments;

static void on_signal(int number) {
    (void)number;
    semihost_put("FAULT\n");
    board_on_fault();
    exit(3);
}

__attribute__((constructor)) static void take_arguments(int argc, char **argv) {
    argument_count = argc;
    arguments = argv;
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
}

void semihost_put(const char *text) {
    fputs(text, stdout);
}

void semihost_put_number(int32_t value) {
    printf("%d", value);
}

int semihost_command_line(char *text, uint32_t size) {
    size_t used = 0;
    for (int i = 0; i < argument_count; i++)
        used += (size_t)snprintf(text + used, used < size ? size - used : 0, "%s%s", i ? " " : "",
                                 i ? arguments[i] : "guest");
    return used < size ? 0 : -1;
}
