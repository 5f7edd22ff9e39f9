/* The path for x86 processors with AVX512-BF16: products of numbers rounded to bfloat16, summed in float32. */
#include "layer.h"

#if defined(HAS_AVX512BF16)

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

#include "avx512.h"

typedef uint16_t number;
typedef __m512bh numbers;
#define DEEP 2

INLINE numbers load_numbers(const number *from) { return (__m512bh)_mm512_loadu_si512(from); }
INLINE numbers load_factor(const number *from) {
    int pair;
    __builtin_memcpy(&pair, from, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}
INLINE vec add_product(vec sum, numbers one, numbers other) { return _mm512_dpbf16_ps(sum, one, other); }

INLINE vec narrow_row(const float *from, long count) {
    __m512bh both = count == PANEL ? (__m512bh)_mm512_zextsi256_si512((__m256i)_mm512_cvtneps_pbh(load(from)))
                                   : _mm512_cvtne2ps_pbh(load(from + WIDTH), load(from));
    return (vec)both;
}

#include "products.h"
#include "packing.h"

/* Each row side by side, as in the panel. */
TARGET static void as_left(long rows, const float *panel, void *left) {
    number *to = left;
    for (long r = 0; r < rows; r++)
        _mm256_storeu_si256((__m256i *)(to + r * PANEL), (__m256i)_mm512_cvtneps_pbh(load(panel + r * PANEL)));
}

/* Rows in pairs, number by number: (0, 0), (1, 0), (0, 1), (1, 1) ...; the last of an odd number of rows with zeros. */
TARGET static void as_right(long rows, const float *from, long stride, void *right) {
    number *to = right;
    for (long r = 0; r < rows; r += 2) {
        vec even = load(from + r * stride), odd = r + 1 < rows ? load(from + (r + 1) * stride) : all(0);
        /* 32 bits hold a number of the even row below one of the odd row */
        __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
        __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
        _mm512_storeu_si512(to + r * PANEL, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
}

static int has_avx512bf16(void) {
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}

const struct path avx512bf16_path = {
    .name = "avx512bf16",
    .runs_here = has_avx512bf16,
    .number_size = sizeof(number),
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
