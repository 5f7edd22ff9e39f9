/* A layer backward through time: the gradients of the weights, the input and the state at the beginning. */
#include <string.h>

#include "run.h"

/* Pack one gate's weights for the right side of products with its ds: the columns of one panel. */
static void pack_back(const struct run *run, const float *weights, long width, long panel_index, void *right) {
    long whole = width - panel_index * PANEL < PANEL ? 0 : run->H / PANEL; /* panels without zeros */
    run->path->as_right(whole * PANEL, weights + panel_index * PANEL, width, right);
    for (long k = whole; k < run->units; k++) {
        float tile[PANEL * PANEL];
        long rows = run->H - k * PANEL < PANEL ? run->H - k * PANEL : PANEL;
        pack_rows(weights + k * PANEL * width, width, rows, panel_index, width, tile);
        clear_rows(tile, rows, PANEL);
        run->path->as_right(PANEL, tile, PANEL, at(run, right, k * PANEL * PANEL));
    }
}

/* Pack the weights that the backward pass multiplies with, the rows of all gates below each other: those of the units
   that a thread owns, and its share of those of the inputs. */
static void pack_backward(const struct run *run, struct range own, struct range own_columns) {
    long H = run->H, inputs = run->inputs, size = run->units * PANEL * PANEL; /* of one gate */
    for (long g = 0; g < run->G; g++) {
        const float *hidden = run->layer->W_hh + run->cell->recurrent_gate[g] * H * H;
        const float *in = run->layer->W_ih + run->cell->input_gate[g] * H * inputs;
        for (long u = own.begin; u < own.end; u++)
            pack_back(run, hidden, H, u, at(run, run->recurrent_back, (u * run->G + g) * size));
        for (long j = own_columns.begin; j < own_columns.end; j++)
            pack_back(run, in, inputs, j, at(run, run->input_back, (j * run->G + g) * size));
    }
}

/* dh += ds W_hh, with the ds of step t */
static void pass_back(const struct run *run, struct range units, long t) {
    long size = run->G * run->units * PANEL * PANEL;
    run->path->product(run->B, units.end - units.begin, run->G * run->units, at(run, run->ds.left, t * run->B * PANEL),
                       run->ds.stride, at(run, run->recurrent_back, units.begin * size), size,
                       run->dh + units.begin * run->B * PANEL, run->B * PANEL);
}

static void step_backward(const struct run *run, struct range own, long t) {
    long before = t * run->B * PANEL, after = before + run->B * PANEL;
    for (long u = own.begin; u < own.end; u++) {
        float *dh = run->dh + u * run->B * PANEL, *dc = run->dc + u * run->B * PANEL;
        const float *h = run->h.panels + u * run->h.stride, *c = run->c.panels + u * run->c.stride;
        long gates = u * run->gates.stride + before;
        if (t + 1 < run->T && (u - own.begin) % TOGETHER == 0) pass_back(run, next_units(own, u), t + 1);
        if (run->layer->d_outputs)
            add_rows(run->layer->d_outputs + t * run->H, run->T * run->H, run->B, u, run->H, dh);
        run->path->backward[run->layer->cell](run->B * PANEL, run->gates.panels + gates, run->ds.panels + gates,
                                              run->slot, h + before, c + before, h + after, c + after, dh, dc);
        for (long slot = 0; slot < run->cell->slots; slot++) {
            clear_columns(run->ds.panels + slot * run->slot + gates, run->B, u, run->H);
            make_left(run, &run->ds, slot * run->slot + gates, run->B);
        }
    }
}

/* Return a list's panel as gradients read it, written to its place `to` on the right where that is a copy. */
static const void *right_panel(const struct run *run, const struct list *list, long offset, long to) {
    if (!run->path->as_left) return list->panels + offset;
    void *right = at(run, list->right, to * list->right_stride);
    run->path->as_right(run->T * run->B, list->panels + offset, PANEL, right);
    return right;
}

/* The gradients of one gate's weights for a panel of units: of those of the state, and of those of the input. */
static void recurrent_gradient(const struct run *run, const void *ds, long gate, long u) {
    for (long j = 0; j < run->units; j++) {
        float tile[PANEL * PANEL];
        run->path->gradient(run->T * run->B, ds, at(run, run->h.right, j * run->h.right_stride), tile);
        unpack_tile(tile, gate, u, j, run->H, run->H, run->layer->dW_hh);
    }
}

static void input_gradient(const struct run *run, const void *ds, long gate, long u) {
    for (long j = 0; j < run->columns; j++) {
        float tile[PANEL * PANEL];
        run->path->gradient(run->T * run->B, ds, at(run, run->x.right, j * run->x.right_stride), tile);
        unpack_tile(tile, gate, u, j, run->H, run->inputs, run->layer->dW_ih);
    }
}

/* The gradients of the weights of the units that a thread owns: one product over all T * B rows. */
static void weight_gradients(const struct run *run, struct range own) {
    const struct layer *layer = run->layer;
    long rows = run->T * run->B;
    for (long slot = 0; slot < run->cell->slots; slot++)
        for (long u = own.begin; u < own.end; u++) {
            long offset = slot * run->slot + u * run->ds.stride, g = slot - run->first_input_slot;
            const float *ds = run->ds.panels + offset;
            const void *right = right_panel(run, &run->ds, offset, u);
            if (slot < run->G) {
                recurrent_gradient(run, right, run->cell->recurrent_gate[slot], u);
                sum_rows(ds, rows, run->cell->recurrent_gate[slot], u, run->H, layer->db_hh);
            }
            if (g < 0) continue;
            long gate = run->cell->input_gate[g];
            input_gradient(run, right, gate, u);
            sum_rows(ds, rows, gate, u, run->H, layer->db_ih);
            if (layer->ids) {
                float *sums = run->d_table + (g * run->units + u) * run->inputs * PANEL;
                scatter_rows(ds, layer->ids, run->B, run->T, run->inputs, sums);
                unpack_transposed(sums, gate, u, run->H, run->inputs, layer->dW_ih);
            }
        }
}

/* dx = ds W_ih, for the steps that are a thread's share. */
static void input_gradients(const struct run *run, struct range times) {
    long begin = times.begin * run->B * PANEL, rows = (times.end - times.begin) * run->B, G = run->G;
    long size = G * run->units * PANEL * PANEL, stride = panel_size(run->T * run->B);
    for (long j = 0; j < run->columns; j++) memset(run->dx + j * stride + begin, 0, rows * PANEL * sizeof(float));
    run->path->product(rows, run->columns, G * run->units, at(run, run->ds.left, run->first_input_slot * run->slot + begin),
                       run->ds.stride, run->input_back, size, run->dx + begin, stride);
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
        right_panel(run, &run->h, u * run->h.stride, u);
    }
    for (long j = columns.begin; j < columns.end; j++) right_panel(run, &run->x, j * run->x.stride, j);
    for (long t = run->T - 1; t >= 0; t--) {
        step_backward(run, own, t);
        wait_for_all(team);
    }
    pass_back(run, own, 0);
    for (long u = own.begin; u < own.end; u++) {
        unpack_rows(run->dh + u * run->B * PANEL, run->B, u, run->H, layer->dh_begin, run->H);
        if (layer->cell == LSTM) unpack_rows(run->dc + u * run->B * PANEL, run->B, u, run->H, layer->dc_begin, run->H);
    }
    if (layer->dx) input_gradients(run, share_of(run->T, rank, threads));
    weight_gradients(run, own);
}
