/* Between dense arrays in C order and panels: what goes in, what comes out, and the rows that ids stand for. */
#ifndef CHARGEN_PANELS_H
#define CHARGEN_PANELS_H

#include "layer.h"

#define EXPORT __attribute__((visibility("default")))

struct range {
    long begin, end;
};

/* Rows of a dense matrix: the `count` rows of one gate's weights that belong to a panel of units. */
struct block {
    const float *rows;
    long count, width, stride;
};

long panels_of(long columns);
long panel_size(long rows);

struct block unit_rows(const float *weights, long gate, long u, long H, long width);
struct block columns_of(struct block block, long panel_index);
void pack_transposed(struct block block, long rows, float *panel);
void add_bias(const float *bias, long gate, long u, long H, float *row);
void add_to_rows(const float *row, long rows, float *panel);
void repeat_row(const float *row, long rows, float *panel);

void pack_rows(const float *matrix, long stride, long rows, long panel_index, long width, float *panel);
void clear_columns(float *panel, long rows, long panel_index, long width);
void fetch_rows(const float *matrix, long stride, long rows, struct range panels);
void add_rows(const float *matrix, long stride, long rows, long panel_index, long width, float *panel);
void unpack_rows(const float *panel, long rows, long panel_index, long width, float *matrix, long stride);
void pack_input(const float *x, long B, long T, long inputs, struct range times, long columns, long stride,
                float *panels);

void gather_rows(const float *table, const int64_t *ids, long B, long T, struct range times, float *panel);

void unpack_tile(const float *tile, long gate, long u, long j, long H, long width, float *weights);
void unpack_transposed(const float *table, long gate, long u, long H, long width, float *weights);

#endif
