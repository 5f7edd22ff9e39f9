/* The kernels, written once and compiled once for each path: the including file says what a vector is.

   It defines TARGET, the attribute that names the instructions; WIDTH, the floats in a vector; ROWS, the most rows that
   a tile of sums has; the types vec and ints; load, store, all and choose. Tiles have two to six rows of 16 sums, which
   stay in registers while the product runs. */

#include "vectors.h"

enum { VECTORS = PANEL / WIDTH };
enum { CHUNKS = 8 }; /* of 16 columns of a: so many rows of w, 8 KB, stay in the first cache for all rows of a */
enum { AHEAD = 2 * CHUNKS * PANEL * PANEL }; /* how many floats ahead w is fetched, which lies in a far cache */
enum { DEPTH = 128 }; /* rows of two panels, 8 KB each, that stay in the first cache */

/* c += a w for `rows` rows, which is a constant wherever this is called. */
INLINE void product_tile(const long rows, long chunks, const float *a, long a_stride, const float *w, float *c) {
    vec sums[ROWS][VECTORS];
#pragma GCC unroll 8
    for (long i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) sums[i][j] = load(c + i * PANEL + j * WIDTH);
    for (; chunks; chunks--, a += a_stride)
#pragma GCC unroll 4
        for (long k = 0; k < PANEL; k++, w += PANEL) {
            vec row[VECTORS];
            __builtin_prefetch(w + AHEAD);
#pragma GCC unroll 4
            for (long j = 0; j < VECTORS; j++) row[j] = load(w + j * WIDTH);
#pragma GCC unroll 8
            for (long i = 0; i < rows; i++) {
                vec factor = load_all(a + i * PANEL + k);
#pragma GCC unroll 4
                for (long j = 0; j < VECTORS; j++) sums[i][j] += factor * row[j];
            }
        }
#pragma GCC unroll 8
    for (long i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) store(c + i * PANEL + j * WIDTH, sums[i][j]);
}

TARGET static void product(long rows, long chunks, const float *a, long a_stride, const float *w, float *c) {
    long tiles = (rows + ROWS - 1) / ROWS;
    for (; chunks > 0; chunks -= CHUNKS, a += CHUNKS * a_stride, w += CHUNKS * PANEL * PANEL) {
        long some = chunks < CHUNKS ? chunks : CHUNKS;
        for (long tile = 0; tile < tiles; tile++) {
            long begin = rows * tile / tiles * PANEL, size = rows * (tile + 1) / tiles - rows * tile / tiles;
            switch (size) { /* tiles of nearly equal size: 16 rows are 5, 5 and 6 */
            case 1: product_tile(1, some, a + begin, a_stride, w, c + begin); break;
            case 2: product_tile(2, some, a + begin, a_stride, w, c + begin); break;
#if ROWS > 2
            case 3: product_tile(3, some, a + begin, a_stride, w, c + begin); break;
            case 4: product_tile(4, some, a + begin, a_stride, w, c + begin); break;
            case 5: product_tile(5, some, a + begin, a_stride, w, c + begin); break;
            case 6: product_tile(6, some, a + begin, a_stride, w, c + begin); break;
#endif
            }
        }
    }
}

/* c += a w for one row of a and `panels` panels of w and c, so that enough sums run side by side. */
INLINE void row_tile(const long panels, long chunks, const float *a, long a_stride, const float *w, long w_stride,
                     float *c, long c_stride) {
    vec sums[MAX_SLOTS][VECTORS];
#pragma GCC unroll 4
    for (long i = 0; i < panels; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) sums[i][j] = load(c + i * c_stride + j * WIDTH);
    for (; chunks; chunks--, a += a_stride)
#pragma GCC unroll 4
        for (long k = 0; k < PANEL; k++, w += PANEL) {
            vec factor = load_all(a + k);
#pragma GCC unroll 4
            for (long i = 0; i < panels; i++)
#pragma GCC unroll 4
                for (long j = 0; j < VECTORS; j++) sums[i][j] += factor * load(w + i * w_stride + j * WIDTH);
        }
#pragma GCC unroll 4
    for (long i = 0; i < panels; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) store(c + i * c_stride + j * WIDTH, sums[i][j]);
}

