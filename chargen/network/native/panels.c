/* Between dense arrays in C order and panels; see layer.h for what a panel is. */
#include "panels.h"

#include <string.h>

long panels_of(long columns) { return (columns + PANEL - 1) / PANEL; }

/* The floats from one panel to the next. Long panels begin at places that spread over the sets of a cache. */
long panel_size(long rows) { return (rows < 64 ? rows : (rows + 24) / 64 * 64 + 39) * PANEL; }

static long columns_in(long panel_index, long width) {
    long rest = width - panel_index * PANEL;
    return rest < 0 ? 0 : rest < PANEL ? rest : PANEL;
}

struct block unit_rows(const float *weights, long gate, long u, long H, long width) {
    return (struct block){weights + (gate * H + u * PANEL) * width, columns_in(u, H), width, width};
}

/* The columns of one panel of a block. */
struct block columns_of(struct block block, long panel_index) {
    block.rows += panel_index * PANEL;
    block.width = columns_in(panel_index, block.width);
    return block;
}

/* panel[k][i] = block[i][k], and zeros up to `rows` rows. */
void pack_transposed(struct block block, long rows, float *panel) {
    for (long k = 0; k < block.width; k++)
        for (long i = 0; i < PANEL; i++) panel[k * PANEL + i] = i < block.count ? block.rows[i * block.stride + k] : 0;
    memset(panel + block.width * PANEL, 0, (rows - block.width) * PANEL * sizeof(float));
}

void add_bias(const float *bias, long gate, long u, long H, float *row) {
    for (long i = 0; i < columns_in(u, H); i++) row[i] += bias[gate * H + u * PANEL + i];
}

/* Add a row to each row of a panel. */
void add_to_rows(const float *row, long rows, float *panel) {
    for (long r = 0; r < rows; r++)
        for (long i = 0; i < PANEL; i++) panel[r * PANEL + i] += row[i];
}

void repeat_row(const float *row, long rows, float *panel) {
    for (long r = 0; r < rows; r++) memcpy(panel + r * PANEL, row, PANEL * sizeof(float));
}

/* The units that fill up the last panel stay 0, even where infinity times their weights, 0, has made them NaN. */
void clear_columns(float *panel, long rows, long panel_index, long width) {
    for (long i = columns_in(panel_index, width); i < PANEL; i++)
        for (long r = 0; r < rows; r++) panel[r * PANEL + i] = 0;
}

/* Copy `rows` rows of `columns` floats; whole rows of a panel, the usual case, without a call for each. */
static void copy_rows(const float *from, long from_stride, float *to, long to_stride, long rows, long columns) {
    for (long r = 0; r < rows; r++, from += from_stride, to += to_stride)
        if (columns == PANEL)
            memcpy(to, from, PANEL * sizeof(float));
        else
            memcpy(to, from, columns * sizeof(float));
}

/* Take the columns of one panel from a matrix of `rows` rows that lie `stride` floats apart. */
void pack_rows(const float *matrix, long stride, long rows, long panel_index, long width, float *panel) {
    copy_rows(matrix + panel_index * PANEL, stride, panel, PANEL, rows, columns_in(panel_index, width));
    clear_columns(panel, rows, panel_index, width);
}

void unpack_rows(const float *panel, long rows, long panel_index, long width, float *matrix, long stride) {
    copy_rows(panel, PANEL, matrix + panel_index * PANEL, stride, rows, columns_in(panel_index, width));
}

/* Ask for the rows that `add_rows` will read: they lie so far apart that no processor guesses which come next. */
void fetch_rows(const float *matrix, long stride, long rows, struct range panels) {
    for (long r = 0; r < rows; r++)
        for (long j = panels.begin; j < panels.end; j++) __builtin_prefetch(matrix + r * stride + j * PANEL);
}

void add_rows(const float *restrict matrix, long stride, long rows, long panel_index, long width,
              float *restrict panel) {
    long columns = columns_in(panel_index, width);
    matrix += panel_index * PANEL;
    for (long r = 0; r < rows; r++, matrix += stride, panel += PANEL)
        if (columns == PANEL)
            for (long i = 0; i < PANEL; i++) panel[i] += matrix[i];
        else
            for (long i = 0; i < columns; i++) panel[i] += matrix[i];
}

/* x, (B, T, inputs), becomes `columns` panels, `stride` floats apart, of the rows of some steps. */
void pack_input(const float *x, long B, long T, long inputs, struct range times, long columns, long stride,
                float *panels) {
    for (long j = 0; j < columns; j++)
        for (long t = times.begin; t < times.end; t++)
            pack_rows(x + t * inputs, T * inputs, B, j, inputs, panels + j * stride + t * B * PANEL);
}

/* Row t * B + b of the panel, which begins at the first of the steps, is the row of ids[b][t] in the table. */
void gather_rows(const float *table, const int64_t *ids, long B, long T, struct range times, float *panel) {
    for (long t = times.begin; t < times.end; t++)
        for (long b = 0; b < B; b++, panel += PANEL)
            memcpy(panel, table + ids[b * T + t] * PANEL, PANEL * sizeof(float));
}

/* Put a tile of a gradient, 16 x 16, into that of one gate's weights. */
void unpack_tile(const float *tile, long gate, long u, long j, long H, long width, float *weights) {
    unpack_rows(tile, columns_in(u, H), j, width, weights + (gate * H + u * PANEL) * width, width);
}

/* The reverse of pack_transposed. */
void unpack_transposed(const float *table, long gate, long u, long H, long width, float *weights) {
    for (long i = 0; i < columns_in(u, H); i++)
        for (long k = 0; k < width; k++) weights[(gate * H + u * PANEL + i) * width + k] = table[k * PANEL + i];
}
