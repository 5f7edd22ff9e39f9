/* What products.h multiplies on the paths in single precision. */

typedef float number;
typedef vec numbers;
#define DEEP 1

INLINE numbers load_numbers(const number *from) { return load(from); }
INLINE numbers load_factor(const number *from) { return load_all(from); }
INLINE vec add_product(vec sum, numbers one, numbers other) { return sum + one * other; }
