/* The rank of a matrix under noise that nobody has measured: analytic empirical variational Bayes;
 * see low_rank.h. */
#include "shrink/low_rank.h"

#include <math.h>

static const double tau_factor = 2.5129;

typedef struct spectrum {
    const double *s;
    int l, m; /* l <= m: as many singular values as l */
    double alpha, x_bound;
    double tiny; /* squares below it are rounding errors */
} spectrum;

static spectrum of(const double *s, int rows, int cols) {
    spectrum p = {.s = s, .l = rows < cols ? rows : cols, .m = rows < cols ? cols : rows};
    p.alpha = (double)p.l / (double)p.m;
    double tau = tau_factor * sqrt(p.alpha);
    p.x_bound = (1 + tau) * (1 + p.alpha / tau);
    p.tiny = p.l > 0 ? s[0] * s[0] * 1e-24 : 0;
    return p;
}

static double square(const spectrum *p, int i) {
    return fmax(p->s[i] * p->s[i], p->tiny);
}

/* Sum over the singular values of psi_0 (noise) and psi_1 more (signal) of x = s^2 / (m variance).
 */
static double energy(const spectrum *p, double variance) {
    double sum = 0;
    for (int i = 0; i < p->l; i++) {
        double x = square(p, i) / (p->m * variance);
        sum += x - log(x);
        if (x > p->x_bound) {
            double b = x - (1 + p->alpha), tau = (b + sqrt(fmax(b * b - 4 * p->alpha, 0))) / 2;
            sum += log(tau + 1) + p->alpha * log(tau / p->alpha + 1) - tau;
        }
    }
    return sum;
}

double wick_evbmf_energy(const double *s, int rows, int cols, double variance) {
    spectrum p = of(s, rows, cols);
    return energy(&p, variance);
}

/* Where the variance must lie: theorem 3 there. */
static void bounds(const spectrum *p, double *low, double *high) {
    double all = 0, rest = 0;
    int most = (int)ceil(p->l / (1 + p->alpha)) - 1; /* signals at the most */
    if (most > p->l - 1)
        most = p->l - 1;
    for (int i = 0; i < p->l; i++) {
        all += square(p, i);
        if (i >= most)
            rest += square(p, i);
    }
    *high = all / ((double)p->l * p->m);
    *low = fmax(square(p, most) / (p->m * p->x_bound), rest / ((double)(p->l - most) * p->m));
    *low = fmin(*low, *high);
}

/* The energy has a valley for each number of signals: look at a fine logarithmic grid, then into
 * the best cell. */
static double best_variance(const spectrum *p, double low, double high) {
    enum { GRID = 1024, STEPS = 80 };
    double from = log(low), width = (log(high) - from) / GRID, least = INFINITY;
    int at = 0;
    for (int i = 0; i <= GRID; i++) {
        double e = energy(p, exp(from + width * i));
        if (e < least) {
            least = e;
            at = i;
        }
    }
    double a = from + width * (at > 0 ? at - 1 : 0), b = from + width * (at < GRID ? at + 1 : GRID);
    const double golden = (sqrt(5) - 1) / 2;
    for (int i = 0; i < STEPS; i++) {
        double x = b - golden * (b - a), y = a + golden * (b - a);
        if (energy(p, exp(x)) < energy(p, exp(y)))
            b = y;
        else
            a = x;
    }
    return exp((a + b) / 2);
}

int wick_evbmf_rank(const double *s, int rows, int cols) {
    spectrum p = of(s, rows, cols);
    if (p.l < 1 || !(s[0] > 0))
        return 0;
    double low, high;
    bounds(&p, &low, &high);
    double variance = best_variance(&p, low, high), threshold = sqrt(p.m * variance * p.x_bound);
    int rank = 0;
    while (rank < p.l && s[rank] > threshold)
        rank++;
    return rank;
}
