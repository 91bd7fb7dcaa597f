/* Loops of batch norm over one plane of blocked channels: pixels of LANES channels each, in one
   instruction set. Included several times by onednn_lanes.c, which defines LANES, TARGET (an
   attribute), NAME(x) and how results are stored past the caches (STREAM_LANES at once by
   STREAM(p, v), then FENCE()), which saves reading the old contents of a line: a third of the time.
   Hence no guard.

   k, o, mean, c1, c2: LANES numbers each. What ReLU let through and which pixel won a pool is found
   again from x: y = k x + o is computed alike everywhere, product and sum rounded apart, so that
   also all instruction sets give the same bits. */

typedef float NAME(vec) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int NAME(mask) __attribute__((vector_size(LANES * 4)));
#define VEC NAME(vec)
#define MASK NAME(mask)
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p, v) (*(VEC *)(p) = (v))
#define PUT(p, v) NAME(stream)((p), (v))
#define KEEP(m, v) ((VEC)((m) & (MASK)(v)))
#define CHOOSE(m, a, b) ((VEC)(((m) & (MASK)(a)) | (~(m) & (MASK)(b))))

TARGET static inline void NAME(stream)(float *p, VEC v) {
    typedef float part __attribute__((vector_size(STREAM_LANES * 4)));
    part parts[LANES / STREAM_LANES];
    memcpy(parts, &v, sizeof v);
    for (int i = 0; i < LANES / STREAM_LANES; i++)
        STREAM(p + i * STREAM_LANES, parts[i]);
}

/* sums [2][LANES]: of x - shift and of its square. */
TARGET static void NAME(sums)(const float *x, long count, const float *shift, float *sums) {
    VEC from = LOAD(shift), s[4] = {{0}}, q[4] = {{0}};
    long i = 0;
    for (; i + 4 <= count; i += 4)
        for (int j = 0; j < 4; j++) {
            VEC a = LOAD(x + (i + j) * LANES) - from;
            s[j] += a;
            q[j] += a * a;
        }
    for (; i < count; i++) {
        VEC a = LOAD(x + i * LANES) - from;
        s[0] += a;
        q[0] += a * a;
    }
    STORE(sums, (s[0] + s[1]) + (s[2] + s[3]));
    STORE(sums + LANES, (q[0] + q[1]) + (q[2] + q[3]));
}

TARGET static void NAME(apply)(const float *x, float *y, long count, const float *k, const float *o,
                               bool relu) {
    VEC scale = LOAD(k), offset = LOAD(o);
    if (relu)
        for (long i = 0; i < count; i++) {
            VEC v = LOAD(x + i * LANES) * scale + offset;
            PUT(y + i * LANES, KEEP(v > 0, v));
        }
    else
        for (long i = 0; i < count; i++)
            PUT(y + i * LANES, LOAD(x + i * LANES) * scale + offset);
    FENCE();
}

/* The same with a 2x2 maximum pool behind it: y [h/2][w/2][LANES]. */
TARGET static void NAME(apply_pool)(const float *x, float *y, long h, long w, const float *k,
                                    const float *o, bool relu) {
    VEC scale = LOAD(k), offset = LOAD(o);
    for (long r = 0; r < h / 2; r++)
        for (long c = 0; c < w / 2; c++) {
            const float *at = x + (2 * r * w + 2 * c) * LANES;
            VEC best = LOAD(at) * scale + offset;
            for (int j = 1; j < 4; j++) {
                VEC v = LOAD(at + ((j >> 1) * w + (j & 1)) * LANES) * scale + offset;
                best = CHOOSE(v > best, v, best);
            }
            PUT(y, relu ? KEEP(best > 0, best) : best);
            y += LANES;
        }
    FENCE();
}

/* A pool's four pixels at `at` and what of d each gets: all for the first largest, unless ReLU
   stopped it. */
TARGET static inline void NAME(share)(const float *at, long w, VEC scale, VEC offset, VEC d,
                                      bool relu, VEC a[4], VEC mine[4]) {
    VEC best;
    MASK better[4] = {{0}};
    for (int j = 0; j < 4; j++) {
        a[j] = LOAD(at + ((j >> 1) * w + (j & 1)) * LANES);
        VEC v = a[j] * scale + offset;
        if (j > 0)
            better[j] = v > best;
        best = j > 0 ? CHOOSE(better[j], v, best) : v;
    }
    if (relu)
        d = KEEP(best > 0, d);
    for (int j = 3; j > 0; j--) {
        mine[j] = KEEP(better[j], d);
        d = KEEP(~better[j], d);
    }
    mine[0] = d;
}

