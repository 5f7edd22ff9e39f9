// The network in a browser: its weights, and what one more character does to it, as in chargen/network/cells.py.

const PANEL = 16; // rows of a matrix that are multiplied side by side: column after column, 16 numbers each

const padded = (rows) => PANEL * Math.ceil(rows / PANEL);

// Numbers that a fast product can reach: `product(W, b, x, y, columns, rows)` sets y = b + W x, all of them places.
function makeArena(floats) {
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * floats) / 65536) });
    const run = new WebAssembly.Instance(new WebAssembly.Module(PRODUCT), { e: { m: memory } }).exports.f;
    const product = (W, b, x, y, columns, rows) => run(4 * W, 4 * b, 4 * x, 4 * y, 4 * (x + columns), rows / PANEL);
    return { numbers: new Float32Array(memory.buffer), product };
  } catch {
    // a browser without WebAssembly, or one that is told not to use it
    const numbers = new Float32Array(floats);
    return { numbers, product: (...places) => plainProduct(numbers, ...places) };
  }
}

function plainProduct(numbers, W, b, x, y, columns, rows) {
  for (let row = 0; row < rows; row += PANEL) {
    numbers.copyWithin(y + row, b + row, b + row + PANEL);
    for (let column = 0; column < columns; column++)
      for (let k = 0; k < PANEL; k++) numbers[y + row + k] += numbers[W++] * numbers[x + column];
  }
}

// The same in WebAssembly, four numbers in one instruction, because plain JavaScript is ten times slower. Its variables:
// 0 W, 1 b, 2 x, 3 y, 4 the end of x, 5 panels; 6 the place in x, 7 the number there four times, 8 to 11 the sums.
const PRODUCT = (() => {
  const [get, set] = [0x20, 0x21].map((code) => (variable) => [code, variable]);
  const load = (place) => [0xfd, 0, 4, place];
  const add = (variable, bytes) => [...get(variable), 0x41, ...number(bytes), 0x6a, ...set(variable)];
  const number = (n) => (n < 64 ? [n] : [(n & 127) | 128, n >> 7]);
  const sums = (make) => [0, 1, 2, 3].flatMap((k) => make(8 + k, 16 * k));
  const [loop, end, again] = [[0x03, 0x40], [0x0b], [0x0d, 0]];
  const code = [
    ...[2, 1, 0x7f, 5, 0x7b], // one more variable of 32 bits, five of four numbers
    ...loop,
    ...sums((sum, place) => [...get(1), ...load(place), ...set(sum)]),
    ...[...get(2), ...set(6)],
    ...loop,
    ...[...get(6), 0xfd, 9, 2, 0, ...set(7)],
    ...sums((sum, place) => [get(sum), get(0), load(place), get(7), [0xfd, 0xe6, 1, 0xfd, 0xe4, 1], set(sum)].flat()),
    ...[...add(0, 64), ...add(6, 4)],
    ...[...get(6), ...get(4), 0x49, ...again, ...end],
    ...sums((sum, place) => [...get(3), ...get(sum), 0xfd, 11, 4, place]),
    ...[...add(1, 64), ...add(3, 64)],
    ...[...get(5), 0x41, 1, 0x6b, 0x22, 5, ...again, ...end],
    ...end,
  ];
  const section = (id, ...bytes) => [id, ...number(bytes.length), ...bytes];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 6, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0), // one type: six numbers in, none out
    ...section(2, 1, 1, 0x65, 1, 0x6d, 2, 0, 1), // the memory is e.m
    ...section(3, 1, 0),
    ...section(7, 1, 1, 0x66, 0, 0), // the function is f
    ...section(10, 1, ...number(code.length), ...code),
  ]);
})();

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// The steps: a and u are what the input and the state contribute to the gates; h and c are set to the next state.
const CELLS = {
  rnn: (a, u, h) => {
    for (let i = 0; i < h.length; i++) h[i] = Math.tanh(a[i] + u[i]);
  },
  gru: (a, u, h) => {
    for (let i = 0, H = h.length; i < H; i++) {
      const n = Math.tanh(a[i + 2 * H] + sigmoid(a[i] + u[i]) * u[i + 2 * H]);
      h[i] = n + sigmoid(a[i + H] + u[i + H]) * (h[i] - n);
    }
  },
  lstm: lstm((i) => i),
  "capped-lstm": lstm((i, f) => Math.min(i, 1 - f)),
};

// The step of an LSTM, whose gates i and f decide what enters.
function lstm(entering) {
  return (a, u, h, c) => {
    for (let j = 0, H = h.length; j < H; j++) {
      const gate = (number) => sigmoid(a[j + number * H] + u[j + number * H]);
      const f = gate(1);
      c[j] = f * c[j] + entering(gate(0), f) * Math.tanh(a[j + 2 * H] + u[j + 2 * H]);
      h[j] = gate(3) * Math.tanh(c[j]);
    }
  };
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

// A number in 16 bits: 1 of sign, 5 of exponent, 10 of fraction.
function half(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, (bits & 1023) / 1024];
  return (bits & 0x8000 ? -1 : 1) * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
}

// A stored tensor: { shape, values, scale(row) }, of which an element is values[i] * scale(row).
function unpacked(tensors, name) {
  const { type, shape, base64 } = tensors[name];
  const bytes = bytesOf(base64);
  const one = () => 1;
  if (type === "float32") return { shape, values: new Float32Array(bytes), scale: one };
  if (type === "float16") return { shape, values: Float32Array.from(new Uint16Array(bytes), half), scale: one };
  const scales = unpacked(tensors, `${name}.scale`).values;
  return { shape, values: new Int8Array(bytes), scale: (row) => scales[row] };
}

