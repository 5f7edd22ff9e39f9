/* Products with one vector, for paths that can widen half precision; see `struct matrix` of layer.h.

   Besides what vectors.h needs, the including file defines `halves`, a vector of WIDTH numbers in half precision;
   load_halves, store_halves, widen, narrow; and all_equal: whether each number of a vector is that of another one but
   for rounding in single precision, and none is NaN. */

INLINE vec load_value(const int in_halves, const void *values, long i) {
    return in_halves ? widen(load_halves((const uint16_t *)values + i)) : load((const float *)values + i);
}

TARGET static int pack(const float *weight, long row_stride, long column_stride, const int64_t *rows,
                       const struct matrix *to) {
    long at = 0;
    for (long row = 0; row < to->groups * GROUP; row += GROUP)
        for (long k = 0; k < to->columns; k++)
            for (long i = row; i < row + GROUP; i += WIDTH, at += WIDTH) {
                vec some = all(0);
                for (long j = 0; j < WIDTH; j++)
                    if (rows[i + j] >= 0) some[j] = weight[rows[i + j] * row_stride + k * column_stride];
                some /= load(to->scales + i);
                if (to->halves) {
                    halves narrowed = narrow(some);
                    if (!all_equal(widen(narrowed), some)) return 0;
                    store_halves((uint16_t *)to->values + at, narrowed);
                } else
                    store((float *)to->values + at, some);
            }
    return 1;
}

/* Enough sums run side by side, since each waits four cycles for its last addition. */
INLINE void product_of_values(const int in_halves, const struct matrix *matrix, const float *x, float *y) {
    for (long row = 0; row < matrix->groups * GROUP; row += GROUP) {
        vec sums[GROUP / WIDTH] = {0};
        for (long k = 0; k < matrix->columns; k++) {
            vec factor = load_all(x + k);
#pragma GCC unroll 8
            for (long j = 0; j < GROUP; j += WIDTH)
                sums[j / WIDTH] += factor * load_value(in_halves, matrix->values, row * matrix->columns + k * GROUP + j);
        }
#pragma GCC unroll 8
        for (long j = 0; j < GROUP; j += WIDTH)
            store(y + row + j, load(y + row + j) + load(matrix->scales + row + j) * sums[j / WIDTH]);
    }
}

TARGET static void product_with_vector(const struct matrix *matrix, const float *x, float *y) {
    if (matrix->halves)
        product_of_values(1, matrix, x, y);
    else
        product_of_values(0, matrix, x, y);
}
