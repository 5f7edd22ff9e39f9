/* The path for every processor: vectors of 4 floats, which compilers turn into SSE2, NEON or plain instructions. */
#include <string.h>

#include "layer.h"

#define TARGET
#define INLINE static inline __attribute__((always_inline))
#define WIDTH 4
#define ROWS 2 /* 8 sums of 4: with more, 16 registers do not suffice */

typedef float vec __attribute__((vector_size(4 * WIDTH)));
typedef int32_t ints __attribute__((vector_size(4 * WIDTH)));

INLINE vec load(const float *from) {
    vec v;
    memcpy(&v, from, sizeof v);
    return v;
}
INLINE void store(float *to, vec v) { memcpy(to, &v, sizeof v); }
INLINE vec all(float x) { return (vec){x, x, x, x}; }
INLINE vec load_all(const float *from) { return all(*from); }
INLINE vec choose(ints where, vec yes, vec no) { return (vec)((where & (ints)yes) | (~where & (ints)no)); }

INLINE void interleave(vec one, vec other, vec *low, vec *high) {
    *low = (vec){one[0], other[0], one[1], other[1]};
    *high = (vec){one[2], other[2], one[3], other[3]};
}

#include "gates.h"

#include "floats.h"

INLINE long tile_rows(long left, long panels) { return panels > 1 ? 1 : left < ROWS ? left : ROWS; }

#include "sums.h"
#include "products.h"
#include "packing.h"

static int always(void) { return 1; }

const struct path portable_path = {
    .name = "portable",
    .runs_here = always,
    .number_size = sizeof(number),
    .side_by_side = 1,
    .depth = 1,
    .as_right = as_right,
    .transposed_as_right = transposed_as_right,
    .product = product,
    .gradient = gradient,
    .sum_rows = sum_rows,
    .scatter_rows = scatter_rows,
    .forward = {rnn_forward, gru_forward, lstm_forward, capped_lstm_forward},
    .backward = {rnn_backward, gru_backward, lstm_backward, capped_lstm_backward},
};