// Put a matrix at a place of other numbers: its element of some row and column goes where `where` says.
function spread({ shape, values, scale }, numbers, where) {
  for (let row = 0, i = 0; row < shape[0]; row++) {
    const factor = scale(row);
    for (let column = 0; column < shape[1]; column++) numbers[where(row, column)] = values[i++] * factor;
  }
}

class Network {
  // `model` is what chargen/analysis/model_page.py writes.
  constructor(model) {
    const { cell, hidden_size: H, num_layers: L, embedding_size: E, tensors } = model;
    this.units = L * H;
    this.held = []; // [unit, activation] of units that are kept where they are
    this.cell = CELLS[cell];
    const get = (name) => unpacked(tensors, name);
    const V = get("output.bias").shape[0];
    const G = tensors["layers.0.weight_hh_l0"].shape[0]; // gates times H
    const inputs = (layer) => (layer ? H : E || 0);
    const states = this.cell.length - 2; // a step takes a, u and these
    let size = 2 * padded(G) + E + states * L * H + PANEL + padded(V) * (L * H + 2);
    for (let layer = 0; layer < L; layer++) size += padded(G) * (H + inputs(layer) + 2);
    const { numbers, product } = makeArena(size);
    Object.assign(this, { numbers, product });

    let end = 0;
    const take = (count) => {
      end += count;
      return end - count;
    };
    const view = (place, count) => numbers.subarray(place, place + count);
    const matrix = (weight, bias) => {
      const [rows, columns] = weight.shape;
      const W = take(padded(rows) * columns);
      spread(weight, numbers, (row, column) => W + (row - (row % PANEL)) * columns + (row % PANEL) + column * PANEL);
      const b = take(padded(rows));
      numbers.set(bias.values, b);
      return { W, b, rows: padded(rows), columns };
    };
    [this.a, this.u, this.x] = [take(padded(G)), take(padded(G)), take(E)];
    this.layers = Array.from({ length: L }, (_, layer) => {
      const [ih, hh, b_ih, b_hh] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((part) =>
        get(`layers.${layer}.${part}_l0`),
      );
      if (layer || E) return { ih: matrix(ih, b_ih), hh: matrix(hh, b_hh) };
      this.rows = contributions(ih, b_ih);
      return { hh: matrix(hh, b_hh) };
    });
    if (E) this.rows = byCharacter(get("embedding.weight"));
    this.output = matrix(get("output.weight"), get("output.bias"));
    // What a snapshot holds lies side by side: the state, and the logits of the next character.
    [this.begin, this.c, this.y] = [take(L * H), take((states - 1) * L * H), take(padded(V))];
    this.layers.forEach((part, layer) => {
      part.h = this.begin + layer * H;
      part.views = [view(this.a, G), view(this.u, G), view(part.h, H), view(this.c + layer * H, H)];
    });
    this.snapshot = view(this.begin, end - this.begin);
    this.logits = view(this.y, V);
    this.hidden = view(this.begin, L * H);
    this.memory = states === 2 ? view(this.c, L * H) : null;
    this.reset();
  }

  // Begin an empty text.
  reset() {
    this.snapshot.fill(0);
    this.multiply(this.output, this.begin, this.y);
  }

  multiply({ W, b, rows, columns }, x, y) {
    this.product(W, b, x, y, columns, rows);
  }

  // Read one character.
  step(id) {
    const { columns, floats } = this.rows;
    const row = floats.subarray(id * columns, (id + 1) * columns);
    this.numbers.set(row, this.layers[0].ih ? this.x : this.a);
    this.layers.forEach(({ ih, hh, h, views }, layer) => {
      if (ih) this.multiply(ih, layer ? this.layers[layer - 1].h : this.x, this.a);
      this.multiply(hh, h, this.u);
      this.cell(...views);
      for (const [unit, activation] of this.held)
        if (Math.floor(unit / views[2].length) === layer) this.hold(unit, activation);
    });
    this.multiply(this.output, this.begin, this.y);
  }

  // Set a unit, like chargen/sampling/held_units.py.
  hold(unit, activation) {
    this.hidden[unit] = activation;
    if (this.memory) this.memory[unit] = Math.atanh(Math.min(Math.max(activation, -0.999), 0.999));
  }

  // The activation of a unit, as chargen inspect shows it.
  activation(unit) {
    return this.memory ? Math.tanh(this.memory[unit]) : this.hidden[unit];
  }

  save() {
    return this.snapshot.slice();
  }

  restore(snapshot) {
    this.snapshot.set(snapshot);
  }
}

// The embedding of each character, one after the other.
function byCharacter(weight) {
  const [V, columns] = weight.shape;
  const floats = new Float32Array(V * columns);
  spread(weight, floats, (row, column) => row * columns + column);
  return { columns, floats };
}

// What each character contributes to the gates, one after the other: its column of W_ih, plus b_ih.
function contributions(weight, bias) {
  const [columns, V] = weight.shape;
  const floats = new Float32Array(V * columns);
  spread(weight, floats, (row, column) => column * columns + row);
  for (let i = 0; i < floats.length; i++) floats[i] += bias.values[i % columns];
  return { columns, floats };
}
