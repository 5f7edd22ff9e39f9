/* Where everything lies, and the copies that products read; see run.h. */
#include "run.h"

#include <string.h>

struct memory {
    float *begin; /* or null, to count only */
    int64_t used;
};

static float *take(struct memory *memory, long floats) {
    float *taken = memory->begin ? memory->begin + memory->used : 0;
    memory->used += (floats + PANEL - 1) / PANEL * PANEL; /* everything begins at a cache line */
    return taken;
}

static void *take_numbers(struct memory *memory, const struct path *path, long count) {
    return take(memory, (count * path->number_size + sizeof(float) - 1) / sizeof(float));
}

static struct list take_list(struct memory *memory, long count, long rows) {
    long stride = panel_size(rows);
    return (struct list){.panels = take(memory, count * stride), .stride = stride};
}

/* Take memory for the copies of `count` panels of a list. */
static void take_left(struct memory *memory, const struct path *path, struct list *list, long count) {
    list->left = path->as_left ? take_numbers(memory, path, count * list->stride) : list->panels;
}

static void take_right(struct memory *memory, const struct path *path, struct list *list, long count, long rows) {
    list->right_stride = path->as_left ? 2 * panel_size(rows / 2) : list->stride; /* pairs of rows fill lines */
    list->right = path->as_left ? take_numbers(memory, path, count * list->right_stride) : list->panels;
}

static long rounded_up(long count, long multiple) { return (count + multiple - 1) / multiple * multiple; }

void lay_out(struct run *run, const struct layer *layer, int64_t floats[3]) {
    const struct cell *cell = &cells[layer->cell];
    const struct path *path = paths[layer->path];
    struct memory packed = {layer->packed, 0}, saved = {layer->saved, 0}, scratch = {layer->scratch, 0};
    long units = rounded_up(panels_of(layer->H), path->side_by_side), rows = layer->T * layer->B;
    long columns = layer->ids ? 0 : rounded_up(panels_of(layer->inputs), path->side_by_side);
    long gate_rows = layer->forgets ? layer->B : rows, state_rows = gate_rows + layer->B;
    long gradient_rows = rounded_up(rows, path->depth);
    long table = layer->ids ? cell->gates * units * layer->inputs * PANEL : 0;
    *run = (struct run){
        .layer = layer, .cell = cell, .path = path, .B = layer->B, .T = layer->T, .H = layer->H, .G = cell->gates,
        .inputs = layer->inputs, .units = units, .columns = columns, .first_input_slot = cell->slots - cell->gates,
        .gradient_rows = gradient_rows,
    };
    run->bias = take(&packed, cell->slots * units * PANEL);
    run->recurrent = take_numbers(&packed, path, units * cell->gates * units * PANEL * PANEL);
    run->input = take_numbers(&packed, path, cell->gates * units * columns * PANEL * PANEL);
    run->table = take(&packed, table);
    run->gates = take_list(&saved, cell->slots * units, gate_rows);
    run->slot = units * run->gates.stride;
    run->h = take_list(&saved, units, state_rows);
    take_left(&saved, path, &run->h, units);
    run->c = take_list(&saved, cell->states == 2 ? units : 0, state_rows);
    run->x = take_list(&saved, columns, rows);
    take_left(&saved, path, &run->x, columns);
    run->ds = take_list(&scratch, cell->slots * units, rows);
    take_left(&scratch, path, &run->ds, cell->slots * units);
    take_right(&scratch, path, &run->ds, units, gradient_rows);
    take_right(&scratch, path, &run->h, units, gradient_rows);
    take_right(&scratch, path, &run->x, columns, gradient_rows);
    run->dh = take(&scratch, units * layer->B * PANEL);
    run->dc = take(&scratch, units * layer->B * PANEL);
    run->recurrent_back = take_numbers(&scratch, path, units * cell->gates * units * PANEL * PANEL);
    run->input_back = take_numbers(&scratch, path, columns * cell->gates * units * PANEL * PANEL);
    run->dx = take(&scratch, columns * panel_size(rows));
    run->d_table = take(&scratch, table);
    floats[0] = packed.used;
    floats[1] = saved.used;
    floats[2] = scratch.used;
}

struct range share_of(long count, long rank, long threads) {
    return (struct range){count * rank / threads, count * (rank + 1) / threads};
}

/* The next `TOGETHER` of a thread's own panels of units, or as many as are left. */
struct range next_units(struct range own, long begin) {
    return (struct range){begin, begin + TOGETHER < own.end ? begin + TOGETHER : own.end};
}

void *at(const struct run *run, void *numbers, long offset) { return (char *)numbers + offset * run->path->number_size; }

/* What each thread does after its last product. */
void leave(const struct run *run) {
    if (run->path->leave) run->path->leave();
}

/* Where a row of a panel begins in the copies for the left side of products. */
void *left_at(const struct run *run, const struct list *list, long panel, long row) {
    long side = run->path->side_by_side, place = panel % side;
    return at(run, list->left, (panel - place) * list->stride + (row * side + place) * PANEL);
}

/* Copy rows of a panel for the left side of products. */
void make_left(const struct run *run, const struct list *list, long panel, long row, long rows) {
    if (!run->path->as_left) return;
    run->path->as_left(rows, list->panels + panel * list->stride + row * PANEL, left_at(run, list, panel, row));
}
