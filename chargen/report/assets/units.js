const bytes = Uint8Array.from(atob(data.activations), (character) => character.charCodeAt(0));
const activations = new Int8Array(bytes.buffer); // unit after unit, a step for each character
const characters = Array.from(data.text); // code points, as Python counts them
const units = data.layers * data.hidden_size;
let shown = 0; // the unit, counted through all layers

const spans = characters.map((character) => {
  const span = document.createElement("span");
  span.textContent = character;
  if (character === "\n") span.className = "end";
  return span;
});
find("text").append(...spans);

const value = (unit, t) => activations[unit * characters.length + t] / data.steps;

function show(unit) {
  shown = (unit + units) % units;
  spans.forEach((span, t) => {
    const a = value(shown, t);
    span.style.backgroundColor = `rgb(var(--${a < 0 ? "negative" : "positive"}) / ${Math.abs(a).toFixed(3)})`;
  });
  find("layer").value = Math.floor(shown / data.hidden_size);
  find("unit").value = shown % data.hidden_size;
  for (const button of document.querySelectorAll("dd button"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.unit) === shown));
}

function choose() {
  // what is being typed may be no unit yet
  const unit = find("unit").valueAsNumber;
  if (Number.isInteger(unit) && unit >= 0 && unit < data.hidden_size)
    show(Number(find("layer").value) * data.hidden_size + unit);
}

function read(event) {
  const t = spans.indexOf(event.target);
  if (t >= 0) find("reading").textContent = `after ${JSON.stringify(characters[t])}: ${value(shown, t).toFixed(2)}`;
}

for (let layer = 0; layer < data.layers; layer++) find("layer").append(new Option(layer, layer));
find("layers").hidden = data.layers === 1;
find("unit").max = data.hidden_size - 1;
find("place").textContent = data.layers === 1 ? "the unit" : "layer/unit";
find("limits").textContent = data.limits;
for (const finding of data.findings) {
  const buttons = finding.units.map(([unit, name]) => {
    const button = element("button", [name], { onclick: () => show(unit) });
    button.dataset.unit = unit;
    return button;
  });
  const note = element("span", [finding.note], { className: "faint" });
  find("findings").append(element("dt", [finding.feature]), element("dd", [...buttons, note]));
}
find("previous").onclick = () => show(shown - 1);
find("next").onclick = () => show(shown + 1);
find("layer").onchange = find("unit").oninput = choose;
find("unit").onchange = () => show(shown); // what was typed and is no unit goes
find("text").onpointerover = find("text").onclick = read;
show(data.first);
