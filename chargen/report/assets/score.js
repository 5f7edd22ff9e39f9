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

// One model: a level for each bit. Two: a level for each half bit between them, cool where the first one is better.
function shade(place) {
  const level = Math.round(other ? 2 * (first.bits[place] - other.bits[place]) : first.bits[place]);
  return level ? (level > 0 ? "warm" : "cool") + Math.min(Math.abs(level), LEVELS) : "";
}

text.forEach((character, place) => {
  const className = shade(place) + (character === "\n" ? " newline" : "");
  holder.append(element("span", [character], { className, place }));
});

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
  ];
}

let here;
function show(span) {
  if (span?.place === undefined) return;
  here?.classList.remove("here");
  here = span;
  here.classList.add("here");
  const start = line(named(text[0]), " comes first: there is nothing before it to predict it from");
  find("about").replaceChildren(...(here.place ? data.models.flatMap((model) => account(model, here.place)) : [start]));
}

for (const event of ["pointerover", "click"]) holder.addEventListener(event, ({ target }) => show(target));
holder.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  show(here ? holder.children[here.place + step] : holder.firstChild);
  here.scrollIntoView({ block: "nearest" });
});
