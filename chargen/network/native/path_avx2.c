/* The path for x86 processors with AVX2 and FMA: vectors of 8 floats. */
#include "layer.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define INLINE TARGET static inline __attribute__((always_inline))
#define WIDTH 8
#define ROWS 6 /* 12 sums of 8, 2 vectors of weights and 1 factor: 15 of 16 registers */

typedef __m256 vec;
typedef int32_t ints __attribute__((vector_size(4 * WIDTH)));

INLINE vec load(const float *from) { return _mm256_loadu_ps(from); }
INLINE void store(float *to, vec v) { _mm256_storeu_ps(to, v); }
INLINE vec all(float x) { return _mm256_set1_ps(x); }
INLINE vec load_all(const float *from) { return _mm256_broadcast_ss(from); }
INLINE vec choose(ints where, vec yes, vec no) { return _mm256_blendv_ps(no, yes, (vec)where); }

#include "kernels.h"

INLINE vec load_value(const int halves, const void *values, long i) {
    if (halves) return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)((const uint16_t *)values + i)));
    return load((const float *)values + i);
}

/* Whether each number is the other one but for rounding in float32; NaN is not. */
INLINE int all_equal(vec one, vec other) {
    vec sign = all(-0.0f), apart = _mm256_andnot_ps(sign, one - other), size = _mm256_andnot_ps(sign, other);
    return _mm256_movemask_ps(_mm256_cmp_ps(apart, size * 1e-6f, _CMP_LE_OQ)) == 0xff;
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
                    __m128i halves = _mm256_cvtps_ph(some, 0);
                    if (!all_equal(_mm256_cvtph_ps(halves), some)) return 0;
                    _mm_storeu_si128((__m128i *)((uint16_t *)to->values + at), halves);
                } else
                    store((float *)to->values + at, some);
            }
    return 1;
}

/* Eight sums run side by side, since each waits four cycles for its last addition. */
INLINE void product_of_values(const int halves, const struct matrix *matrix, const float *x, float *y) {
    for (long row = 0; row < matrix->groups * GROUP; row += GROUP) {
        vec sums[GROUP / WIDTH] = {0};
        for (long k = 0; k < matrix->columns; k++) {
            vec factor = load_all(x + k);
#pragma GCC unroll 8
            for (long j = 0; j < GROUP; j += WIDTH)
                sums[j / WIDTH] += factor * load_value(halves, matrix->values, row * matrix->columns + k * GROUP + j);
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

/* No processor has AVX2 and not F16C. */
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

const struct path avx2_path = {
    "avx2",
    has_avx2,
    product,
    product_of_a_row,
    pack,
    product_with_vector,
    gradient,
    {rnn_forward, gru_forward, lstm_forward},
    {rnn_backward, gru_backward, lstm_backward},
};

#else
typedef int nothing_to_compile;
#endif
