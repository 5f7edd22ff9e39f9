/* exp, tanh and sigmoid of vectors, for gates.h: after Cephes (Moshier, 1989), netlib.org/cephes.

   The including file, one for each path, defines TARGET, the attribute that names the instructions; INLINE; WIDTH, the
   floats in a vector; the types vec and ints; load, store, all, load_all and choose.

   Largest errors, over all floats: tanh 2 units in the last place, sigmoid 3 (above -80; below it is under 1e-34).
   NaN goes through as NaN. */

/* exp(x), with x held between -87.3 and 88. */
INLINE vec exp_of(vec x) {
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves a whole number in the low bits */
    vec y = choose(x < -87.3f, all(-87.3f), choose(x > 88.0f, all(88.0f), x));
    vec shifted = y * 1.44269504f + round;
    vec n = shifted - round; /* y = n ln 2 + r, with r in -0.35 ... 0.35 */
    vec r = y - n * 0.693359375f - n * -2.12194440e-4f;
    vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    vec scaled = (vec)((ints)p + ((ints)shifted << 23)); /* p * 2^n */
    return choose(x == x, scaled, x);
}

/* 1 / (1 + exp(-x)) */
INLINE vec sigmoid_of(vec x) { return 1.0f / (1.0f + exp_of(-x)); }

/* x + x^3 P(x^2) near 0, sign(x) (1 - 2 / (1 + exp(2 |x|))) elsewhere. */
INLINE vec tanh_of(vec x) {
    vec z = x * x;
    vec p = z * -5.70498872745e-3f + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    vec near = p * z * x + x;
    vec size = (vec)((ints)x & 0x7fffffff);
    vec far = 1.0f - 2.0f / (1.0f + exp_of(size + size));
    far = (vec)((ints)far | ((ints)x & (int)0x80000000u));
    return choose(size < 0.625f, near, far);
}
