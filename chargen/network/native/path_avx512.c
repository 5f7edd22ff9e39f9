/* The path for x86 processors with AVX-512: vectors of 16 floats. */
#if defined(__x86_64__)

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

#include "avx512.h"
#include "floats.h"
#include "sums.h"
#include "products.h"
#include "packing.h"

INLINE vec widen_halves(const uint16_t *from) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from)); }
INLINE void narrow_to_halves(uint16_t *to, vec v) { _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(v, 0)); }
INLINE vec widen_bytes(const int8_t *from) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)from)));
}

INLINE int all_equal(vec one, vec other) {
    return _mm512_cmp_ps_mask(_mm512_abs_ps(one - other), _mm512_abs_ps(other) * 1e-6f, _CMP_LE_OQ) == 0xffff;
}

#include "matrix.h"

static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

const struct path avx512_path = {
    .name = "avx512",
    .runs_here = has_avx512,
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
