/* The products, written once and compiled once for each path.

   Besides what vectors.h needs, the including file defines `number`, the type of what is multiplied; DEEP, how many
   products one instruction adds to a sum; `numbers`, a vector of DEEP * WIDTH of them; load_numbers; load_factor, which
   fills such a vector with the same DEEP numbers; add_product; ROWS, the most rows of 16 sums that a tile keeps in
   registers; and tile_rows, how many the next tile takes of those that are left, of 1 or 2 panels side by side. */

enum { CHUNKS = 8 }; /* of 16 columns of a: so many rows of w, at most 8 KB, stay in the first cache for all rows of a */
enum { AHEAD = 2 * CHUNKS * PANEL * PANEL }; /* how many numbers ahead w is fetched, which lies in a far cache */
enum { DEPTH = 128 }; /* rows of two panels, at most 8 KB each, that stay in the first cache */

/* c += a w for `rows` rows of a and `panels` panels of w and c; both are constants wherever this is called. */
INLINE void product_tile(const long rows, const long panels, long chunks, const number *a, long a_stride,
                         const number *w, long w_stride, float *c, long c_stride) {
    vec sums[ROWS + MAX_SLOTS][VECTORS]; /* of row i and panel p in i * panels + p; as many as are used stay */
#pragma GCC unroll 16
    for (long i = 0; i < rows * panels; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++)
            sums[i][j] = load(c + i % panels * c_stride + i / panels * PANEL + j * WIDTH);
    for (; chunks; chunks--, a += a_stride)
#pragma GCC unroll 4
        for (long k = 0; k < PANEL; k += DEEP, w += DEEP * PANEL) {
            numbers row[MAX_SLOTS][VECTORS];
#pragma GCC unroll 4
            for (long p = 0; p < panels; p++) {
                __builtin_prefetch(w + p * w_stride + AHEAD);
#pragma GCC unroll 4
                for (long j = 0; j < VECTORS; j++) row[p][j] = load_numbers(w + p * w_stride + j * DEEP * WIDTH);
            }
#pragma GCC unroll 16
            for (long i = 0; i < rows; i++) {
                numbers factor = load_factor(a + i * PANEL + k);
#pragma GCC unroll 4
                for (long p = 0; p < panels; p++)
#pragma GCC unroll 4
                    for (long j = 0; j < VECTORS; j++)
                        sums[i * panels + p][j] = add_product(sums[i * panels + p][j], factor, row[p][j]);
            }
        }
#pragma GCC unroll 16
    for (long i = 0; i < rows * panels; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++)
            store(c + i % panels * c_stride + i / panels * PANEL + j * WIDTH, sums[i][j]);
}

