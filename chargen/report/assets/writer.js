// The worker of the model page: reads the text, writes on from it, and says what may come next. It does one job after
// the other; a newer one ends the one before when that next tells of its work.

const STRIDE = 32; // characters between two snapshots of the network
const GUESSES = 6; // likeliest characters that are told of each place
const SLICE = 25; // milliseconds of work before the page hears of it
const WORDS = { width: 8, count: 5, longest: 16 }; // of the search for likely words

let network;
let model;
let reading;
let newest = 0; // job
let queue = Promise.resolve();

// Tell the page of some work, once it has shown what it was told before. Meanwhile newer messages are seen.
let shown = () => {};
let showing = Promise.resolve();
async function tell(message) {
  await showing;
  showing = new Promise((resolve) => {
    shown = resolve;
  });
  postMessage(message);
}

// Numbers below 1, the same for the same seed (mulberry32, by Tommy Ettinger).
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Probabilities of the logits at a temperature above 0.
function softmax(logits, temperature = 1) {
  const p = new Float64Array(logits.length);
  let [most, sum] = [logits[0], 0];
  for (const logit of logits) if (logit > most) most = logit;
  for (let id = 0; id < p.length; id++) sum += p[id] = Math.exp((logits[id] - most) / temperature);
  for (let id = 0; id < p.length; id++) p[id] /= sum;
  return p;
}

// The ids of the `count` largest of some numbers, best first.
function largest(numbers, count) {
  const best = [];
  for (let id = 0; id < numbers.length; id++) {
    if (best.length === count && numbers[id] <= numbers[best[count - 1]]) continue;
    let place = best.length;
    while (place && numbers[id] > numbers[best[place - 1]]) place--;
    best.splice(place, 0, id);
    if (best.length > count) best.pop();
  }
  return best;
}

// Draw an id by a number below 1, out of the likeliest that together have the share `topP`, and of those the ones that
// are at least `minP` times as likely as the likeliest.
function draw(logits, { temperature, topP, minP }, uniform) {
  if (temperature === 0) return largest(logits, 1)[0];
  const p = softmax(logits, temperature);
  let ids = Array.from(p.keys());
  if (topP < 1) {
    ids.sort((one, other) => p[other] - p[one] || one - other);
    let [count, share] = [0, 0];
    while (count < ids.length && share < topP * (1 - 1e-12)) share += p[ids[count++]];
    ids = ids.slice(0, count);
  }
  const least = minP * p[largest(p, 1)[0]];
  ids = ids.filter((id) => p[id] >= least);
  let rest = uniform * ids.reduce((share, id) => share + p[id], 0);
  for (const id of ids) {
    rest -= p[id];
    if (rest < 0) return id;
  }
  return ids.at(-1);
}

// Expect what a text begins with: what follows an empty line, the end of a line or a space, as chargen sample does. The
// text itself is read from the zero state, as chargen score does.
function begin() {
  const { characters } = model;
  const before = characters.indexOf(["\n", " ", "\u3002"].find((character) => characters.includes(character)));
  if (before < 0) return;
  network.step(before);
  if (characters[before] === "\n" && softmax(network.logits)[before] > 0.01) network.step(before);
  if (characters.some((character) => character.trim()))
    for (const [id, character] of characters.entries()) if (!character.trim()) network.logits[id] = -1e30;
  network.hidden.fill(0);
  network.memory?.fill(0);
}

// What the network has read so far. Of each place it keeps what was expected there, what came, and all activations.
class Reading {
  constructor() {
    this.ids = [];
    this.places = []; // { bits, guesses, chances, activations }
    this.snapshots = []; // before every STRIDE-th character
    network.reset();
    begin();
  }

  // Read one more character; -1 stands for one that the model does not know, which it reads past.
  feed(id) {
    if (this.ids.length % STRIDE === 0) this.snapshots[this.ids.length / STRIDE] = network.save();
    const p = softmax(network.logits);
    const guesses = largest(p, GUESSES);
    const bits = id < 0 || !this.ids.length ? null : -Math.log2(p[id]);
    if (id >= 0) network.step(id);
    const activations = new Int8Array(network.units);
    for (let unit = 0; unit < activations.length; unit++)
      activations[unit] = Math.round(127 * network.activation(unit));
    this.places.push({ bits, guesses, chances: guesses.map((guess) => p[guess]), activations });
    this.ids.push(id);
  }

