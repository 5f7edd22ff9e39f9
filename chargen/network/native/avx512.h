/* Vectors of 16 floats, for the paths of processors with AVX-512. The including file defines TARGET. */
#include <immintrin.h>

#include "layer.h"

#define INLINE TARGET static inline __attribute__((always_inline))
#define WIDTH 16
#define ROWS 16 /* 16 sums, a vector of weights and a factor, of 32 registers: enough sums to hide each other's waiting */

typedef __m512 vec;
typedef int32_t ints __attribute__((vector_size(4 * WIDTH)));

INLINE vec load(const float *from) { return _mm512_loadu_ps(from); }
INLINE void store(float *to, vec v) { _mm512_storeu_ps(to, v); }
INLINE vec all(float x) { return _mm512_set1_ps(x); }
INLINE vec load_all(const float *from) { return all(*from); }
INLINE vec choose(ints where, vec yes, vec no) {
    return _mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)where), no, yes);
}

INLINE void interleave(vec one, vec other, vec *low, vec *high) {
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *low = _mm512_permutex2var_ps(one, first, other);
    *high = _mm512_permutex2var_ps(one, _mm512_add_epi32(first, _mm512_set1_epi32(8)), other);
}

INLINE long tile_rows(long left, long panels) {
    if (panels == 1) return left >= 16 ? 16 : left >= 8 ? 8 : left > 6 ? 6 : left;
    return panels > 2 ? 1 : left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

#include "gates.h"
