/* One recurrent layer over a whole sequence, forward and backward: what each thread does, and in which order.

   Each thread owns a range of the panels of units. It packs their weights, which then stay in its cache, computes their
   gates, and sums their gradients. So every sum is made by one thread in one order, and any number of threads gives
   the same bits. */
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "layer.h"
#include "panels.h"

const struct cell cells[3] = {
    [RNN] = {1, 1, {0}, {0}},
    [GRU] = {3, 4, {2, 0, 1}, {0, 1, 2}},
    [LSTM] = {4, 4, {0, 1, 2, 3}, {0, 1, 2, 3}},
};

const struct path *const paths[] = {
    &portable_path,
#if defined(__x86_64__)
    &avx2_path,
#endif
};
enum { PATHS = sizeof paths / sizeof *paths };

/* Where everything lies; see `lay_out`. */
struct run {
    const struct layer *layer;
    const struct cell *cell;
    const struct path *path;
    long B, T, H, G, inputs;
    long units, columns;      /* panels of H units and of the dense inputs */
    long rows_in;             /* of a panel of input weights: 16 * columns, or one for each id */
    long first_input_slot;
    long steps, begun_steps;  /* floats in a panel of T * B rows, and of (T + 1) * B rows */
    long list;                /* floats in the panels of one slot: units * steps */
    /* packed */
    float *bias;              /* [slot][unit panel] of 1 row: what the sums of a slot begin with */
    float *recurrent;         /* [unit panel][gate] of units * 16 rows */
    float *input;             /* [gate][unit panel] of columns * 16 rows, or for ids of a row, bias included, for each */
    /* saved for the backward pass */
    float *gates;             /* [slot][unit panel] of T * B rows */
    float *h, *c;             /* [unit panel] of (T + 1) * B rows, the first B for the state at the beginning */
    float *x;                 /* [column panel] of T * B rows */
    /* of the backward pass */
    float *ds;                /* as gates */
    float *dh, *dc;           /* [unit panel] of B rows */
    float *recurrent_back;    /* [unit panel] of G * units * 16 rows */
    float *input_back;        /* [column panel] of G * units * 16 rows */
    float *dx;                /* [column panel] of T * B rows */
    float *d_input;           /* [gate][unit panel] of a row for each id */
};

struct memory {
    float *begin; /* or null, to count only */
    int64_t used;
};

static float *take(struct memory *memory, long floats) {
    float *taken = memory->begin ? memory->begin + memory->used : 0;
    memory->used += floats;
    return taken;
}

/* Say where everything lies in the memory that the layer brings, and return how many floats of each kind it needs. */
static void lay_out(struct run *run, const struct layer *layer, int64_t floats[3]) {
    const struct cell *cell = &cells[layer->cell];
    struct memory packed = {layer->packed, 0}, saved = {layer->saved, 0}, scratch = {layer->scratch, 0};
    long units = panels_of(layer->H), columns = layer->ids ? 0 : panels_of(layer->inputs);
    *run = (struct run){
        .layer = layer, .cell = cell, .path = paths[layer->path], .B = layer->B, .T = layer->T, .H = layer->H,
        .G = cell->gates, .inputs = layer->inputs, .units = units, .columns = columns,
        .rows_in = layer->ids ? layer->inputs : columns * PANEL, .first_input_slot = cell->slots - cell->gates,
        .steps = panel_size(layer->T * layer->B), .begun_steps = panel_size((layer->T + 1) * layer->B),
    };
    run->list = units * run->steps;
    run->bias = take(&packed, cell->slots * units * PANEL);
    run->recurrent = take(&packed, units * cell->gates * units * PANEL * PANEL);
    run->input = take(&packed, cell->gates * units * run->rows_in * PANEL);
    run->gates = take(&saved, cell->slots * run->list);
    run->h = take(&saved, units * run->begun_steps);
    run->c = take(&saved, layer->cell == LSTM ? units * run->begun_steps : 0);
    run->x = take(&saved, columns * run->steps);
    run->ds = take(&scratch, cell->slots * run->list);
    run->dh = take(&scratch, units * layer->B * PANEL);
    run->dc = take(&scratch, units * layer->B * PANEL);
    run->recurrent_back = take(&scratch, units * cell->gates * units * PANEL * PANEL);
    run->input_back = take(&scratch, columns * cell->gates * units * PANEL * PANEL);
    run->dx = take(&scratch, columns * run->steps);
    run->d_input = take(&scratch, layer->ids ? cell->gates * units * run->rows_in * PANEL : 0);
    floats[0] = packed.used;
    floats[1] = saved.used;
    floats[2] = scratch.used;
}