TARGET static void run_tile(long rows, long panels, long chunks, const number *a, long a_stride, const number *w,
                            long w_stride, float *c, long c_stride) {
    switch (100 * panels + rows) {
    case 101: product_tile(1, 1, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 201: product_tile(1, 2, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 301: product_tile(1, 3, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 401: product_tile(1, 4, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 102: product_tile(2, 1, chunks, a, a_stride, w, w_stride, c, c_stride); break;
#if ROWS > 2
    case 103: product_tile(3, 1, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 104: product_tile(4, 1, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 105: product_tile(5, 1, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 106: product_tile(6, 1, chunks, a, a_stride, w, w_stride, c, c_stride); break;
#endif
#if ROWS > 6
    case 108: product_tile(8, 1, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 116: product_tile(16, 1, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 202: product_tile(2, 2, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 204: product_tile(4, 2, chunks, a, a_stride, w, w_stride, c, c_stride); break;
    case 208: product_tile(8, 2, chunks, a, a_stride, w, w_stride, c, c_stride); break;
#endif
    }
}

/* How many of the panels a tile takes side by side: two halve what it reads of a; one row needs many sums to hide each
   other's waiting. */
INLINE long tile_panels(long rows, long panels) {
    long most = rows == 1 ? MAX_SLOTS : ROWS > 6 ? 2 : 1;
    return panels < most ? panels : most;
}

TARGET static void product(long rows, long panels, long chunks, const void *left, long a_stride, const void *right,
                           long w_stride, float *c, long c_stride) {
    for (long panel = 0, side; panel < panels; panel += side) {
        const number *a = left, *w = (const number *)right + panel * w_stride;
        side = tile_panels(rows, panels - panel);
        for (long k = 0; k < chunks; k += CHUNKS, a += CHUNKS * a_stride, w += CHUNKS * PANEL * PANEL)
            for (long row = 0, size; row < rows; row += size) {
                size = tile_rows(rows - row, side);
                run_tile(size, side, chunks - k < CHUNKS ? chunks - k : CHUNKS, a + row * PANEL, a_stride, w, w_stride,
                         c + panel * c_stride + row * PANEL, c_stride);
            }
    }
}

/* c += a^T b for `columns` columns of a and `panels` panels of b and c. */
INLINE void gradient_tile(const long columns, const long panels, long rows, const number *a, const number *b,
                          long b_stride, float *c) {
    vec sums[ROWS][VECTORS]; /* of column i and panel p in i * panels + p */
#pragma GCC unroll 16
    for (long i = 0; i < columns * panels; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) sums[i][j] = load(c + (i % panels * PANEL + i / panels) * PANEL + j * WIDTH);
#pragma GCC unroll 4
    for (long k = 0; k < rows; k += DEEP, a += DEEP * PANEL, b += DEEP * PANEL) {
        numbers row[2][VECTORS];
#pragma GCC unroll 2
        for (long p = 0; p < panels; p++)
#pragma GCC unroll 4
            for (long j = 0; j < VECTORS; j++) row[p][j] = load_numbers(b + p * b_stride + j * DEEP * WIDTH);
#pragma GCC unroll 16
        for (long i = 0; i < columns * panels; i++) {
            numbers factor = load_factor(a + i / panels * DEEP);
#pragma GCC unroll 4
            for (long j = 0; j < VECTORS; j++) sums[i][j] = add_product(sums[i][j], factor, row[i % panels][j]);
        }
    }
#pragma GCC unroll 16
    for (long i = 0; i < columns * panels; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) store(c + (i % panels * PANEL + i / panels) * PANEL + j * WIDTH, sums[i][j]);
}

TARGET static void panel_gradient(long rows, long panels, const number *a, const number *b, long b_stride, float *c) {
    for (long i = 0; i < panels * PANEL * PANEL; i += WIDTH) store(c + i, all(0));
    for (; rows > 0; rows -= DEPTH, a += DEPTH * PANEL, b += DEPTH * PANEL) {
        long some = rows < DEPTH ? rows : DEPTH;
#if ROWS == 16
        if (panels == 2) {
            gradient_tile(8, 2, some, a, b, b_stride, c);
            gradient_tile(8, 2, some, a + 8 * DEEP, b, b_stride, c + 8 * PANEL);
        } else {
            gradient_tile(16, 1, some, a, b, b_stride, c);
        }
#else
        for (long p = 0; p < panels; p++) {
            const number *panel = b + p * b_stride;
            float *to = c + p * PANEL * PANEL;
#if ROWS == 6
            gradient_tile(6, 1, some, a, panel, b_stride, to);
            gradient_tile(5, 1, some, a + 6 * DEEP, panel, b_stride, to + 6 * PANEL);
            gradient_tile(5, 1, some, a + 11 * DEEP, panel, b_stride, to + 11 * PANEL);
#else
            for (long i = 0; i < PANEL; i += 2)
                gradient_tile(2, 1, some, a + i * DEEP, panel, b_stride, to + i * PANEL);
#endif
        }
#endif
    }
}

TARGET static void gradient(long rows, long left, long right, const void *a, long a_stride, const void *b, long b_stride,
                            float *c) {
    for (long i = 0; i < left; i++)
        panel_gradient(rows, right, (const number *)a + i * a_stride, b, b_stride, c + i * right * PANEL * PANEL);
}
