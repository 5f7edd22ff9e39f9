/* The path for x86 processors with AVX2 and FMA: vectors of 8 floats. */
#include "layer.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
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

static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

const struct path avx2_path = {
    "avx2",
    has_avx2,
    product,
    product_of_a_row,
    gradient,
    {rnn_forward, gru_forward, lstm_forward},
    {rnn_backward, gru_backward, lstm_backward},
};

#else
typedef int nothing_to_compile;
#endif
