/* One recurrent layer over a whole sequence, as library.py calls it.

   Each thread owns a range of the panels of units. It packs their weights, which then stay in its cache, computes their
   gates, and sums their gradients. So every sum is made by one thread in one order, and any number of threads gives
   the same bits. */
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "run.h"

const struct cell cells[CELLS] = {
    [RNN] = {1, 1, 1, {0}, {0}},
    [GRU] = {3, 4, 1, {2, 0, 1}, {0, 1, 2}},
    [LSTM] = {4, 4, 2, {0, 1, 2, 3}, {0, 1, 2, 3}},
    [CAPPED_LSTM] = {4, 4, 2, {0, 1, 2, 3}, {0, 1, 2, 3}},
};

const struct path *const paths[] = {
    &portable_path,
#if defined(__x86_64__)
    &avx2_path,
    &avx512_path,
#endif
#if defined(HAS_AVX512BF16)
    &avx512bf16_path,
#endif
#if defined(HAS_AMX)
    &amx_path,
#endif
};
enum { PATHS = sizeof paths / sizeof *paths };

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

/* Run a layer forward in this thread, its arguments checked. */
void forward_alone(const struct layer *layer) {
    struct run run;
    int64_t floats[3];
    lay_out(&run, layer, floats);
    run_alone(forward_task, &run);
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

EXPORT int64_t chargen_layer_size(void) { return sizeof(struct layer) + sizeof cells; }

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
static int64_t call_if_ids_are_in_range(const struct layer *layer, task *function) {
    for (long i = 0; layer->ids && i < layer->B * layer->T; i++)
        if (layer->ids[i] < 0 || layer->ids[i] >= layer->inputs) return -1;
    call(layer, function);
    return 0;
}

EXPORT int64_t chargen_forward(const struct layer *layer) { return call_if_ids_are_in_range(layer, forward_task); }

/* The ids again, which may have changed since. */
EXPORT int64_t chargen_backward(const struct layer *layer) { return call_if_ids_are_in_range(layer, backward_task); }
