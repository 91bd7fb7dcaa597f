#include "device/esr.h"

#include <math.h>

double esr_terminal_v(double v, double load_uw, double ohm) {
    double square = v * v - 4 * load_uw * 1e-6 * ohm;
    return square >= 0 ? (v + sqrt(square)) / 2 : NAN;
}

double esr_off_v(double off_v, double load_uw, double ohm) {
    double pr = load_uw * 1e-6 * ohm;
    return off_v * off_v >= pr ? off_v + pr / off_v : 2 * sqrt(pr);
}

double esr_loss_uw(double off_v, double load_uw, double ohm) {
    double terminal_v = fmax(off_v, sqrt(load_uw * 1e-6 * ohm));
    double ampere = terminal_v > 0 ? load_uw * 1e-6 / terminal_v : 0;
    return ampere * ampere * ohm * 1e6;
}
