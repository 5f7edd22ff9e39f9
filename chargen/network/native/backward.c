/* A layer backward through time: the gradients of the weights, the input and the state at the beginning. */
#include <string.h>

#include "run.h"

/* Pack one gate's weights for the right side of products with its ds: the columns of some panels, `stride` apart. */
static void pack_back(const struct run *run, const float *weights, long width, struct range panels, void *right,
                      long stride) {
    for (long k = 0; k < run->units; k++)
        for (long j = panels.begin; j < panels.end; j++) {
            const float *rows = weights + k * PANEL * width;
            void *to = at(run, right, j * stride + k * PANEL * PANEL);
            long left = run->H - k * PANEL;
            if (left >= PANEL && width - j * PANEL >= PANEL) {
                run->path->as_right(PANEL, rows + j * PANEL, width, to);
            } else {
                float tile[PANEL * PANEL] = {0};
                pack_rows(rows, width, left < PANEL ? left : PANEL, j, width, tile);
                run->path->as_right(PANEL, tile, PANEL, to);
            }
        }
}

/* Pack the weights that the backward pass multiplies with, the rows of all gates below each other: those of the units
   that a thread owns, and its share of those of the inputs. */
static void pack_backward(const struct run *run, struct range own, struct range own_columns) {
    long H = run->H, inputs = run->inputs, size = run->units * PANEL * PANEL; /* of one gate */
    for (long g = 0; g < run->G; g++) {
        const float *hidden = run->layer->W_hh + run->cell->recurrent_gate[g] * H * H;
        const float *in = run->layer->W_ih + run->cell->input_gate[g] * H * inputs;
        pack_back(run, hidden, H, own, at(run, run->recurrent_back, g * size), run->G * size);
        pack_back(run, in, inputs, own_columns, at(run, run->input_back, g * size), run->G * size);
    }
}

/* dh += ds W_hh, with the ds of step t */
static void pass_back(const struct run *run, struct range units, long t) {
    long size = run->G * run->units * PANEL * PANEL;
    run->path->product(run->B, units.end - units.begin, run->G * run->units, left_at(run, &run->ds, 0, t * run->B),
                       run->ds.stride, at(run, run->recurrent_back, units.begin * size), size,
                       run->dh + units.begin * run->B * PANEL, run->B * PANEL);
}

static void step_backward(const struct run *run, struct range own, long t) {
    long before = t * run->B * PANEL, after = before + run->B * PANEL;
    const float *d_outputs = run->layer->d_outputs ? run->layer->d_outputs + t * run->H : 0;
    for (long u = own.begin; u < own.end; u++) {
        float *dh = run->dh + u * run->B * PANEL, *dc = run->dc + u * run->B * PANEL;
        const float *h = run->h.panels + u * run->h.stride, *c = run->c.panels + u * run->c.stride;
        long gates = u * run->gates.stride + before;
        if ((u - own.begin) % TOGETHER == 0) {
            if (d_outputs) fetch_rows(d_outputs, run->T * run->H, run->B, next_units(own, u));
            if (t + 1 < run->T) pass_back(run, next_units(own, u), t + 1);
        }
        if (d_outputs) add_rows(d_outputs, run->T * run->H, run->B, u, run->H, dh);
        run->path->backward[run->layer->cell](run->B * PANEL, run->gates.panels + gates, run->ds.panels + gates,
                                              run->slot, h + before, c + before, h + after, c + after, dh, dc);
        for (long slot = 0; slot < run->cell->slots; slot++) {
            clear_columns(run->ds.panels + slot * run->slot + gates, run->B, u, run->H);
            make_left(run, &run->ds, slot * run->units + u, t * run->B, run->B);
        }
    }
}

/* Copy a panel of what the weights multiply for the right side of gradients. */
static void make_right(const struct run *run, const struct list *list, long panel) {
    if (!run->path->as_left) return;
    long rows = run->T * run->B, written = (rows + 1) / 2 * 2;
    void *right = at(run, list->right, panel * list->right_stride);
    run->path->as_right(rows, list->panels + panel * list->stride, PANEL, right);
    memset(at(run, right, written * PANEL), 0, (run->gradient_rows - written) * PANEL * run->path->number_size);
}

/* Return a slot's ds of some panels of units for the left side of gradients. */
static void *gradient_left(const struct run *run, long slot, struct range units) {
    const struct path *path = run->path;
    float *ds = run->ds.panels + slot * run->slot;
    if (!path->as_left) return ds + units.begin * run->ds.stride;
    for (long u = units.begin; u < units.end; u++) {
        void *to = at(run, run->ds.right, u * run->ds.right_stride);
        if (path->as_gradient_left)
            path->as_gradient_left(run->T * run->B, ds + u * run->ds.stride, to);
        else
            path->as_right(run->T * run->B, ds + u * run->ds.stride, PANEL, to);
    }
    return at(run, run->ds.right, units.begin * run->ds.right_stride);
}

static long one_or_two(long left) { return left > 1 ? 2 : 1; }

/* The gradients of one gate's weights for a few panels of units: one product over all T * B rows. What the weights
   multiply passes through the caches once for all these units. */
