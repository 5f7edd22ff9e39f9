/* Sums of the rows of a panel, written once and compiled once for each path. */

enum { VECTORS = PANEL / WIDTH };

TARGET static void sum_rows(long rows, const float *panel, float *sum) {
    vec sums[VECTORS];
    for (long j = 0; j < VECTORS; j++) sums[j] = all(0);
    for (long r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (long j = 0; j < VECTORS; j++) sums[j] += load(panel + r * PANEL + j * WIDTH);
    for (long j = 0; j < VECTORS; j++) store(sum + j * WIDTH, sums[j]);
}

TARGET static void scatter_rows(long B, long T, const float *panel, const int64_t *ids, float *table) {
    for (long t = 0; t < T; t++)
        for (long b = 0; b < B; b++, panel += PANEL) {
            float *row = table + ids[b * T + t] * PANEL;
#pragma GCC unroll 4
            for (long j = 0; j < VECTORS; j++) store(row + j * WIDTH, load(row + j * WIDTH) + load(panel + j * WIDTH));
        }
}
