/* One step of one text, which waits for memory, and so reads weights in half precision where they lose nothing by it. */
#include "layer.h"
#include "panels.h"

/* As `Step` of step.py. Sizes are padded to multiples of 16; the slots of a cell, see layer.h, are H floats apart. */
struct step {
    int64_t path, cell, H;
    struct matrix recurrent, input; /* of G*H rows; the input has no columns for ids */
    const float *begin;             /* what the slots begin with: biases, and for an id its row of the input */
    const float *x;                 /* dense input, or null */
    float *gates;                   /* the slots */
    float *h, *c;                   /* (H,): the state before, then that after */
};

EXPORT int64_t chargen_step_size(void) { return sizeof(struct step); }

EXPORT const struct cell *chargen_cell(int64_t cell) { return &cells[cell]; }

EXPORT int64_t chargen_pack(int64_t path, const float *weight, int64_t row_stride, int64_t column_stride,
                            const int64_t *rows, const struct matrix *to) {
    return paths[path]->pack(weight, row_stride, column_stride, rows, to);
}

/* y += matrix x */
EXPORT void chargen_product(int64_t path, const struct matrix *matrix, const float *x, float *y) {
    paths[path]->product_with_vector(matrix, x, y);
}

EXPORT void chargen_step(const struct step *step) {
    const struct path *path = paths[step->path];
    const struct cell *cell = &cells[step->cell];
    for (long i = 0; i < cell->slots * step->H; i++) step->gates[i] = step->begin[i];
    path->product_with_vector(&step->recurrent, step->h, step->gates);
    if (step->x) path->product_with_vector(&step->input, step->x, step->gates + (cell->slots - cell->gates) * step->H);
    path->forward[step->cell](step->H, step->gates, step->H, step->h, step->c, step->h, step->c);
}
