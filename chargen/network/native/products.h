/* The products, written once and compiled once for each path.

   Besides what vectors.h needs, the including file defines `number`, the type of what is multiplied; DEEP, how many
   products one instruction adds to a sum; `numbers`, a vector of DEEP * WIDTH of them; load_numbers; load_factor, which
   fills such a vector with the same DEEP numbers; add_product; ROWS, the most rows of 16 sums that a tile keeps in
   registers; and tile_rows, how many the next tile takes of those that are left. */

enum { VECTORS = PANEL / WIDTH };
enum { CHUNKS = 8 }; /* of 16 columns of a: so many rows of w, at most 8 KB, stay in the first cache for all rows of a */
enum { AHEAD = 2 * CHUNKS * PANEL * PANEL }; /* how many numbers ahead w is fetched, which lies in a far cache */
enum { DEPTH = 128 }; /* rows of two panels, at most 8 KB each, that stay in the first cache */

/* c += a w for `rows` rows, which is a constant wherever this is called. */
INLINE void product_tile(const long rows, long chunks, const number *a, long a_stride, const number *w, float *c) {
    vec sums[ROWS][VECTORS];
#pragma GCC unroll 16
    for (long i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) sums[i][j] = load(c + i * PANEL + j * WIDTH);
    for (; chunks; chunks--, a += a_stride)
#pragma GCC unroll 4
        for (long k = 0; k < PANEL; k += DEEP, w += DEEP * PANEL) {
            numbers row[VECTORS];
            __builtin_prefetch(w + AHEAD);
#pragma GCC unroll 4
            for (long j = 0; j < VECTORS; j++) row[j] = load_numbers(w + j * DEEP * WIDTH);
#pragma GCC unroll 16
            for (long i = 0; i < rows; i++) {
                numbers factor = load_factor(a + i * PANEL + k);
#pragma GCC unroll 4
                for (long j = 0; j < VECTORS; j++) sums[i][j] = add_product(sums[i][j], factor, row[j]);
            }
        }
#pragma GCC unroll 16
    for (long i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) store(c + i * PANEL + j * WIDTH, sums[i][j]);
}

TARGET static void product(long rows, long chunks, const void *left, long a_stride, const void *right, float *c) {
    const number *a = left, *w = right;
    for (; chunks > 0; chunks -= CHUNKS, a += CHUNKS * a_stride, w += CHUNKS * PANEL * PANEL) {
        long some = chunks < CHUNKS ? chunks : CHUNKS, size;
        for (long begin = 0; begin < rows; begin += size) {
            const number *from = a + begin * PANEL;
            float *to = c + begin * PANEL;
            size = tile_rows(rows - begin);
            switch (size) {
            case 1: product_tile(1, some, from, a_stride, w, to); break;
            case 2: product_tile(2, some, from, a_stride, w, to); break;
#if ROWS > 2
            case 3: product_tile(3, some, from, a_stride, w, to); break;
            case 4: product_tile(4, some, from, a_stride, w, to); break;
            case 5: product_tile(5, some, from, a_stride, w, to); break;
            case 6: product_tile(6, some, from, a_stride, w, to); break;
#endif
#if ROWS > 6
            case 8: product_tile(8, some, from, a_stride, w, to); break;
            case 16: product_tile(16, some, from, a_stride, w, to); break;
#endif
            }
        }
    }
}

/* c += a w for one row of a and `panels` panels of w and c, so that enough sums run side by side. */
INLINE void row_tile(const long panels, long chunks, const number *a, long a_stride, const number *w, long w_stride,
                     float *c, long c_stride) {
    vec sums[MAX_SLOTS][VECTORS];
#pragma GCC unroll 4
    for (long i = 0; i < panels; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) sums[i][j] = load(c + i * c_stride + j * WIDTH);
    for (; chunks; chunks--, a += a_stride)
#pragma GCC unroll 4
        for (long k = 0; k < PANEL; k += DEEP, w += DEEP * PANEL) {
            numbers factor = load_factor(a + k);
#pragma GCC unroll 4
            for (long i = 0; i < panels; i++)
#pragma GCC unroll 4
                for (long j = 0; j < VECTORS; j++)
                    sums[i][j] = add_product(sums[i][j], factor, load_numbers(w + i * w_stride + j * DEEP * WIDTH));
        }
#pragma GCC unroll 4
    for (long i = 0; i < panels; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) store(c + i * c_stride + j * WIDTH, sums[i][j]);
}

TARGET static void product_of_a_row(long panels, long chunks, const void *left, long a_stride, const void *right,
                                    long w_stride, float *c, long c_stride) {
    switch (panels) {
    case 1: row_tile(1, chunks, left, a_stride, right, w_stride, c, c_stride); break;
    case 3: row_tile(3, chunks, left, a_stride, right, w_stride, c, c_stride); break;
    case 4: row_tile(4, chunks, left, a_stride, right, w_stride, c, c_stride); break;
    }
}

/* c += a^T b for `columns` columns of a. */
INLINE void gradient_tile(const long columns, long rows, const number *a, const number *b, float *c) {
    vec sums[ROWS][VECTORS];
#pragma GCC unroll 16
    for (long i = 0; i < columns; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) sums[i][j] = load(c + i * PANEL + j * WIDTH);
#pragma GCC unroll 4
    for (long k = 0; k < rows; k += DEEP, a += DEEP * PANEL, b += DEEP * PANEL) {
        numbers row[VECTORS];
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) row[j] = load_numbers(b + j * DEEP * WIDTH);
#pragma GCC unroll 16
        for (long i = 0; i < columns; i++) {
            numbers factor = load_factor(a + i * DEEP);
#pragma GCC unroll 4
            for (long j = 0; j < VECTORS; j++) sums[i][j] = add_product(sums[i][j], factor, row[j]);
        }
    }
#pragma GCC unroll 16
    for (long i = 0; i < columns; i++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) store(c + i * PANEL + j * WIDTH, sums[i][j]);
}

TARGET static void gradient(long rows, const void *one, const void *other, float *c) {
    const number *a = one, *b = other;
    for (long i = 0; i < PANEL * PANEL; i += WIDTH) store(c + i, all(0));
    for (; rows > 0; rows -= DEPTH, a += DEPTH * PANEL, b += DEPTH * PANEL) {
        long some = rows < DEPTH ? rows : DEPTH;
#if ROWS == 16
        gradient_tile(16, some, a, b, c);
#elif ROWS == 6
        gradient_tile(6, some, a, b, c);
        gradient_tile(5, some, a + 6 * DEEP, b, c + 6 * PANEL);
        gradient_tile(5, some, a + 11 * DEEP, b, c + 11 * PANEL);
#else
        for (long i = 0; i < PANEL; i += 2) gradient_tile(2, some, a + i * DEEP, b, c + i * PANEL);
#endif
    }
}
