const { model } = data;
const ids = new Map(Array.from(model.characters, (character, id) => [character, id]));
const characters = Array.from(model.characters);
const editor = new Editor(find("text"), find("mirror"));
const area = editor.area;
const worker = new Worker(URL.createObjectURL(new Blob([data.worker], { type: "text/javascript" })));
const chips = { characters: makeChips(6), words: makeChips(5) };
const past = []; // texts that "Undo" brings back
let job = 0;
let writing = 0; // the job that writes
let begun; // what the last text was written from: { text, settings }
let places = []; // what the worker has told of the first places
let here; // the span that the account is about

const say = (message) => {
  find("notice").textContent = message;
};
const view = () => document.querySelector("[name=view]:checked").value;
const unit = () => clamp(find("unit").valueAsNumber, 0, data.units - 1);
const clamp = (value, least, most) => Math.min(Math.max(Math.round(value) || 0, least), most);

function settings() {
  const [temperature, topP, minP, length, activation] = ["temperature", "topP", "minP", "length", "activation"].map(
    (id) => find(id).valueAsNumber,
  );
  const seed = clamp(find("seed").valueAsNumber, 0, 2 ** 32 - 1);
  return { temperature, topP, minP, length, seed, hold: find("held").checked ? [[unit(), activation]] : [] };
}

// The text as the model reads it, like Vocabulary.prepare of chargen/text/vocabulary.py.
function prepared(text) {
  let made = text.normalize("NFC");
  if (model.normalization === "prose") made = asProse(made);
  else if (model.normalization !== "none") made = made.toLowerCase();
  if (model.normalization === "letters")
    made = made.replace(/(\p{L}[\p{M}\u200c\u200d]*)|./gsu, (_, letter) => letter ?? " ").replace(/ +/g, " ");
  made = Array.from(made, (character) => model.substitutes[character] ?? character).join("");
  const apart = made.normalize("NFD");
  return unknownIn(apart).length < unknownIn(made).length ? apart : made;
}

// Like as_prose of chargen/text/prose.py, but that lines stay as they are typed.
const asProse = (text) =>
  text
    .replace(/[“”„‟]/g, '"')
    .replace(/[‘’‚‛]/g, "'")
    .replaceAll("…", "...")
    .replace(/[–―]|-{2,}/g, "—");

const unknownIn = (text) => Array.from(text).filter((character) => !ids.has(character));

// Put the text into the form that the model reads, and name what it does not know.
function tidy() {
  const text = prepared(area.value);
  if (text !== area.value) editor.set(text, Array.from(prepared(area.value.slice(0, area.selectionStart))).length);
  const unknown = [...new Set(unknownIn(text))];
  if (unknown.length) {
    const names = unknown.slice(0, 10).map((character) => named(character).textContent);
    say(`The model has never seen ${names.join(" ")}${unknown.length > 10 ? " and more" : ""}; it reads past that.`);
  } else if (find("notice").textContent.startsWith("The model has never seen")) say("");
  const changed = editor.sync();
  places.length = Math.min(places.length, changed);
  paint(changed);
}

function post(kind, message = {}) {
  job++;
  const text = editor.characters.map((character) => ids.get(character) ?? -1);
  worker.postMessage({ kind, job, ids: text, known: places.length, unit: unit(), caret: editor.caret, ...message });
}

// Ask what may come at the cursor, and for what is not yet known of the text.
function look() {
  if (writing) return;
  tidy();
  post("look");
  account(editor.caret);
}

// Write on from a text, or from what stands before the cursor.
function write(text) {
  tidy();
  remember();
  editor.set(prepared(text ?? editor.characters.slice(0, editor.caret).join("")), Number.POSITIVE_INFINITY);
  tidy();
  begun = { text: area.value, settings: settings() };
  post("write", begun.settings);
  writing = job;
  say("Writing ...");
  busy(true);
}

function busy(now) {
  area.readOnly = now;
  find("write").textContent = now ? "Stop" : "Write";
  find("again").disabled = now || !begun;
  find("undo").disabled = now || !past.length;
  for (const chip of document.querySelectorAll(".chips button")) chip.disabled = now;
}

