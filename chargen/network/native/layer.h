/* What the files of the native kernels share: the layer as Python describes it, the paths and the threads.

   Letters as in cells.py: B batch, T time steps, H hidden size, G gates. A *panel* is a matrix of 16 columns: `rows`
   rows of 16 floats each, one after the other. Every matrix here is a list of panels, its columns padded with zeros to
   a multiple of 16; row t * B + b of a panel belongs to step t of sequence b. So no kernel has a tail of columns. */
#ifndef CHARGEN_LAYER_H
#define CHARGEN_LAYER_H

#include <stdint.h>

enum { PANEL = 16, MAX_SLOTS = 4 };

enum { RNN, GRU, LSTM, CAPPED_LSTM, CELLS };

/* A kind of cell. Its gates are kept in *slots*, one list of panels each. The recurrent product writes the first G
   slots, the input product the last G. For the RNN and the LSTMs they are the same; the GRU keeps what the state
   contributes to n, u_n, apart from what the input contributes, a_n: its slots are u_n, r, z, a_n. */
struct cell {
    long gates, slots, states;
    long recurrent_gate[MAX_SLOTS]; /* the gate, in PyTorch's order of rows, of each slot of the recurrent product */
    long input_gate[MAX_SLOTS];     /* and of each slot of the input product */
};

extern const struct cell cells[CELLS]; /* `Slots` of library.py reads them too */

/* A matrix for products with one vector: groups of 64 rows; of each group, column by column, 64 values, whole numbers of a
   byte, or numbers in half or single precision, which `scales`, one for each row, multiply. */
enum { GROUP = 64 };
struct matrix {
    int64_t groups, columns, value_size; /* of a value: 1, 2 or 4 bytes */
    void *values;        /* [group][column][row] */
    const float *scales; /* (64 * groups,) */
};

/* The functions of one instruction set.

   Products read *numbers*: floats, or floats rounded to two bytes. Where numbers are floats, a panel of floats is read as
   it is, and as_left is null. Else as_left writes a panel of floats as a product reads it on its left. as_right writes
   `rows` rows of 16 floats, `stride` apart, as a product reads them on its right, and the gradient on both sides; an odd
   number of rows is followed by one of zeros where two bytes are a number. transposed_as_right does so for the first
   `rows` columns, a multiple of 16, of 16 rows `stride` apart. All that they write lies as far apart, counted in numbers,
   as the rows of a panel in floats, or of `side_by_side` panels, whose rows as_left writes next to each other. */
struct path {
    const char *name;
    int (*runs_here)(void);
    long number_size;  /* bytes */
    long side_by_side; /* 1 or 2; every list has a multiple of so many panels */
    long depth;        /* of how many rows the gradient's panels are a multiple: 1, 2 or more, the last of them zeros */
    void (*as_left)(long rows, const float *panel, void *left);
    void (*as_right)(long rows, const float *from, long stride, void *right);
    /* Write a panel, and zeros up to the depth, as the gradient reads it on its left; null where that is as on its right. */
    void (*as_gradient_left)(long rows, const float *panel, void *left);
    void (*transposed_as_right)(long rows, const float *from, long stride, void *right);
    /* c += a w: c is `rows` rows of `panels` panels, `c_stride` apart; a, of `chunks` panels `a_stride` numbers apart, has
       as many rows; w is as many panels as c, `w_stride` apart, of 16 * chunks rows. Each sum runs over the columns of a
       in their order, whatever the number of rows and panels. */
    void (*product)(long rows, long panels, long chunks, const void *a, long a_stride, const void *w, long w_stride,
                    float *c, long c_stride);
    /* c[i][j] = a[i]^T b[j], 16 x 16 each, of `left` and `right` panels, 1 or 2, of `rows` rows; those of a lie `a_stride`
       numbers apart, those of b `b_stride`. */
    void (*gradient)(long rows, long left, long right, const void *a, long a_stride, const void *b, long b_stride,
                     float *c);
    /* What a thread does when it has computed its last product of a task; or null. */
    void (*leave)(void);
    /* The sum of all rows of a panel. */
    void (*sum_rows)(long rows, const float *panel, float *sum);
    /* Add row t * B + b of a panel to the row ids[b][t] of a table. */
    void (*scatter_rows)(long B, long T, const float *panel, const int64_t *ids, float *table);
    /* Fill the values of a matrix: its row i is the row rows[i] of a weight, divided by the scale, or zeros where that is
       -1. Returns 0, and stops, where values of this size would change a weight. Null, as the next one, where the path does
       not have it. */
    int (*pack)(const float *weight, long row_stride, long column_stride, const int64_t *rows, const struct matrix *to);
    /* y += matrix x */
    void (*product_with_vector)(const struct matrix *matrix, const float *x, float *y);
    /* Compute the gates and the next state of `count` units; slots lie `stride` floats apart. */
    void (*forward[CELLS])(long count, float *gates, long stride, const float *h_before, const float *c_before, float *h,
                           float *c);
    /* Turn dh and dc, the gradients of the next state, into ds, those of the sums in the slots, and into those parts of
       the gradients of the state before that do not pass through the recurrent product. */
    void (*backward[CELLS])(long count, const float *gates, float *ds, long stride, const float *h_before,
                            const float *c_before, const float *h, const float *c, float *dh, float *dc);
};

extern const struct path *const paths[];
extern const struct path portable_path;
#if defined(__x86_64__)
extern const struct path avx2_path, avx512_path;
#if defined(__clang__) || __GNUC__ >= 10 /* older ones do not know its instructions */
#define HAS_AVX512BF16 1
extern const struct path avx512bf16_path;
#endif
#if defined(__linux__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define HAS_AMX 1
extern const struct path amx_path;
#endif
#endif

/* One call, as the structure `Job` of library.py. All arrays are dense, in C order. */
struct layer {
    int64_t path, cell, B, T, inputs, H, threads;
    int64_t packed_before;        /* whether `packed` holds the weights already */
    int64_t forgets;              /* whether no backward pass follows: then `saved` holds one step, and grows with x alone */
    const int64_t *ids;           /* (B, T), or null */
    const float *x;               /* (B, T, inputs), or null */
    const float *W_ih, *W_hh;     /* (G*H, inputs), (G*H, H) */
    const float *b_ih, *b_hh;     /* (G*H,) */
    const float *h_begin, *c_begin;     /* (B, H) */
    float *outputs;               /* (B, T, H) */
    float *h_end, *c_end;         /* (B, H) */
    float *packed, *saved, *scratch;
    const float *d_outputs;       /* (B, T, H), or null for zeros */
    const float *d_h_end, *d_c_end;     /* (B, H), or null for zeros */
    float *dW_ih, *dW_hh, *db_ih, *db_hh;
    float *dx;                    /* (B, T, inputs), or null */
    float *dh_begin, *dc_begin;   /* (B, H) */
};

/* Threads that run one function together. */
struct team;
typedef void task(void *argument, struct team *team, long rank, long threads);
void run_together(long threads, task *function, void *argument);
void wait_for_all(struct team *team);
void run_alone(task *function, void *argument);

#endif
