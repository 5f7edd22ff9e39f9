const LEVELS = 8; // shades
const text = Array.from(data.text); // code points, as Python counts them
for (const model of data.models) model.guesses = Array.from(model.guesses);
const [first, other] = data.models;
const holder = find("text");

for (const cells of data.scores) {
  const row = find("scores").insertRow();
  for (const cell of cells) row.insertCell().textContent = cell;
}
find("size").textContent = data.size;
find("legend").append(...legend());

function legend() {
  const swatch = (hue, level, number) =>
    element("span", [number + (level === LEVELS ? "+" : "")], { className: level ? hue + level : "" });
  const scale = (swatches) => element("span", swatches, { className: "swatches" });
  const levels = Array.from({ length: LEVELS + 1 }, (_, level) => level);
  if (!other) return ["bits of surprise ", scale(levels.map((level) => swatch("warm", level, level)))];
  const shades = (hue) =>
    levels.filter((level) => level && level % 2 === 0).map((level) => swatch(hue, level, level / 2));
  const both = scale([...shades("cool").reverse(), swatch("", 0, 0), ...shades("warm")]);
  const title = "bits by which one model predicted better:";
  return [title, element("br", []), `${first.name} `, both, ` ${other.name}`];
}

// Where each word, or what stands between words, begins and ends, by place.
const words = [];
for (let place = 0; place < text.length; place++) {
  const inside = /[\p{L}\p{M}\p{N}'’]/u;
  const joins = place > 0 && inside.test(text[place]) && inside.test(text[place - 1]);
  words.push(joins ? words[place - 1] : { begin: place });
  words[place].end = place + 1;
}

const sum = (model, { begin, end }) => model.bits.slice(begin, end).reduce((total, bits) => total + bits, 0);

// The bits to show at a place: its own, or the mean of its word.
function bitsAt(model, place) {
  const word = words[place];
  return find("words").checked ? sum(model, word) / (word.end - word.begin) : model.bits[place];
}

// One model: a level for each bit. Two: a level for each half bit between them, cool where the first one is better.
function shade(place) {
  const level = Math.round(other ? 2 * (bitsAt(first, place) - bitsAt(other, place)) : bitsAt(first, place));
  return level ? (level > 0 ? "warm" : "cool") + Math.min(Math.abs(level), LEVELS) : "";
}

const classOf = (place) => shade(place) + (text[place] === "\n" ? " newline" : "");
text.forEach((character, place) => {
  holder.append(element("span", [character], { className: classOf(place), place }));
});

find("words").onchange = () => {
  for (const span of holder.children) span.className = classOf(span.place) + (span === here ? " here" : "");
};

const surprise = (place) => Math.abs(other ? first.bits[place] - other.bits[place] : first.bits[place]);
const surprises = text.map((_, place) => surprise(place)).sort((a, b) => b - a);
const SURPRISING = surprises[Math.floor(text.length / 100)]; // one place in a hundred

find("next").onclick = () => {
  const from = here?.place ?? -1;
  const places = text.map((_, step) => (from + 1 + step) % text.length);
  const place = places.find((place) => place && surprise(place) >= SURPRISING);
  if (place !== undefined) goTo(place);
};

function goTo(place) {
  show(holder.children[place]);
  here.scrollIntoView({ block: "center" });
}

let here; // the span that is told about
const line = (...parts) => element("p", parts);

function account(model, place) {
  const top = model.guesses.length / text.length;
  const parts = [];
  for (let rank = place * top; rank < (place + 1) * top; rank++) {
    const guess = model.guesses[rank];
    parts.push(named(guess, guess === text[place]), `${percent(model.permille[rank] / 1000)} \u2002`);
  }
  const bits = model.bits[place];
  const name = other ? `${model.name}: ` : "";
  return [
    line(name, named(text[place]), ` ${bits.toFixed(2)} bits,${percent(2 ** -bits)}`),
    line("expected ", ...parts),
    ...(words[place].end - words[place].begin > 1 ? [wordLine(model, words[place])] : []),
  ];
}

function wordLine(model, word) {
  const whole = text.slice(word.begin, word.end).join("");
  return line(`the whole word ${whole}: ${sum(model, word).toFixed(1)} bits`);
}

function show(span) {
  if (span?.place === undefined) return;
  here?.classList.remove("here");
  here = span;
  here.classList.add("here");
  const start = line(named(text[0]), " comes first: there is nothing before it to predict it from");
  find("about").replaceChildren(...(here.place ? data.models.flatMap((model) => account(model, here.place)) : [start]));
}

data.passages.forEach((passages, number) => {
  const rows = passages.map((passage) => {
    const place = element("button", [JSON.stringify(passage.text)], {
      onclick: () => goTo(passage.start),
      disabled: passage.start >= text.length,
    });
    return element("li", [`${passage.bits.toFixed(1)} bits `, place]);
  });
  find("passages").append(line(`${data.models[number].name} is better by`), element("ul", rows));
  find("passages").hidden = false;
});

for (const event of ["pointerover", "click"]) holder.addEventListener(event, ({ target }) => show(target));
holder.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  show(here ? holder.children[here.place + step] : holder.firstChild);
  here.scrollIntoView({ block: "nearest" });
});
