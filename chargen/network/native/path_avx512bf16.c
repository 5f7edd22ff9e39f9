/* The path for x86 processors with AVX512-BF16: products of numbers rounded to bfloat16, summed in float32. */
#include "layer.h"

#if defined(HAS_AVX512BF16)

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

#include "avx512.h"

#define SIDE_BY_SIDE 1
#include "bfloat16.h"

INLINE numbers load_numbers(const number *from) { return (__m512bh)_mm512_loadu_si512(from); }
INLINE numbers load_factor(const number *from) {
    int pair;
    __builtin_memcpy(&pair, from, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}
INLINE vec add_product(vec sum, numbers one, numbers other) { return _mm512_dpbf16_ps(sum, one, other); }

#include "packing.h"
#include "sums.h"
#include "products.h"

static int has_avx512bf16(void) {
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}

const struct path avx512bf16_path = {
    .name = "avx512bf16",
    .runs_here = has_avx512bf16,
    .number_size = sizeof(number),
    .side_by_side = SIDE_BY_SIDE,
    .depth = 2,
    .as_left = as_left,
    .as_right = as_right,
    .transposed_as_right = transposed_as_right,
    .product = product,
    .gradient = gradient,
    .sum_rows = sum_rows,
    .scatter_rows = scatter_rows,
    .forward = {rnn_forward, gru_forward, lstm_forward, capped_lstm_forward},
    .backward = {rnn_backward, gru_backward, lstm_backward, capped_lstm_backward},
};

#else
typedef int nothing_to_compile;
#endif
