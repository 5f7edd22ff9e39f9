/* The draw of one text's next character, as filters.py makes it without top-k and top-p. */
#include <math.h>

#include "panels.h"

/* How likely a character is, beside the likeliest one; 0 where that is below min_p. */
static double share(float logit, float largest, double temperature, double min_p) {
    double share = exp(((double)logit - largest) / temperature);
    return share < min_p ? 0 : share;
}

/* Returns the character, or -1 where a logit is no number or all are infinite.

   logits (V,); `uniform` is a number from 0 to below 1. */
EXPORT int64_t chargen_draw(const float *logits, int64_t V, double temperature, double min_p, double uniform) {
    float largest = logits[0];
    double total = 0, sum = 0;
    for (long i = 1; i < V; i++) largest = logits[i] > largest ? logits[i] : largest;
    for (long i = 0; i < V; i++) total += share(logits[i], largest, temperature, min_p);
    for (long i = 0; i < V; i++) {
        sum += share(logits[i], largest, temperature, min_p);
        if (sum > uniform * total) return i;
    }
    return -1;
}