/* sums [2][LANES]: of dy' and dy' (x - mean), where dy' is dy behind ReLU. */
TARGET static void NAME(grad_sums)(const float *x, const float *dy, long count, const float *k,
                                   const float *o, const float *mean, bool relu, float *sums) {
    VEC scale = LOAD(k), offset = LOAD(o), middle = LOAD(mean), s[2] = {{0}}, q[2] = {{0}};
    if (relu)
        for (long i = 0; i < count; i++) {
            VEC a = LOAD(x + i * LANES), d = LOAD(dy + i * LANES);
            d = KEEP(a * scale + offset > 0, d);
            s[i & 1] += d;
            q[i & 1] += d * (a - middle);
        }
    else
        for (long i = 0; i < count; i++) {
            VEC a = LOAD(x + i * LANES), d = LOAD(dy + i * LANES);
            s[i & 1] += d;
            q[i & 1] += d * (a - middle);
        }
    STORE(sums, s[0] + s[1]);
    STORE(sums + LANES, q[0] + q[1]);
}

/* dx = k (dy' - c1 - (x - mean) c2); dx may be dy. */
TARGET static void NAME(grad_apply)(const float *x, const float *dy, float *dx, long count,
                                    const float *k, const float *o, const float *mean,
                                    const float *c1, const float *c2, bool relu) {
    VEC scale = LOAD(k), offset = LOAD(o), middle = LOAD(mean), a1 = LOAD(c1), a2 = LOAD(c2);
    if (relu)
        for (long i = 0; i < count; i++) {
            VEC a = LOAD(x + i * LANES), d = LOAD(dy + i * LANES);
            d = KEEP(a * scale + offset > 0, d);
            STORE(dx + i * LANES, scale * (d - a1 - (a - middle) * a2));
        }
    else
        for (long i = 0; i < count; i++) {
            VEC a = LOAD(x + i * LANES), d = LOAD(dy + i * LANES);
            STORE(dx + i * LANES, scale * (d - a1 - (a - middle) * a2));
        }
}

/* grad_sums behind a 2x2 pool: dy [h/2][w/2][LANES]. */
TARGET static void NAME(pool_grad_sums)(const float *x, const float *dy, long h, long w,
                                        const float *k, const float *o, const float *mean,
                                        bool relu, float *sums) {
    VEC scale = LOAD(k), offset = LOAD(o), middle = LOAD(mean), s = {0}, q[4] = {{0}};
    for (long r = 0; r < h / 2; r++)
        for (long c = 0; c < w / 2; c++) {
            VEC a[4], mine[4];
            NAME(share)(x + (2 * r * w + 2 * c) * LANES, w, scale, offset, LOAD(dy), relu, a, mine);
            s += (mine[0] + mine[1]) + (mine[2] + mine[3]);
            for (int j = 0; j < 4; j++)
                q[j] += mine[j] * (a[j] - middle);
            dy += LANES;
        }
    STORE(sums, s);
    STORE(sums + LANES, (q[0] + q[1]) + (q[2] + q[3]));
}

TARGET static void NAME(pool_grad_apply)(const float *x, const float *dy, float *dx, long h, long w,
                                         const float *k, const float *o, const float *mean,
                                         const float *c1, const float *c2, bool relu) {
    VEC scale = LOAD(k), offset = LOAD(o), middle = LOAD(mean), a1 = LOAD(c1), a2 = LOAD(c2);
    for (long r = 0; r < h / 2; r++)
        for (long c = 0; c < w / 2; c++) {
            VEC a[4], mine[4];
            long at = (2 * r * w + 2 * c) * LANES;
            NAME(share)(x + at, w, scale, offset, LOAD(dy), relu, a, mine);
            for (int j = 0; j < 4; j++)
                PUT(dx + at + ((j >> 1) * w + (j & 1)) * LANES,
                    scale * (mine[j] - a1 - (a[j] - middle) * a2));
            dy += LANES;
        }
    FENCE();
}

static const wick_dn_lanes NAME(table) = {
    .lanes = LANES,
    .sums = NAME(sums),
    .apply = NAME(apply),
    .apply_pool = NAME(apply_pool),
    .grad_sums = NAME(grad_sums),
    .grad_apply = NAME(grad_apply),
    .pool_grad_sums = NAME(pool_grad_sums),
    .pool_grad_apply = NAME(pool_grad_apply),
};

#undef VEC
#undef MASK
#undef LOAD
#undef STORE
#undef PUT
#undef KEEP
#undef CHOOSE
#undef NAME
#undef LANES
#undef TARGET
#undef STREAM_LANES
#undef STREAM