function remember() {
  past.push([area.value, editor.caret]);
  find("undo").disabled = false;
}

function insert(text) {
  if (writing) return;
  remember();
  const [start, end] = [area.selectionStart, area.selectionEnd];
  const before = area.value.slice(0, start) + text;
  editor.set(before + area.value.slice(end), Array.from(before).length);
  look();
}

const hear = (from, told) =>
  told.forEach((place, k) => {
    places[from + k] = place;
  });

// What the worker says.
const ANSWERS = {
  read({ from, places: told }) {
    hear(from, told);
    paint(from);
    account(editor.caret);
  },
  written({ ids: drawn, from, places: told }) {
    const follow = editor.endInView;
    area.value += drawn.map((id) => characters[id]).join("");
    const changed = editor.sync();
    hear(from, told);
    paint(Math.min(from, changed));
    if (follow) editor.spans.at(-1)?.scrollIntoView({ block: "nearest" });
  },
  done({ written, seconds }) {
    writing = 0;
    busy(false);
    area.setSelectionRange(area.value.length, area.value.length);
    say(`${written.toLocaleString("en")} characters, ${Math.round(written / seconds).toLocaleString("en")} a second`);
    look();
  },
  next(next) {
    for (const kind of ["characters", "words"])
      for (const [k, chip] of chips[kind].entries()) fill(chip, next[kind][k]);
  },
};

worker.onmessage = ({ data: answer }) => {
  if (answer.job === job || answer.job === writing) ANSWERS[answer.kind](answer);
  if (answer.kind === "read" || answer.kind === "written") worker.postMessage({ kind: "shown" });
};
worker.onerror = ({ message }) => say(`The network cannot run in this browser: ${message}`);

function makeChips(count) {
  return Array.from({ length: count }, () => element("button", [], { type: "button", hidden: true }));
}

function fill(chip, suggestion) {
  chip.hidden = !suggestion;
  if (!suggestion) return;
  const [text, chance] = suggestion;
  chip.onclick = () => insert(text);
  const shown = Array.from(text, (character) => named(character).textContent).join("");
  chip.replaceChildren(element("b", [shown]), element("small", [percent(chance)]));
  const spoken = { " ": "space", "\n": "line break", "\t": "tab" }[text] ?? text.trim();
  chip.setAttribute("aria-label", `${spoken},${percent(chance)}`);
}

// Colour the text from a place on.
function paint(from = 0) {
  const shade = SHADES[view()];
  for (let place = from; place < editor.spans.length; place++) {
    const span = editor.spans[place];
    span.style.background = places[place] ? shade(places[place]) : "";
    span.className = ids.has(editor.characters[place]) ? "" : "unknown";
  }
}

const warm = (level) => (level ? `color-mix(in srgb, var(--warm) ${12.5 * Math.min(level, 8)}%, var(--ground))` : "");
const SHADES = {
  plain: () => "",
  surprise: ({ bits }) => warm(Math.round(bits ?? 0)),
  unit: ({ activation }) =>
    `rgb(var(--${activation < 0 ? "negative" : "positive"}) / ${Math.abs(activation).toFixed(3)})`,
};

function showLegend() {
  const swatch = (background, content) => {
    const made = element("span", [content]);
    made.style.background = background;
    return made;
  };
  const parts = {
    plain: [],
    surprise: ["bits of surprise ", ...[0, 2, 4, 6, 8].map((level) => swatch(warm(level), level === 8 ? "8+" : level))],
    unit: [-1, 0, 1].map((activation) =>
      swatch(SHADES.unit({ activation }), String(activation).replace("-", "\u2212")),
    ),
  };
  find("legend").replaceChildren(...parts[view()]);
}

// Tell what was expected at a place, and what came.
function account(place) {
  here?.classList.remove("here");
  const told = places[place];
  here = told && editor.spans[place];
  if (view() === "plain") return;
  here?.classList.add("here");
  const character = editor.characters[place];
  if (!told) find("account").textContent = "Point at a character, or move to it, to see what was expected there.";
  else if (view() === "unit")
    find("account").replaceChildren(`unit ${unit()} after `, named(character), ` ${told.activation.toFixed(2)}`);
  else {
    const guesses = told.guesses.flatMap((id, rank) => [
      named(characters[id], characters[id] === character),
      `${percent(told.chances[rank])} \u2002`,
    ]);
    const bits = told.bits === null ? "" : ` ${told.bits.toFixed(2)} bits,${percent(2 ** -told.bits)}`;
    find("account").replaceChildren(named(character), bits, element("br", []), "expected ", ...guesses);
  }
}

