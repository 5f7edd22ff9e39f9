/* The path for x86 processors with AMX: products of tiles of 16 rows of 32 numbers, rounded to bfloat16, summed in float32.
   All else is as on the path for AVX512-BF16, which these processors have too. */
#define _GNU_SOURCE /* syscall */
#include "layer.h"

#if defined(HAS_AMX)

#include <cpuid.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16")))

#include "avx512.h"

#define SIDE_BY_SIDE 2 /* panels: 32 numbers are a row of a tile on the left */
#include "bfloat16.h"

#include "packing.h"
#include "sums.h"

enum { TILE_ROWS = 16, TILE = TILE_ROWS * 32 }; /* numbers */
enum { LINE = 64 };                             /* bytes of a row of any tile */

/* What the instruction that sets up the eight tiles reads. */
struct tiles {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static _Thread_local long set_up; /* rows of the tiles of this thread, 100 * upper + lower; 0: not set up */

/* Set up tiles 0, 1: sums of `upper` rows; 2, 3: of `lower` rows; 4, 5: numbers on the left of so many rows; 6, 7: numbers
   on the right, in 16 pairs of rows. */
TARGET static void set_up_tiles(long upper, long lower) {
    if (set_up == 100 * upper + lower) return;
    struct tiles tiles __attribute__((aligned(64))) = {
        .palette = 1,
        .row_bytes = {LINE, LINE, LINE, LINE, LINE, LINE, LINE, LINE},
        .rows = {upper, upper, lower, lower, upper, lower, TILE_ROWS, TILE_ROWS},
    };
    __asm__ volatile("" : : "r"(&tiles) : "memory"); /* compilers do not know how much the next one reads */
    _tile_loadconfig(&tiles);
    set_up = 100 * upper + lower;
}

/* Give the tiles up, so that the processor need not keep them; whoever runs in this thread next sets up its own. */
TARGET static void leave(void) {
    if (set_up) _tile_release();
    set_up = 0;
}

/* c += a w for 17 to 32 rows and up to 2 panels: each tile on the right is read once for two on the left. */
TARGET static void product_of_many_rows(long rows, long panels, long pairs, const number *a, long a_stride,
                                        const number *w, long w_stride, float *c, long c_stride) {
    float *lower = c + TILE_ROWS * PANEL;
    set_up_tiles(TILE_ROWS, rows - TILE_ROWS);
    _tile_loadd(0, c, LINE);
    _tile_loadd(2, lower, LINE);
    if (panels > 1) {
        _tile_loadd(1, c + c_stride, LINE);
        _tile_loadd(3, lower + c_stride, LINE);
    }
    for (; pairs; pairs--, a += SIDE_BY_SIDE * a_stride, w += TILE) {
        _tile_loadd(6, w, LINE);
        _tile_loadd(4, a, LINE);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, a + TILE, LINE);
        _tile_dpbf16ps(2, 5, 6);
        if (panels > 1) {
            _tile_loadd(7, w + w_stride, LINE);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, LINE);
    _tile_stored(2, lower, LINE);
    if (panels > 1) {
        _tile_stored(1, c + c_stride, LINE);
        _tile_stored(3, lower + c_stride, LINE);
    }
}

/* c += a w for up to 16 rows and up to 4 panels. */
TARGET static void product_of_few_rows(long rows, long panels, long pairs, const number *a, long a_stride,
                                       const number *w, long w_stride, float *c, long c_stride) {
    set_up_tiles(rows, rows);
    _tile_loadd(0, c, LINE);
    if (panels > 1) _tile_loadd(1, c + c_stride, LINE);
    if (panels > 2) _tile_loadd(2, c + 2 * c_stride, LINE);
    if (panels > 3) _tile_loadd(3, c + 3 * c_stride, LINE);
    for (; pairs; pairs--, a += SIDE_BY_SIDE * a_stride, w += TILE) {
        _tile_loadd(4, a, LINE);
        _tile_loadd(6, w, LINE);
        _tile_dpbf16ps(0, 4, 6);
        if (panels > 1) {
            _tile_loadd(7, w + w_stride, LINE);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (panels > 2) {
            _tile_loadd(6, w + 2 * w_stride, LINE);
            _tile_dpbf16ps(2, 4, 6);
        }
        if (panels > 3) {
            _tile_loadd(7, w + 3 * w_stride, LINE);
            _tile_dpbf16ps(3, 4, 7);
        }
    }
    _tile_stored(0, c, LINE);
    if (panels > 1) _tile_stored(1, c + c_stride, LINE);
    if (panels > 2) _tile_stored(2, c + 2 * c_stride, LINE);
    if (panels > 3) _tile_stored(3, c + 3 * c_stride, LINE);
}

TARGET static void product(long rows, long panels, long chunks, const void *left, long a_stride, const void *right,
                           long w_stride, float *c, long c_stride) {
    int few = rows <= TILE_ROWS;
    long most = few ? 4 : 2, pairs = chunks / SIDE_BY_SIDE;
    for (long panel = 0; panel < panels; panel += most) {
        long side = panels - panel < most ? panels - panel : most;
        const number *a = left, *w = (const number *)right + panel * w_stride;
        float *to = c + panel * c_stride;
        for (long row = 0; row < rows; row += 2 * TILE_ROWS, a += 2 * TILE, to += 2 * TILE_ROWS * PANEL) {
            long some = rows - row < 2 * TILE_ROWS ? rows - row : 2 * TILE_ROWS;
            if (some > TILE_ROWS)
                product_of_many_rows(some, side, pairs, a, a_stride, w, w_stride, to, c_stride);
            else
                product_of_few_rows(some, side, pairs, a, a_stride, w, w_stride, to, c_stride);
        }
    }
}

/* The columns of 32 rows, one after the other; so on for the next 32. */
TARGET static void as_gradient_left(long rows, const float *panel, void *left) {
    number *to = left;
    for (long begin = 0; begin < rows; begin += 2 * TILE_ROWS, to += TILE) {
        vec tile[WIDTH]; /* each float of it is two numbers, one below the other */
        for (long i = 0; i < WIDTH; i++) tile[i] = (vec)pair_of_rows(begin + 2 * i, rows, panel, PANEL);
        transpose(tile);
        for (long i = 0; i < WIDTH; i++) store((float *)(to + 2 * i * TILE_ROWS), tile[i]);
    }
}

TARGET static void gradient(long rows, long left, long right, const void *one, long a_stride, const void *other,
                            long b_stride, float *c) {
    const number *a = one, *b = other;
    set_up_tiles(TILE_ROWS, TILE_ROWS);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (long row = 0; row < rows; row += 2 * TILE_ROWS, a += TILE, b += TILE) {
        _tile_loadd(4, a, LINE);
        _tile_loadd(6, b, LINE);
        _tile_dpbf16ps(0, 4, 6);
        if (right > 1) {
            _tile_loadd(7, b + b_stride, LINE);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (left > 1) {
            _tile_loadd(5, a + a_stride, LINE);
            _tile_dpbf16ps(2, 5, 6);
            if (right > 1) _tile_dpbf16ps(3, 5, 7);
        }
    }
    const long size = PANEL * PANEL;
    _tile_stored(0, c, LINE);
    if (right > 1) _tile_stored(1, c + size, LINE);
    if (left > 1) _tile_stored(2, c + right * size, LINE);
    if (left > 1 && right > 1) _tile_stored(3, c + 3 * size, LINE);
}

static int asked_for_amx(void) {
    enum { REQUEST = 0x1023, TILE_DATA = 18, TILES = 1 << 24 | 1 << 22 }; /* Linux, Documentation/arch/x86/xstate.rst */
    unsigned a, b, c, d;
    return avx512bf16_path.runs_here() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & TILES) == TILES &&
           !syscall(SYS_arch_prctl, REQUEST, TILE_DATA);
}

/* Whether the processor has tiles of bfloat16, and the system lets this process use them. */
static int has_amx(void) {
    static atomic_int answer; /* 0: not known yet */
    if (!atomic_load(&answer)) atomic_store(&answer, asked_for_amx() ? 1 : -1);
    return atomic_load(&answer) > 0;
}

const struct path amx_path = {
    .name = "amx",
    .runs_here = has_amx,
    .number_size = sizeof(number),
    .side_by_side = SIDE_BY_SIDE,
    .depth = 2 * TILE_ROWS,
    .as_left = as_left,
    .as_right = as_right,
    .as_gradient_left = as_gradient_left,
    .transposed_as_right = transposed_as_right,
    .product = product,
    .gradient = gradient,
    .leave = leave,
    .sum_rows = sum_rows,
    .scatter_rows = scatter_rows,
    .forward = {rnn_forward, gru_forward, lstm_forward, capped_lstm_forward},
    .backward = {rnn_backward, gru_backward, lstm_backward, capped_lstm_backward},
};

#else
typedef int nothing_to_compile;
#endif
