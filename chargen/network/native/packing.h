/* Rows of floats as a product reads them on its right, written once and compiled once for each path.

   Besides what products.h needs, the including file defines interleave, which mixes two vectors, float by float, into a
   low and a high one; and narrow_row, DEEP * WIDTH floats of a row, or the 16 that are left of it, as as many numbers. */

/* Column i of the tile becomes row i: each round of interleaving doubles how many floats of a column lie side by side. */
INLINE void transpose(vec tile[WIDTH]) {
    vec mixed[WIDTH];
#pragma GCC unroll 4
    for (long side_by_side = 1; side_by_side < WIDTH; side_by_side *= 2) {
#pragma GCC unroll 8
        for (long i = 0; i < WIDTH / 2; i++) interleave(tile[i], tile[i + WIDTH / 2], &mixed[2 * i], &mixed[2 * i + 1]);
#pragma GCC unroll 16
        for (long i = 0; i < WIDTH; i++) tile[i] = mixed[i];
    }
}

TARGET static void transposed_as_right(long rows, const float *from, long stride, void *right) {
    number *to = right;
    for (long k = 0; k < rows; k += DEEP * WIDTH)
        for (long begin = 0; begin < PANEL; begin += WIDTH) {
            vec tile[WIDTH]; /* each float of it is DEEP numbers */
            long count = rows - k < DEEP * WIDTH ? rows - k : DEEP * WIDTH;
#pragma GCC unroll 16
            for (long i = 0; i < WIDTH; i++) tile[i] = narrow_row(from + (begin + i) * stride + k, count);
            transpose(tile);
            for (long i = 0; i < count / DEEP; i++)
                store((float *)(to + (k + i * DEEP) * PANEL + begin * DEEP), tile[i]);
        }
}
