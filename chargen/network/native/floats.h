/* What products.h multiplies on the paths in single precision. */

typedef float number;
typedef vec numbers;
#define DEEP 1

INLINE numbers load_numbers(const number *from) { return load(from); }
INLINE numbers load_factor(const number *from) { return load_all(from); }
INLINE vec add_product(vec sum, numbers one, numbers other) { return sum + one * other; }
INLINE vec narrow_row(const float *from, long count) { return (void)count, load(from); }

TARGET static void as_right(long rows, const float *from, long stride, void *right) {
    float *to = right;
    for (long r = 0; r < rows; r++) __builtin_memcpy(to + r * PANEL, from + r * stride, PANEL * sizeof(float));
}