static struct range share_of(long count, long rank, long threads) {
    return (struct range){count * rank / threads, count * (rank + 1) / threads};
}

/* Pack the forward weights of the units that a thread owns. */
static void pack_forward(const struct run *run, struct range own) {
    const struct layer *layer = run->layer;
    for (long u = own.begin; u < own.end; u++) {
        for (long slot = 0; slot < run->cell->slots; slot++)
            memset(run->bias + (slot * run->units + u) * PANEL, 0, PANEL * sizeof(float));
        for (long g = 0; g < run->G; g++) {
            struct block hidden = unit_rows(layer->W_hh, run->cell->recurrent_gate[g], u, run->H, run->H);
            pack_transposed(hidden, run->units * PANEL, run->recurrent + (u * run->G + g) * run->units * PANEL * PANEL);
            add_bias(layer->b_hh, run->cell->recurrent_gate[g], u, run->H, run->bias + (g * run->units + u) * PANEL);
            struct block in = unit_rows(layer->W_ih, run->cell->input_gate[g], u, run->H, run->inputs);
            pack_transposed(in, run->rows_in, run->input + (g * run->units + u) * run->rows_in * PANEL);
            add_bias(layer->b_ih, run->cell->input_gate[g], u, run->H,
                     run->bias + ((run->first_input_slot + g) * run->units + u) * PANEL);
        }
        for (long g = 0; g < run->G && layer->ids; g++)
            add_to_rows(run->bias + ((run->first_input_slot + g) * run->units + u) * PANEL, run->inputs,
                        run->input + (g * run->units + u) * run->inputs * PANEL);
    }
}

/* Let the sums of the steps `times` begin with the biases and what the inputs contribute. */
static void begin_sums(const struct run *run, struct range own, struct range times) {
    long begin = times.begin * run->B * PANEL, rows = (times.end - times.begin) * run->B;
    for (long slot = 0; slot < run->cell->slots; slot++)
        for (long u = own.begin; u < own.end; u++) {
            const float *bias = run->bias + (slot * run->units + u) * PANEL;
            float *sums = run->gates + slot * run->list + u * run->steps + begin;
            long g = slot - run->first_input_slot;
            if (g < 0 || run->columns) repeat_row(bias, rows, sums);
            if (g < 0) continue;
            const float *weights = run->input + (g * run->units + u) * run->rows_in * PANEL;
            if (run->columns)
                run->path->product(rows, run->columns, run->x + begin, run->steps, weights, sums);
            else
                gather_rows(weights, run->layer->ids, run->B, run->T, times, sums); /* the bias is in the rows */
        }
}

static void step_forward(const struct run *run, struct range own, long t) {
    long before = t * run->B * PANEL, after = before + run->B * PANEL, G = run->G;
    for (long u = own.begin; u < own.end; u++) {
        const float *weights = run->recurrent + u * G * run->units * PANEL * PANEL;
        float *gates = run->gates + u * run->steps + before;
        if (run->B == 1)
            run->path->product_of_a_row(G, run->units, run->h + before, run->begun_steps, weights,
                                        run->units * PANEL * PANEL, gates, run->list);
        else
            for (long g = 0; g < G; g++)
                run->path->product(run->B, run->units, run->h + before, run->begun_steps,
                                   weights + g * run->units * PANEL * PANEL, gates + g * run->list);
        float *h = run->h + u * run->begun_steps, *c = run->c + u * run->begun_steps;
        run->path->forward[run->layer->cell](run->B * PANEL, gates, run->list, h + before, c + before, h + after, c + after);
        clear_columns(h + after, run->B, u, run->H);
        unpack_rows(h + after, run->B, u, run->H, run->layer->outputs + t * run->H, run->T * run->H);
    }
}

