/* Floats rounded to bfloat16, as the products of processors with AVX-512 read them, and AMX with them. The including file
   defines SIDE_BY_SIDE, the panels whose rows lie next to each other on the left. */

typedef uint16_t number;
typedef __m512bh numbers;
#define DEEP 2

INLINE vec narrow_row(const float *from, long count) {
    __m512bh both = count == PANEL ? (__m512bh)_mm512_zextsi256_si512((__m256i)_mm512_cvtneps_pbh(load(from)))
                                   : _mm512_cvtne2ps_pbh(load(from + WIDTH), load(from));
    return (vec)both;
}

/* Each row side by side, as in the panel. */
TARGET static void as_left(long rows, const float *panel, void *left) {
    number *to = left;
    for (long r = 0; r < rows; r++)
        _mm256_storeu_si256((__m256i *)(to + r * SIDE_BY_SIDE * PANEL),
                            (__m256i)_mm512_cvtneps_pbh(load(panel + r * PANEL)));
}

/* Row r and the next one, number by number: (r, 0), (r + 1, 0), (r, 1), (r + 1, 1) ...; zeros for rows that are not there. */
INLINE __m512i pair_of_rows(long r, long rows, const float *from, long stride) {
    vec even = r < rows ? load(from + r * stride) : all(0), odd = r + 1 < rows ? load(from + (r + 1) * stride) : all(0);
    /* 32 bits hold a number of the even row below one of the odd row */
    __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
    __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

/* Rows in pairs, the last of an odd number of rows with zeros. */
TARGET static void as_right(long rows, const float *from, long stride, void *right) {
    number *to = right;
    for (long r = 0; r < rows; r += 2) _mm512_storeu_si512(to + r * PANEL, pair_of_rows(r, rows, from, stride));
}
