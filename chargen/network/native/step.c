/* One text: what reading a character does, and writing some. A step of one text waits for memory, and so reads weights of
   as few bytes as lose nothing. */
#include <math.h>
#include <string.h>

#include "layer.h"
#include "panels.h"

/* As `Step` of library.py. Sizes are padded to multiples of 16; the slots of a cell, see layer.h, are H floats apart. */
struct step {
    int64_t cell, H;
    struct matrix recurrent, input; /* of G*H rows; the input has no columns for ids */
    const float *begin;             /* what the slots begin with: biases, and for an id its row of the input */
    const float *x;                 /* dense input, or null */
    float *gates;                   /* the slots */
    float *h, *c;                   /* (H,): the state before, then that after */
};

/* As `Network` of library.py. */
struct network {
    int64_t path, layers, V, row_size;
    const float *rows;        /* what each character brings to the first layer: its `begin`, or its `x` */
    struct step *steps;       /* one for each layer */
    struct matrix output;     /* of V rows, padded to groups */
    const float *bias;        /* of these rows */
    const float *h;           /* of all layers, one after the other */
    float *logits;            /* of the rows */
};

EXPORT int64_t chargen_network_size(void) { return sizeof(struct network) + sizeof(struct step); }

EXPORT const struct cell *chargen_cell(int64_t cell) { return &cells[cell]; }

EXPORT int64_t chargen_pack(int64_t path, const float *weight, int64_t row_stride, int64_t column_stride,
                            const int64_t *rows, const struct matrix *to) {
    return paths[path]->pack(weight, row_stride, column_stride, rows, to);
}

static void take_step(const struct path *path, const struct step *step) {
    const struct cell *cell = &cells[step->cell];
    float *of_input = step->gates + (cell->slots - cell->gates) * step->H;
    memcpy(step->gates, step->begin, cell->slots * step->H * sizeof(float));
    path->product_with_vector(&step->recurrent, step->h, step->gates);
    if (step->x) path->product_with_vector(&step->input, step->x, of_input);
    path->forward[step->cell](step->H, step->gates, step->H, step->h, step->c, step->h, step->c);
}

/* Read one character, and predict the next one. */
EXPORT void chargen_read(const struct network *network, int64_t id) {
    const struct path *path = paths[network->path];
    const float *row = network->rows + id * network->row_size;
    if (network->steps->x) network->steps->x = row;
    else network->steps->begin = row;
    for (long layer = 0; layer < network->layers; layer++) take_step(path, &network->steps[layer]);
    memcpy(network->logits, network->bias, network->output.groups * GROUP * sizeof(float));
    path->product_with_vector(&network->output, network->h, network->logits);
}

/* How likely a character is, beside the likeliest one; 0 where that is below min_p. */
static double share(float logit, float largest, double temperature, double min_p) {
    double share = exp(((double)logit - largest) / temperature);
    return share < min_p ? 0 : share;
}

/* Draw a character by a number from 0 to below 1, as filters.py does without top-k and top-p; -1 where a logit is no number
   or all are infinite. */
static long draw(const float *logits, long V, double temperature, double min_p, double uniform) {
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

/* Draw `count` characters from the logits, one after the other, and read each. Returns how many: fewer where logits leave
   none to draw. */
EXPORT int64_t chargen_write(const struct network *network, double temperature, double min_p, const double *uniform,
                             int64_t count, int64_t *ids) {
    for (long n = 0; n < count; n++) {
        ids[n] = draw(network->logits, network->V, temperature, min_p, uniform[n]);
        if (ids[n] < 0) return n;
        chargen_read(network, ids[n]);
    }
    return count;
}
