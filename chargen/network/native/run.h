/* What the passes over a layer share: where everything lies, and the panels that products read. */
#ifndef CHARGEN_RUN_H
#define CHARGEN_RUN_H

#include "layer.h"
#include "panels.h"

/* Panels of floats, with their copies for products; see `struct path`. Where numbers are floats, these are the panels. */
struct list {
    float *panels;
    void *left, *right;
    long stride;       /* floats, and numbers of the left copies, from one panel to the next */
    long right_stride; /* numbers */
};

struct run {
    const struct layer *layer;
    const struct cell *cell;
    const struct path *path;
    long B, T, H, G, inputs;
    long units, columns;  /* panels of H units and of the dense inputs, as many as lie side by side */
    long gradient_rows;   /* T * B, or a little more, up to the path's depth */
    long first_input_slot;
    long slot;            /* floats in the panels of one slot: units * gates.stride */
    /* packed */
    float *bias;          /* [slot][unit panel] of 1 row: what the sums of a slot begin with */
    void *recurrent;      /* right: [unit panel][gate] of units * 16 rows */
    void *input;          /* right: [gate][unit panel] of columns * 16 rows; for ids null */
    float *table;         /* for ids: [gate][unit panel] of a row for each id, bias included */
    /* saved for the backward pass */
    struct list gates;    /* [slot][unit panel] of T * B rows; B where the layer forgets */
    struct list h, c;     /* [unit panel] of (T + 1) * B rows, the first B for the state at the beginning; 2 * B */
    struct list x;        /* [column panel] of T * B rows */
    /* of the backward pass */
    struct list ds;       /* as gates; on the right only [unit panel], of one slot at a time */
    float *dh, *dc;       /* [unit panel] of B rows */
    void *recurrent_back; /* right: [unit panel] of G * units * 16 rows */
    void *input_back;     /* right: [column panel] of G * units * 16 rows */
    float *dx;            /* [column panel] of T * B rows */
    float *d_table;       /* [gate][unit panel] of a row for each id */
};

/* Say where everything lies in the memory that the layer brings, and return how many floats of each kind it needs. */
void lay_out(struct run *run, const struct layer *layer, int64_t floats[3]);

enum { TOGETHER = 4 }; /* panels of units that a product computes before their gates: they stay in the first cache */

struct range share_of(long count, long rank, long threads);
struct range next_units(struct range own, long begin);
void *at(const struct run *run, void *numbers, long offset);
void forward_alone(const struct layer *layer);
void leave(const struct run *run);
void *left_at(const struct run *run, const struct list *list, long panel, long row);
void make_left(const struct run *run, const struct list *list, long panel, long row, long rows);

task forward_task, backward_task;

#endif
