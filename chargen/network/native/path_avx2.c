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

INLINE void interleave(vec one, vec other, vec *low, vec *high) {
    vec a = _mm256_unpacklo_ps(one, other), b = _mm256_unpackhi_ps(one, other); /* of each half */
    *low = _mm256_permute2f128_ps(a, b, 0x20);
    *high = _mm256_permute2f128_ps(a, b, 0x31);
}

#include "gates.h"

#include "floats.h"

/* Tiles of nearly equal size: 16 rows are 6, 5 and 5. */
INLINE long tile_rows(long left, long panels) {
    return panels > 1 ? 1 : left <= ROWS ? left : left < 2 * ROWS ? (left + 1) / 2 : ROWS;
}

#include "sums.h"
#include "products.h"
#include "packing.h"

INLINE vec widen_halves(const uint16_t *from) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from)); }
INLINE void narrow_to_halves(uint16_t *to, vec v) { _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(v, 0)); }
INLINE vec widen_bytes(const int8_t *from) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)from)));
}

INLINE int all_equal(vec one, vec other) {
    vec sign = all(-0.0f), apart = _mm256_andnot_ps(sign, one - other), size = _mm256_andnot_ps(sign, other);
    return _mm256_movemask_ps(_mm256_cmp_ps(apart, size * 1e-6f, _CMP_LE_OQ)) == 0xff;
}

#include "matrix.h"

/* No processor has AVX2 and not F16C. */
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

const struct path avx2_path = {
    .name = "avx2",
    .runs_here = has_avx2,
    .number_size = sizeof(number),
    .side_by_side = 1,
    .depth = 1,
    .as_right = as_right,
    .transposed_as_right = transposed_as_right,
    .product = product,
    .gradient = gradient,
    .sum_rows = sum_rows,
    .scatter_rows = scatter_rows,
    .pack = pack,
    .product_with_vector = product_with_vector,
    .forward = {rnn_forward, gru_forward, lstm_forward, capped_lstm_forward},
    .backward = {rnn_backward, gru_backward, lstm_backward, capped_lstm_backward},
};

#else
typedef int nothing_to_compile;
#endif
