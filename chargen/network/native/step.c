/* What reading a character does, and writing some: in one text, or in many side by side. A step of one text waits for
   memory, and so reads weights of as few bytes as lose nothing. Many texts read the packed floats of layers; each thread
   writes its own share of them, so that none waits for another before the end. */
#include <math.h>
#include <string.h>

#include "run.h"

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

/* Some texts that one thread writes side by side; as `Share` of library.py. */
struct share {
    int64_t first, texts;
    struct layer *steps;       /* of each layer one step, whose weights are packed */
    int64_t *ids;              /* (texts,): the characters to read; the input of the first layer, where x is null */
    float *x;                  /* (texts, row_size): else what they bring to it */
    float *h;                  /* of all layers, one after the other, padded: of one text, for the output layer */
    float *logits;             /* (texts, rows of the output) */
};

/* What all shares of a call have in common; row i of `uniform` and `ids` belongs to text i. */
struct writing {
    const struct network *network;
    const struct share *shares;
    long shares_count, count;  /* count: characters of each text */
    double temperature, min_p;
    const double *uniform;     /* (texts, count) */
    int64_t *ids;              /* (texts, count) */
};

EXPORT int64_t chargen_network_size(void) {
    return sizeof(struct network) + sizeof(struct step) + sizeof(struct share);
}

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

/* The logits that the states of all layers lead to. */
static void predict(const struct network *network, const float *h, float *logits) {
    memcpy(logits, network->bias, network->output.groups * GROUP * sizeof(float));
    paths[network->path]->product_with_vector(&network->output, h, logits);
}

/* Read one character, and predict the next one. */
EXPORT void chargen_read(const struct network *network, int64_t id) {
    const struct path *path = paths[network->path];
    const float *row = network->rows + id * network->row_size;
    if (network->steps->x) network->steps->x = row;
    else network->steps->begin = row;
    for (long layer = 0; layer < network->layers; layer++) take_step(path, &network->steps[layer]);
    predict(network, network->h, network->logits);
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

/* Read one character of each text, and predict the next ones. */
static void read_texts(const struct network *network, const struct share *share) {
    long size = network->row_size, H = share->steps->H, wide = network->output.columns / network->layers;
    for (long i = 0; share->x && i < share->texts; i++)
        memcpy(share->x + i * size, network->rows + share->ids[i] * size, size * sizeof(float));
    for (long layer = 0; layer < network->layers; layer++) forward_alone(&share->steps[layer]);
    for (long i = 0; i < share->texts; i++) {
        for (long layer = 0; layer < network->layers; layer++)
            memcpy(share->h + layer * wide, share->steps[layer].h_end + i * H, H * sizeof(float));
        predict(network, share->h, share->logits + i * network->output.groups * GROUP);
    }
}

static void write_share(const struct writing *writing, const struct share *share) {
    const struct network *network = writing->network;
    for (long n = 0; n < writing->count; n++) {
        for (long i = 0; i < share->texts; i++) {
            const float *logits = share->logits + i * network->output.groups * GROUP;
            long at = (share->first + i) * writing->count + n;
            long id = draw(logits, network->V, writing->temperature, writing->min_p, writing->uniform[at]);
            share->ids[i] = writing->ids[at] = id < 0 ? 0 : id; /* as filters.py does where no logit is a number */
        }
        read_texts(network, share);
    }
}

static void write_shares(void *argument, struct team *team, long rank, long threads) {
    const struct writing *writing = argument;
    (void)team;
    for (long i = rank; i < writing->shares_count; i += threads) write_share(writing, &writing->shares[i]);
}

/* Draw `count` characters of each text, one after the other, and read each; at most one thread for each share. */
EXPORT void chargen_write_texts(const struct network *network, const struct share *shares, int64_t shares_count,
                                double temperature, double min_p, const double *uniform, int64_t count, int64_t *ids) {
    struct writing writing = {network, shares, shares_count, count, temperature, min_p, uniform, ids};
    run_together(shares_count, write_shares, &writing);
}
