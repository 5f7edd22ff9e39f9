/* The equations of the cells for vectors of units, written once and compiled once for each path; see vectors.h. */

#include "vectors.h"

/* h' = tanh(s) */
TARGET static void rnn_forward(long count, float *gates, long stride, const float *h_before, const float *c_before,
                               float *h, float *c) {
    (void)stride, (void)h_before, (void)c_before, (void)c;
    for (long i = 0; i < count; i += WIDTH) store(h + i, tanh_of(load(gates + i)));
}

/* ds = dh' (1 - h'^2) */
TARGET static void rnn_backward(long count, const float *gates, float *ds, long stride, const float *h_before,
                                const float *c_before, const float *h, const float *c, float *dh, float *dc) {
    (void)gates, (void)stride, (void)h_before, (void)c_before, (void)c, (void)dc;
    for (long i = 0; i < count; i += WIDTH) {
        vec out = load(h + i);
        store(ds + i, load(dh + i) * (1.0f - out * out));
        store(dh + i, all(0));
    }
}

/* r = sigmoid(s_r);  z = sigmoid(s_z);  n = tanh(a_n + r * u_n);  h' = n + z * (h - n).
   The slots u_n, s_r, s_z, a_n become u_n, r, z, n. */
TARGET static void gru_forward(long count, float *gates, long stride, const float *h_before, const float *c_before,
                               float *h, float *c) {
    (void)c_before, (void)c;
    for (long i = 0; i < count; i += WIDTH) {
        float *slot = gates + i;
        vec u_n = load(slot), r = sigmoid_of(load(slot + stride)), z = sigmoid_of(load(slot + 2 * stride));
        vec n = tanh_of(load(slot + 3 * stride) + r * u_n);
        store(slot + stride, r);
        store(slot + 2 * stride, z);
        store(slot + 3 * stride, n);
        store(h + i, n + z * (load(h_before + i) - n));
    }
}

/* dz = dh' (h - n);  dn = dh' (1 - z);  da_n = dn (1 - n^2);  dr = da_n u_n;  du_n = da_n r;  dh = dh' z + ... */
TARGET static void gru_backward(long count, const float *gates, float *ds, long stride, const float *h_before,
                                const float *c_before, const float *h, const float *c, float *dh, float *dc) {
    (void)c_before, (void)h, (void)c, (void)dc;
    for (long i = 0; i < count; i += WIDTH) {
        const float *slot = gates + i;
        vec u_n = load(slot), r = load(slot + stride), z = load(slot + 2 * stride), n = load(slot + 3 * stride);
        vec d = load(dh + i);
        vec da_n = d * (1.0f - z) * (1.0f - n * n);
        store(ds + i, da_n * r);
        store(ds + i + stride, da_n * u_n * r * (1.0f - r));
        store(ds + i + 2 * stride, d * (load(h_before + i) - n) * z * (1.0f - z));
        store(ds + i + 3 * stride, da_n);
        store(dh + i, d * z);
    }
}

/* i, f, o = sigmoid(s_i, s_f, s_o);  g = tanh(s_g);  c' = f * c + e * g;  h' = o * tanh(c'), where what enters, e, is i
   or, in the capped LSTM, min(i, 1 - f). The slots s_i, s_f, s_g, s_o become i, f, g, o. */
INLINE void either_lstm_forward(int capped, long count, float *gates, long stride, const float *c_before, float *h,
                                float *c) {
    for (long j = 0; j < count; j += WIDTH) {
        float *slot = gates + j;
        vec i = sigmoid_of(load(slot)), f = sigmoid_of(load(slot + stride));
        vec g = tanh_of(load(slot + 2 * stride)), o = sigmoid_of(load(slot + 3 * stride));
        vec most = 1.0f - f, next = f * load(c_before + j) + (capped ? choose(i > most, most, i) : i) * g;
        store(slot, i);
        store(slot + stride, f);
        store(slot + 2 * stride, g);
        store(slot + 3 * stride, o);
        store(c + j, next);
        store(h + j, o * tanh_of(next));
    }
}

/* dc' += dh' o (1 - tanh(c')^2);  do = dh' tanh(c');  de = dc' g;  df = dc' c;  dg = dc' e;  dc = dc' f, where
   di = de or, if e is 1 - f, di = 0 and df -= de. */
INLINE void either_lstm_backward(int capped, long count, const float *gates, float *ds, long stride,
                                 const float *c_before, const float *c, float *dh, float *dc) {
    for (long j = 0; j < count; j += WIDTH) {
        const float *slot = gates + j;
        vec i = load(slot), f = load(slot + stride), g = load(slot + 2 * stride), o = load(slot + 3 * stride);
        vec tanh_c = tanh_of(load(c + j)), d = load(dh + j);
        vec d_c = load(dc + j) + d * o * (1.0f - tanh_c * tanh_c);
        vec most = 1.0f - f, e = i, d_i = d_c * g, d_f = d_c * load(c_before + j);
        if (capped) {
            ints at_most = i > most;
            e = choose(at_most, most, i);
            d_f = choose(at_most, d_f - d_i, d_f);
            d_i = choose(at_most, all(0), d_i);
        }
        store(ds + j, d_i * i * (1.0f - i));
        store(ds + j + stride, d_f * f * most);
        store(ds + j + 2 * stride, d_c * e * (1.0f - g * g));
        store(ds + j + 3 * stride, d * tanh_c * o * (1.0f - o));
        store(dc + j, d_c * f);
        store(dh + j, all(0));
    }
}

TARGET static void lstm_forward(long count, float *gates, long stride, const float *h_before, const float *c_before,
                                float *h, float *c) {
    (void)h_before;
    either_lstm_forward(0, count, gates, stride, c_before, h, c);
}

TARGET static void lstm_backward(long count, const float *gates, float *ds, long stride, const float *h_before,
                                 const float *c_before, const float *h, const float *c, float *dh, float *dc) {
    (void)h_before, (void)h;
    either_lstm_backward(0, count, gates, ds, stride, c_before, c, dh, dc);
}

TARGET static void capped_lstm_forward(long count, float *gates, long stride, const float *h_before, const float *c_before,
                                       float *h, float *c) {
    (void)h_before;
    either_lstm_forward(1, count, gates, stride, c_before, h, c);
}

TARGET static void capped_lstm_backward(long count, const float *gates, float *ds, long stride, const float *h_before,
                                        const float *c_before, const float *h, const float *c, float *dh, float *dc) {
    (void)h_before, (void)h;
    either_lstm_backward(1, count, gates, ds, stride, c_before, c, dh, dc);
}