TARGET static void product_of_a_row(long panels, long chunks, const float *a, long a_stride, const float *w,
                                    long w_stride, float *c, long c_stride) {
    switch (panels) {
    case 1: row_tile(1, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 3: row_tile(3, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 4: row_tile(4, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    }
}

/* c += a^T b for `columns` columns of a. */
INLINE void gradient_tile(const long columns, long rows, const float *a, const float *b, float *c) {
    vec sums[ROWS][VECTORS];
#pragma GCC unroll 8
    for (long i = 0; i < columns; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) sums[i][j] = load(c + i * PANEL + j * WIDTH);
#pragma GCC unroll 4
    for (long k = 0; k < rows; k++) {
        vec row[VECTORS];
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) row[j] = load(b + k * PANEL + j * WIDTH);
#pragma GCC unroll 8
        for (long i = 0; i < columns; i++) {
            vec factor = load_all(a + k * PANEL + i);
#pragma GCC unroll 4
            for (long j = 0; j < VECTORS; j++) sums[i][j] += factor * row[j];
        }
    }
#pragma GCC unroll 8
    for (long i = 0; i < columns; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) store(c + i * PANEL + j * WIDTH, sums[i][j]);
}

TARGET static void gradient(long rows, const float *a, const float *b, float *c) {
    for (long i = 0; i < PANEL * PANEL; i += WIDTH) store(c + i, all(0));
    for (; rows > 0; rows -= DEPTH, a += DEPTH * PANEL, b += DEPTH * PANEL) {
        long some = rows < DEPTH ? rows : DEPTH;
#if ROWS == 6
        gradient_tile(6, some, a, b, c);
        gradient_tile(5, some, a + 6, b, c + 6 * PANEL);
        gradient_tile(5, some, a + 11, b, c + 11 * PANEL);
#else
        for (long i = 0; i < PANEL; i += 2) gradient_tile(2, some, a + i, b, c + i * PANEL);
#endif
    }
}

/* h' = tanh(s) */
TARGET static void rnn_forward(long count, float *gates, long stride, const float *h_before, const float *c_before,
                               float *h, float *c) {
    (void)stride, (void)h_before, (void)c_before, (void)c;
    for (long i = 0; i < count; i += WIDTH) store(h + i, tanh_of(load(gates + i)));
}

/* ds = dh' (1 - h'^2) */
TARGET static void rnn_backward(long count, const float *gates, float *ds, long stride, const float *h_before,
                                const float *c_before, const float *h, const float *c, float *dh, float *dc) {
    (void)gates, (void)stride, (void)h_before, (void)c_before, (void)c, (void)dc;
    for (long i = 0; i < count; i += WIDTH) {
        vec out = load(h + i);
        store(ds + i, load(dh + i) * (1.0f - out * out));
        store(dh + i, all(0));
    }
}

/* r = sigmoid(s_r);  z = sigmoid(s_z);  n = tanh(a_n + r * u_n);  h' = n + z * (h - n).
   The slots u_n, s_r, s_z, a_n become u_n, r, z, n. */
TARGET static void gru_forward(long count, float *gates, long stride, const float *h_before, const float *c_before,
                               float *h, float *c) {
    (void)c_before, (void)c;
    for (long i = 0; i < count; i += WIDTH) {
        float *slot = gates + i;
        vec u_n = load(slot), r = sigmoid_of(load(slot + stride)), z = sigmoid_of(load(slot + 2 * stride));
        vec n = tanh_of(load(slot + 3 * stride) + r * u_n);
        store(slot + stride, r);
        store(slot + 2 * stride, z);
        store(slot + 3 * stride, n);
        store(h + i, n + z * (load(h_before + i) - n));
    }
}

/* dz = dh' (h - n);  dn = dh' (1 - z);  da_n = dn (1 - n^2);  dr = da_n u_n;  du_n = da_n r;  dh = dh' z + ... */
TARGET static void gru_backward(long count, const float *gates, float *ds, long stride, const float *h_before,
                                const float *c_before, const float *h, const float *c, float *dh, float *dc) {
    (void)c_before, (void)h, (void)c, (void)dc;
    for (long i = 0; i < count; i += WIDTH) {
        const float *slot = gates + i;
        vec u_n = load(slot), r = load(slot + stride), z = load(slot + 2 * stride), n = load(slot + 3 * stride);
        vec d = load(dh + i);
        vec da_n = d * (1.0f - z) * (1.0f - n * n);
        store(ds + i, da_n * r);
        store(ds + i + stride, da_n * u_n * r * (1.0f - r));
        store(ds + i + 2 * stride, d * (load(h_before + i) - n) * z * (1.0f - z));
        store(ds + i + 3 * stride, da_n);
        store(dh + i, d * z);
    }
}

/* i, f, o = sigmoid(s_i, s_f, s_o);  g = tanh(s_g);  c' = f * c + i * g;  h' = o * tanh(c').
   The slots s_i, s_f, s_g, s_o become i, f, g, o. */
TARGET static void lstm_forward(long count, float *gates, long stride, const float *h_before, const float *c_before,
                                float *h, float *c) {
    (void)h_before;
    for (long j = 0; j < count; j += WIDTH) {
        float *slot = gates + j;
        vec i = sigmoid_of(load(slot)), f = sigmoid_of(load(slot + stride));
        vec g = tanh_of(load(slot + 2 * stride)), o = sigmoid_of(load(slot + 3 * stride));
        vec next = f * load(c_before + j) + i * g;
        store(slot, i);
        store(slot + stride, f);
        store(slot + 2 * stride, g);
        store(slot + 3 * stride, o);
        store(c + j, next);
        store(h + j, o * tanh_of(next));
    }
}

/* dc' += dh' o (1 - tanh(c')^2);  do = dh' tanh(c');  di = dc' g;  df = dc' c;  dg = dc' i;  dc = dc' f */
TARGET static void lstm_backward(long count, const float *gates, float *ds, long stride, const float *h_before,
                                 const float *c_before, const float *h, const float *c, float *dh, float *dc) {
    (void)h_before, (void)h;
    for (long j = 0; j < count; j += WIDTH) {
        const float *slot = gates + j;
        vec i = load(slot), f = load(slot + stride), g = load(slot + 2 * stride), o = load(slot + 3 * stride);
        vec tanh_c = tanh_of(load(c + j)), d = load(dh + j);
        vec d_c = load(dc + j) + d * o * (1.0f - tanh_c * tanh_c);
        store(ds + j, d_c * g * i * (1.0f - i));
        store(ds + j + stride, d_c * load(c_before + j) * f * (1.0f - f));
        store(ds + j + 2 * stride, d_c * i * (1.0f - g * g));
        store(ds + j + 3 * stride, d * tanh_c * o * (1.0f - o));
        store(dc + j, d_c * f);
        store(dh + j, all(0));
    }
}