static void forward_task(void *argument, struct team *team, long rank, long threads) {
    const struct run *run = argument;
    const struct layer *layer = run->layer;
    struct range own = share_of(run->units, rank, threads);
    int lstm = layer->cell == LSTM;
    if (!layer->packed_before) pack_forward(run, own);
    for (long u = own.begin; u < own.end; u++) {
        pack_rows(layer->h_begin, run->H, run->B, u, run->H, run->h + u * run->begun_steps);
        if (lstm) pack_rows(layer->c_begin, run->H, run->B, u, run->H, run->c + u * run->begun_steps);
    }
    if (run->columns) pack_input(layer->x, run->B, run->T, run->inputs, share_of(run->T, rank, threads), run->steps, run->x);
    wait_for_all(team);
    if (run->columns) begin_sums(run, own, (struct range){0, run->T});
    for (long t = 0; t < run->T; t++) {
        if (layer->ids) begin_sums(run, own, (struct range){t, t + 1});
        step_forward(run, own, t);
        wait_for_all(team);
    }
    for (long u = own.begin; u < own.end; u++) {
        long last = u * run->begun_steps + run->T * run->B * PANEL;
        unpack_rows(run->h + last, run->B, u, run->H, layer->h_end, run->H);
        if (lstm) unpack_rows(run->c + last, run->B, u, run->H, layer->c_end, run->H);
    }
}

/* Pack the weights that the backward pass multiplies with, the rows of all gates below each other: those of the units
   that a thread owns, and its share of those of the inputs. */
static void pack_backward(const struct run *run, struct range own, struct range own_columns) {
    const struct layer *layer = run->layer;
    long H = run->H, inputs = run->inputs, rows = run->units * PANEL; /* of one gate */
    for (long g = 0; g < run->G; g++) {
        for (long u = own.begin; u < own.end; u++) {
            float *panel = run->recurrent_back + (u * run->G + g) * rows * PANEL;
            pack_rows(layer->W_hh + run->cell->recurrent_gate[g] * H * H, H, H, u, H, panel);
            clear_rows(panel, H, rows);
        }
        for (long j = own_columns.begin; j < own_columns.end; j++) {
            float *panel = run->input_back + (j * run->G + g) * rows * PANEL;
            pack_rows(layer->W_ih + run->cell->input_gate[g] * H * inputs, inputs, H, j, inputs, panel);
            clear_rows(panel, H, rows);
        }
    }
}

/* dh += ds W_hh, with the ds of step t */
static void pass_back(const struct run *run, long u, long t) {
    run->path->product(run->B, run->G * run->units, run->ds + t * run->B * PANEL, run->steps,
                       run->recurrent_back + u * run->G * run->units * PANEL * PANEL, run->dh + u * run->B * PANEL);
}

static void step_backward(const struct run *run, struct range own, long t) {
    long before = t * run->B * PANEL, after = before + run->B * PANEL;
    for (long u = own.begin; u < own.end; u++) {
        float *dh = run->dh + u * run->B * PANEL, *dc = run->dc + u * run->B * PANEL;
        const float *h = run->h + u * run->begun_steps, *c = run->c + u * run->begun_steps;
        if (t + 1 < run->T) pass_back(run, u, t + 1);
        if (run->layer->d_outputs)
            add_rows(run->layer->d_outputs + t * run->H, run->T * run->H, run->B, u, run->H, dh);
        run->path->backward[run->layer->cell](run->B * PANEL, run->gates + u * run->steps + before,
                                              run->ds + u * run->steps + before, run->list, h + before, c + before,
                                              h + after, c + after, dh, dc);
        for (long slot = 0; slot < run->cell->slots; slot++)
            clear_columns(run->ds + slot * run->list + u * run->steps + before, run->B, u, run->H);
    }
}

/* The gradients of the weights of the units that a thread owns: one product over all T * B rows. */
static void weight_gradients(const struct run *run, struct range own) {
    const struct layer *layer = run->layer;
    long rows = run->T * run->B;
    for (long g = 0; g < run->G; g++)
        for (long u = own.begin; u < own.end; u++) {
            float tile[PANEL * PANEL];
            const float *ds = run->ds + (g * run->units + u) * run->steps;
            long gate = run->cell->recurrent_gate[g];
            for (long j = 0; j < run->units; j++) {
                run->path->gradient(rows, ds, run->h + j * run->begun_steps, tile);
                unpack_tile(tile, gate, u, j, run->H, run->H, layer->dW_hh);
            }
            sum_rows(ds, rows, gate, u, run->H, layer->db_hh);
            ds += run->first_input_slot * run->list;
            gate = run->cell->input_gate[g];
            for (long j = 0; j < run->columns; j++) {
                run->path->gradient(rows, ds, run->x + j * run->steps, tile);
                unpack_tile(tile, gate, u, j, run->H, run->inputs, layer->dW_ih);
            }
            if (layer->ids) {
                float *sums = run->d_input + (g * run->units + u) * run->inputs * PANEL;
                scatter_rows(ds, layer->ids, run->B, run->T, run->inputs, sums);
                unpack_transposed(sums, gate, u, run->H, run->inputs, layer->dW_ih);
            }
            sum_rows(ds, rows, gate, u, run->H, layer->db_ih);
        }
}