function newSeed() {
  find("seed").value = crypto.getRandomValues(new Uint32Array(1))[0];
}

// A link holds in its #-part what a text was written from.
function share() {
  const { text, settings: used } = begun ?? { text: area.value, settings: settings() };
  const { hold, ...numbers } = used;
  const parts = new URLSearchParams({ ...numbers, hold: hold.join(), text });
  history.replaceState(null, "", `#${parts}`);
  copy(location.href, "The link is copied; it writes this text again.");
}

function fromLink() {
  const parts = new URLSearchParams(location.hash.slice(1));
  if (!parts.has("text") || writing) return;
  for (const id of ["temperature", "topP", "minP", "length", "seed"]) if (parts.get(id)) find(id).value = parts.get(id);
  const [held, activation] = (parts.get("hold") ?? "").split(",");
  find("held").checked = Boolean(held);
  if (held) [find("unit").value, find("activation").value] = [clamp(Number(held), 0, data.units - 1), activation];
  showFinding();
  showValues();
  write(parts.get("text"));
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    say("This browser does not let the page copy; select the text, or the address, and copy it.");
  }
}

function showValues() {
  for (const range of document.querySelectorAll("input[type=range]"))
    range.previousElementSibling.textContent = range.valueAsNumber.toLocaleString("en");
}

function showUnit() {
  places = []; // the worker tells of another unit
  showFinding();
  look();
}

function showFinding() {
  find("findings").value = data.findings.some(([, number]) => number === unit()) ? unit() : "";
}

function changeView() {
  document.body.dataset.view = view();
  showLegend();
  paint();
  account(editor.caret);
}

for (const kind of ["characters", "words"]) find(kind).append(...chips[kind]);
find("intro").textContent = data.intro;
for (const [name, fact] of data.about)
  find("about").lastElementChild.append(element("dt", [name]), element("dd", [fact]));
find("findings").append(new Option("any", ""), ...data.findings.map(([name, number]) => new Option(name, number)));
find("unit").max = data.units - 1;
if (data.findings.length) find("unit").value = data.findings[0][1];
showFinding();

find("write").onclick = () => (writing ? post("stop") : write());
find("again").onclick = () => {
  newSeed();
  write(begun.text);
};
find("undo").onclick = () => {
  editor.set(...past.pop());
  busy(false);
  look();
};
find("copy").onclick = () => copy(area.value, "The text is copied.");
find("link").onclick = share;
find("views").onchange = changeView;
find("findings").onchange = ({ target }) => {
  if (target.value) find("unit").value = target.value;
  showUnit();
};
find("unit").onchange = showUnit;
for (const range of document.querySelectorAll("input[type=range]")) range.oninput = showValues;
area.oninput = (event) => event.isComposing || look();
area.addEventListener("compositionend", look);
area.onpointermove = area.onclick = (event) => {
  const place = editor.under(event);
  if (place !== undefined) account(place);
};
area.onpointerleave = () => account(editor.caret);
let lookedAt = 0;
document.addEventListener("selectionchange", () => {
  if (document.activeElement !== area || writing || lookedAt === area.selectionStart) return;
  lookedAt = area.selectionStart;
  post("look");
  account(editor.caret);
});
document.addEventListener("keydown", (event) => {
  const word = event.altKey && event.code.match(/^Digit([1-5])$/);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("write").click();
  else if (event.key === "Escape" && writing) post("stop");
  else if (word && !chips.words[word[1] - 1].hidden) chips.words[word[1] - 1].click();
  else return;
  event.preventDefault();
});
window.addEventListener("hashchange", fromLink);

post("open", { model });
delete model.tensors; // the worker has its own
newSeed();
showValues();
changeView();
look();
fromLink();