  // Bring the network to where it stood before place `n`.
  goTo(n) {
    if (n === this.ids.length) return;
    const snapshot = Math.floor(n / STRIDE);
    network.restore(this.snapshots[snapshot]);
    for (const id of this.ids.slice(snapshot * STRIDE, n)) if (id >= 0) network.step(id);
  }

  // Forget all from the first place on that differs from `ids`, and return that place.
  keep(ids) {
    let n = 0;
    while (n < ids.length && ids[n] === this.ids[n]) n++;
    this.goTo(n);
    this.ids.length = this.places.length = n;
    return n;
  }

  // What the page is told of the places from `from` on.
  told(from, unit) {
    return this.places
      .slice(from)
      .map(({ activations, ...place }) => ({ ...place, activation: activations[unit] / 127 }));
  }
}

// Read a text in slices, and tell of each place from `known` on. Returns whether nothing newer came.
async function read({ job, ids, known, unit }) {
  let from = Math.min(known, reading.keep(ids));
  while (job === newest) {
    const stop = performance.now() + SLICE;
    while (reading.ids.length < ids.length && performance.now() < stop) reading.feed(ids[reading.ids.length]);
    const read = reading.ids.length;
    await tell({ kind: "read", job, from, places: reading.told(from, unit) });
    if (read === ids.length) return true;
    from = read;
  }
  return false;
}

// Read a text and write on from it. While units are held, the writing does not count as read.
async function write(message) {
  const { job, length, seed, hold, unit } = message;
  const begun = await read(message);
  const [random, start, before] = [generator(seed), performance.now(), network.save()];
  let written = 0;
  network.held = hold;
  while (begun && written < length && job === newest) {
    const [stop, from, ids] = [performance.now() + SLICE, reading.ids.length, []];
    for (; written < length && performance.now() < stop; written++) {
      const id = draw(network.logits, message, random());
      ids.push(id);
      if (hold.length) network.step(id);
      else reading.feed(id);
    }
    await tell({ kind: "written", job, ids, from, places: reading.told(from, unit) });
  }
  network.held = [];
  if (hold.length) network.restore(before);
  postMessage({ kind: "done", job, written, seconds: (performance.now() - start) / 1000 });
}

// Tell what may come at the place `caret`: characters, and words or ends of words, each with its probability.
async function look(message) {
  if (!(await read(message))) return;
  const end = network.save();
  reading.goTo(message.caret);
  const p = softmax(network.logits);
  const characters = largest(p, GUESSES).map((id) => [model.characters[id], p[id]]);
  postMessage({ kind: "next", job: message.job, characters, words: words() });
  network.restore(end);
}

const isLetter = (character) => /[\p{L}\p{M}\p{N}'\u2019]/u.test(character);

// Find the likeliest words by a small beam search from where the network stands.
function words() {
  const complete = [];
  let beams = [{ text: "", letters: 0, chance: 1, state: network.save() }];
  for (let length = 0; length < WORDS.longest && beams.length; length++) {
    const next = [];
    for (const { text, letters, chance, state } of beams) {
      network.restore(state);
      const p = softmax(network.logits);
      const within = p.map((share, id) => (model.letters[id] ? share : 0));
      if (letters) complete.push([text, chance * (1 - within.reduce((sum, share) => sum + share))]);
      for (const id of largest(letters || length > 1 ? within : p, WORDS.width))
        next.push({
          text: text + model.characters[id],
          letters: letters + model.letters[id],
          chance: chance * p[id],
          state,
          id,
        });
    }
    complete.sort(([, one], [, other]) => other - one);
    const least = complete[WORDS.count - 1]?.[1] ?? 0;
    next.sort((one, other) => other.chance - one.chance);
    beams = next.slice(0, WORDS.width).filter(({ chance }) => chance > least);
    for (const beam of beams) {
      network.restore(beam.state);
      network.step(beam.id);
      beam.state = network.save();
    }
  }
  return complete.slice(0, WORDS.count);
}

function open(message) {
  const characters = Array.from(message.model.characters);
  model = { characters, letters: characters.map((character) => Number(isLetter(character))) };
  network = new Network(message.model);
  reading = new Reading();
}

const JOBS = { open, look, write, stop: () => {} };

addEventListener("message", ({ data: message }) => {
  if (message.kind === "shown") return shown();
  newest = message.job;
  queue = queue.then(() => JOBS[message.kind](message));
});