/* dx = ds W_ih, for the steps that are a thread's share. */
static void input_gradients(const struct run *run, struct range times) {
    long begin = times.begin * run->B * PANEL, rows = (times.end - times.begin) * run->B;
    for (long j = 0; j < run->columns; j++) {
        float *dx = run->dx + j * run->steps + begin;
        memset(dx, 0, rows * PANEL * sizeof(float));
        run->path->product(rows, run->G * run->units, run->ds + run->first_input_slot * run->list + begin, run->steps,
                           run->input_back + j * run->G * run->units * PANEL * PANEL, dx);
        for (long t = times.begin; t < times.end; t++)
            unpack_rows(run->dx + j * run->steps + t * run->B * PANEL, run->B, j, run->inputs,
                        run->layer->dx + t * run->inputs, run->T * run->inputs);
    }
}

/* Let the gradient of a state begin with that of the last state, or with zeros. */
static void begin_gradient(const float *d_end, const struct run *run, long u, float *d) {
    memset(d, 0, run->B * PANEL * sizeof(float));
    if (d_end) add_rows(d_end, run->H, run->B, u, run->H, d);
}

static void backward_task(void *argument, struct team *team, long rank, long threads) {
    const struct run *run = argument;
    const struct layer *layer = run->layer;
    struct range own = share_of(run->units, rank, threads);
    pack_backward(run, own, layer->dx ? share_of(run->columns, rank, threads) : (struct range){0, 0});
    for (long u = own.begin; u < own.end; u++) {
        begin_gradient(layer->d_h_end, run, u, run->dh + u * run->B * PANEL);
        begin_gradient(layer->d_c_end, run, u, run->dc + u * run->B * PANEL);
    }
    for (long t = run->T - 1; t >= 0; t--) {
        step_backward(run, own, t);
        wait_for_all(team);
    }
    for (long u = own.begin; u < own.end; u++) {
        pass_back(run, u, 0);
        unpack_rows(run->dh + u * run->B * PANEL, run->B, u, run->H, layer->dh_begin, run->H);
        if (layer->cell == LSTM) unpack_rows(run->dc + u * run->B * PANEL, run->B, u, run->H, layer->dc_begin, run->H);
    }
    if (layer->dx) input_gradients(run, share_of(run->T, rank, threads));
    weight_gradients(run, own);
}

/* Ask for large pages, of which a processor remembers enough: 16 MB of weights fill 4,096 small ones. */
static void use_large_pages(float *memory, int64_t floats) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    uintptr_t page = 4096, begin = ((uintptr_t)memory + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)memory + floats * sizeof(float)) / page * page;
    if (memory && end > begin + (2 << 20)) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)memory, (void)floats;
#endif
}

static void call(const struct layer *layer, task *function) {
    struct run run;
    int64_t floats[3];
    lay_out(&run, layer, floats);
    use_large_pages(layer->packed, layer->packed_before ? 0 : floats[0]);
    use_large_pages(layer->saved, function == forward_task ? floats[1] : 0);
    use_large_pages(layer->scratch, floats[2]);
    run_together(layer->threads < run.units ? layer->threads : run.units, function, &run);
}

/* What library.py calls. */

EXPORT int64_t chargen_layer_size(void) { return sizeof(struct layer); }

/* The number of the path of this name, or -1 where it is unknown or the processor cannot run it. */
EXPORT int64_t chargen_path(const char *name) {
    for (long i = 0; i < PATHS; i++)
        if (!strcmp(paths[i]->name, name) && paths[i]->runs_here()) return i;
    return -1;
}

/* How many floats a layer needs in `packed`, `saved` and `scratch`. */
EXPORT void chargen_sizes(const struct layer *layer, int64_t floats[3]) {
    struct run run;
    lay_out(&run, layer, floats);
}

/* Returns -1, and does nothing, where an id is out of range. */
EXPORT int64_t chargen_forward(const struct layer *layer) {
    for (long i = 0; layer->ids && i < layer->B * layer->T; i++)
        if (layer->ids[i] < 0 || layer->ids[i] >= layer->inputs) return -1;
    call(layer, forward_task);
    return 0;
}

EXPORT void chargen_backward(const struct layer *layer) { call(layer, backward_task); }