static void gate_gradient(const struct run *run, void *ds, struct range units, const struct list *list, long panels,
                          long gate, long width, float *weights) {
    for (long j = 0, right; j < panels; j += right) {
        void *b = at(run, list->right, j * list->right_stride);
        right = one_or_two(panels - j);
        for (long u = units.begin, left; u < units.end; u += left) {
            float tiles[4 * PANEL * PANEL];
            left = one_or_two(units.end - u);
            void *a = at(run, ds, (u - units.begin) * run->ds.right_stride);
            run->path->gradient(run->gradient_rows, left, right, a, run->ds.right_stride, b, list->right_stride, tiles);
            for (long i = 0; i < left * right; i++)
                unpack_tile(tiles + i * PANEL * PANEL, gate, u + i / right, j + i % right, run->H, width, weights);
        }
    }
}

/* The gradient of one gate's biases: the sums of all rows. */
static void sum_rows(const struct run *run, const float *ds, long gate, long u, float *bias) {
    float sums[PANEL];
    run->path->sum_rows(run->T * run->B, ds, sums);
    unpack_rows(sums, 1, u, run->H, bias + gate * run->H, run->H);
}

/* The gradients of one gate's biases, and of its weights for ids, for a panel of units. */
static void sum_gradients(const struct run *run, long slot, long u) {
    const struct layer *layer = run->layer;
    const float *ds = run->ds.panels + slot * run->slot + u * run->ds.stride;
    long g = slot - run->first_input_slot, gate = run->cell->input_gate[g < 0 ? 0 : g];
    if (slot < run->G) sum_rows(run, ds, run->cell->recurrent_gate[slot], u, layer->db_hh);
    if (g < 0) return;
    sum_rows(run, ds, gate, u, layer->db_ih);
    if (layer->ids) {
        float *sums = run->d_table + (g * run->units + u) * run->inputs * PANEL;
        memset(sums, 0, run->inputs * PANEL * sizeof(float));
        run->path->scatter_rows(run->B, run->T, ds, layer->ids, sums);
        unpack_transposed(sums, gate, u, run->H, run->inputs, layer->dW_ih);
    }
}

/* The gradients of the weights of the units that a thread owns. */
static void weight_gradients(const struct run *run, struct range own) {
    const struct layer *layer = run->layer;
    for (long slot = 0; slot < run->cell->slots; slot++)
        for (long begin = own.begin; begin < own.end; begin += TOGETHER) {
            struct range units = next_units(own, begin);
            void *ds = gradient_left(run, slot, units);
            long g = slot - run->first_input_slot;
            if (slot < run->G)
                gate_gradient(run, ds, units, &run->h, run->units, run->cell->recurrent_gate[slot], run->H, layer->dW_hh);
            if (g >= 0)
                gate_gradient(run, ds, units, &run->x, run->columns, run->cell->input_gate[g], run->inputs, layer->dW_ih);
            for (long u = begin; u < units.end; u++) sum_gradients(run, slot, u);
        }
}

/* dx = ds W_ih, for the steps that are a thread's share. */
static void input_gradients(const struct run *run, struct range times) {
    long begin = times.begin * run->B * PANEL, rows = (times.end - times.begin) * run->B, G = run->G;
    long size = G * run->units * PANEL * PANEL, stride = panel_size(run->T * run->B);
    for (long j = 0; j < run->columns; j++) memset(run->dx + j * stride + begin, 0, rows * PANEL * sizeof(float));
    run->path->product(rows, run->columns, G * run->units,
                       left_at(run, &run->ds, run->first_input_slot * run->units, times.begin * run->B), run->ds.stride,
                       run->input_back, size, run->dx + begin, stride);
    for (long j = 0; j < run->columns; j++) {
        float *dx = run->dx + j * stride + begin;
        for (long t = times.begin; t < times.end; t++, dx += run->B * PANEL)
            unpack_rows(dx, run->B, j, run->inputs, run->layer->dx + t * run->inputs, run->T * run->inputs);
    }
}

/* Let the gradient of a state begin with that of the last state, or with zeros. */
static void begin_gradient(const float *d_end, const struct run *run, long u, float *d) {
    memset(d, 0, run->B * PANEL * sizeof(float));
    if (d_end) add_rows(d_end, run->H, run->B, u, run->H, d);
}

void backward_task(void *argument, struct team *team, long rank, long threads) {
    const struct run *run = argument;
    const struct layer *layer = run->layer;
    struct range own = share_of(run->units, rank, threads), columns = share_of(run->columns, rank, threads);
    pack_backward(run, own, layer->dx ? columns : (struct range){0, 0});
    for (long u = own.begin; u < own.end; u++) {
        begin_gradient(layer->d_h_end, run, u, run->dh + u * run->B * PANEL);
        begin_gradient(layer->d_c_end, run, u, run->dc + u * run->B * PANEL);
        make_right(run, &run->h, u);
    }
    for (long j = columns.begin; j < columns.end; j++) make_right(run, &run->x, j);
    for (long t = run->T - 1; t >= 0; t--) {
        step_backward(run, own, t);
        wait_for_all(team);
    }
    pass_back(run, own, 0);
    for (long u = own.begin; u < own.end; u++) {
        unpack_rows(run->dh + u * run->B * PANEL, run->B, u, run->H, layer->dh_begin, run->H);
        if (run->cell->states == 2) unpack_rows(run->dc + u * run->B * PANEL, run->B, u, run->H, layer->dc_begin, run->H);
    }
    if (layer->dx) input_gradients(run, share_of(run->T, rank, threads));
    weight_gradients(run, own);
    leave(run);
}
