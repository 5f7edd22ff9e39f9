/* Products with one vector, for paths with instructions that widen numbers; see `struct matrix` of layer.h.

   Besides what vectors.h needs, the including file defines widen_halves, which loads WIDTH numbers of half precision;
   narrow_to_halves, which stores them; widen_bytes, which loads WIDTH whole numbers of a byte; and all_equal: whether
   each number of a vector is that of another one but for rounding in single precision, and none is NaN. */

enum { SUMS = GROUP / WIDTH };

INLINE vec load_value(const int size, const void *values, long i) {
    if (size == 1) return widen_bytes((const int8_t *)values + i);
    return size == 2 ? widen_halves((const uint16_t *)values + i) : load((const float *)values + i);
}

/* Store WIDTH values, or return 0 where their size would change one. */
INLINE int store_value(vec some, const struct matrix *to, long at) {
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves a whole number in the low bits */
    vec kept = some + round - round;
    if (to->value_size == 4)
        store((float *)to->values + at, kept = some);
    else if (to->value_size == 1)
        for (long j = 0; j < WIDTH; j++) ((int8_t *)to->values)[at + j] = (int8_t)kept[j];
    else {
        narrow_to_halves((uint16_t *)to->values + at, some);
        kept = widen_halves((uint16_t *)to->values + at);
    }
    return to->value_size == 4 || all_equal(kept, some);
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
                if (!store_value(some / load(to->scales + i), to, at)) return 0;
            }
    return 1;
}

/* sums += the column of a group */
INLINE void add_column(const int size, const void *values, long at, float x, vec sums[SUMS]) {
    vec factor = all(x);
#pragma GCC unroll 8
    for (long j = 0; j < SUMS; j++) sums[j] += factor * load_value(size, values, at + j * WIDTH);
}

/* Enough sums run side by side, those of two columns, since each waits four cycles for its last addition. */
INLINE void product_of_values(const int size, const struct matrix *matrix, const float *x, float *y) {
    for (long row = 0; row < matrix->groups * GROUP; row += GROUP) {
        vec even[SUMS] = {0}, odd[SUMS] = {0};
        long begin = row * matrix->columns, k = 0;
        for (; k + 1 < matrix->columns; k += 2) {
            add_column(size, matrix->values, begin + k * GROUP, x[k], even);
            add_column(size, matrix->values, begin + (k + 1) * GROUP, x[k + 1], odd);
        }
        if (k < matrix->columns) add_column(size, matrix->values, begin + k * GROUP, x[k], even);
#pragma GCC unroll 8
        for (long j = 0; j < SUMS; j++) {
            long i = row + j * WIDTH;
            store(y + i, load(y + i) + load(matrix->scales + i) * (even[j] + odd[j]));
        }
    }
}

TARGET static void product_with_vector(const struct matrix *matrix, const float *x, float *y) {
    switch (matrix->value_size) {
    case 1: product_of_values(1, matrix, x, y); break;
    case 2: product_of_values(2, matrix, x, y); break;
    case 4: product_of_values(4, matrix, x, y); break;
    }
}
