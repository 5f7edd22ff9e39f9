/* A layer forward: the state after each step, and the gates that the backward pass reads. */
#include <string.h>

#include "run.h"

/* The number of a panel in `input` or `table`. */
static long input_panel(const struct run *run, long g, long u) { return g * run->units + u; }

/* Where the gates of step t begin in a panel, and the row where the state before it does. */
static long gates_at(const struct run *run, long t) { return run->layer->forgets ? 0 : t * run->B * PANEL; }
static long state_row(const struct run *run, long t) { return (run->layer->forgets ? t % 2 : t) * run->B; }

/* The sums of a slot, which become its gates. */
static float *sums_of(const struct run *run, long slot, long u) {
    return run->gates.panels + slot * run->slot + u * run->gates.stride;
}

/* Pack one gate's weights of a panel of units, transposed, for the right side of products. */
static void pack_right(const struct run *run, struct block block, long panels, void *right) {
    long whole = block.count == PANEL ? block.width / PANEL : 0; /* panels without zeros */
    run->path->transposed_as_right(whole * PANEL, block.rows, block.stride, right);
    for (long k = whole; k < panels; k++) {
        float tile[PANEL * PANEL] = {0};
        struct block columns = columns_of(block, k);
        for (long i = 0; i < columns.count; i++)
            memcpy(tile + i * PANEL, columns.rows + i * columns.stride, columns.width * sizeof(float));
        run->path->transposed_as_right(PANEL, tile, PANEL, at(run, right, k * PANEL * PANEL));
    }
}

/* Pack the forward weights of the units that a thread owns. */
static void pack_forward(const struct run *run, struct range own) {
    const struct layer *layer = run->layer;
    for (long u = own.begin; u < own.end; u++) {
        for (long slot = 0; slot < run->cell->slots; slot++)
            memset(run->bias + (slot * run->units + u) * PANEL, 0, PANEL * sizeof(float));
        for (long g = 0; g < run->G; g++) {
            long hidden = run->cell->recurrent_gate[g], in = run->cell->input_gate[g];
            float *bias = run->bias + ((run->first_input_slot + g) * run->units + u) * PANEL;
            pack_right(run, unit_rows(layer->W_hh, hidden, u, run->H, run->H), run->units,
                       at(run, run->recurrent, (u * run->G + g) * run->units * PANEL * PANEL));
            add_bias(layer->b_hh, hidden, u, run->H, run->bias + (g * run->units + u) * PANEL);
            if (run->columns)
                pack_right(run, unit_rows(layer->W_ih, in, u, run->H, run->inputs), run->columns,
                           at(run, run->input, input_panel(run, g, u) * run->columns * PANEL * PANEL));
            add_bias(layer->b_ih, in, u, run->H, bias);
        }
        for (long g = 0; g < run->G && layer->ids; g++) { /* once all biases are there */
            float *table = run->table + input_panel(run, g, u) * run->inputs * PANEL;
            pack_transposed(unit_rows(layer->W_ih, run->cell->input_gate[g], u, run->H, run->inputs), run->inputs, table);
            add_to_rows(run->bias + ((run->first_input_slot + g) * run->units + u) * PANEL, run->inputs, table);
        }
    }
}

/* Let the sums of the steps `times` begin with the biases and what the inputs contribute. */
static void begin_sums(const struct run *run, struct range own, struct range times) {
    long begin = gates_at(run, times.begin), rows = (times.end - times.begin) * run->B;
    for (long slot = 0; slot < run->cell->slots; slot++)
        for (long u = own.begin; u < own.end; u++) {
            float *sums = sums_of(run, slot, u) + begin;
            long g = slot - run->first_input_slot;
            if (g >= 0 && run->layer->ids) { /* the bias is in the rows */
                gather_rows(run->table + input_panel(run, g, u) * run->inputs * PANEL, run->layer->ids, run->B, run->T,
                            times, sums);
                continue;
            }
            repeat_row(run->bias + (slot * run->units + u) * PANEL, rows, sums);
        }
    for (long g = 0, size = run->columns * PANEL * PANEL; g < run->G && run->columns; g++)
        run->path->product(rows, own.end - own.begin, run->columns, left_at(run, &run->x, 0, times.begin * run->B),
                           run->x.stride, at(run, run->input, input_panel(run, g, own.begin) * size), size,
                           sums_of(run, run->first_input_slot + g, own.begin) + begin, run->gates.stride);
}

/* Add to the sums of step t what the state contributes. */
static void add_recurrent(const struct run *run, struct range units, long t) {
    long G = run->G, size = run->units * PANEL * PANEL;
    for (long g = 0; g < G; g++)
        run->path->product(run->B, units.end - units.begin, run->units, left_at(run, &run->h, 0, state_row(run, t)),
                           run->h.stride, at(run, run->recurrent, (units.begin * G + g) * size), G * size,
                           sums_of(run, g, units.begin) + gates_at(run, t), run->gates.stride);
}

static void step_forward(const struct run *run, struct range own, long t) {
    long before = state_row(run, t) * PANEL, after = state_row(run, t + 1) * PANEL;
    for (long u = own.begin; u < own.end; u++) {
        if ((u - own.begin) % TOGETHER == 0) add_recurrent(run, next_units(own, u), t);
        float *gates = sums_of(run, 0, u) + gates_at(run, t);
        float *h = run->h.panels + u * run->h.stride, *c = run->c.panels + u * run->c.stride;
        run->path->forward[run->layer->cell](run->B * PANEL, gates, run->slot, h + before, c + before, h + after,
                                             c + after);
        clear_columns(h + after, run->B, u, run->H);
        make_left(run, &run->h, u, state_row(run, t + 1), run->B);
        unpack_rows(h + after, run->B, u, run->H, run->layer->outputs + t * run->H, run->T * run->H);
    }
}

void forward_task(void *argument, struct team *team, long rank, long threads) {
    const struct run *run = argument;
    const struct layer *layer = run->layer;
    struct range own = share_of(run->units, rank, threads), times = share_of(run->T, rank, threads);
    int has_c = run->cell->states == 2;
    if (!layer->packed_before) pack_forward(run, own);
    for (long u = own.begin; u < own.end; u++) {
        pack_rows(layer->h_begin, run->H, run->B, u, run->H, run->h.panels + u * run->h.stride);
        make_left(run, &run->h, u, 0, run->B);
        if (has_c) pack_rows(layer->c_begin, run->H, run->B, u, run->H, run->c.panels + u * run->c.stride);
    }
    if (run->columns) pack_input(layer->x, run->B, run->T, run->inputs, times, run->columns, run->x.stride, run->x.panels);
    for (long j = 0; j < run->columns; j++)
        make_left(run, &run->x, j, times.begin * run->B, (times.end - times.begin) * run->B);
    wait_for_all(team);
    int step_by_step = layer->ids || layer->forgets;
    if (!step_by_step) begin_sums(run, own, (struct range){0, run->T});
    for (long t = 0; t < run->T; t++) {
        if (step_by_step) begin_sums(run, own, (struct range){t, t + 1});
        step_forward(run, own, t);
        wait_for_all(team);
    }
    leave(run);
    for (long u = own.begin; u < own.end; u++) {
        long last = state_row(run, run->T) * PANEL;
        unpack_rows(run->h.panels + u * run->h.stride + last, run->B, u, run->H, layer->h_end, run->H);
        if (has_c) unpack_rows(run->c.panels + u * run->c.stride + last, run->B, u, run->H, layer->c_end, run->H);
    }
}
