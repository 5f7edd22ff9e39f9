"""A page that shows a text coloured by what a hidden unit holds after each character."""

import base64

import numpy as np

from chargen.analysis.hidden_units import Inspection, UnitScore
from chargen.report.page import page

LONGEST = 3_000  # characters shown
MOST_VALUES = 2_100_000  # units times characters: with four thirds of a byte for each, a page stays below 3 MB
STEPS = 127  # an activation in [-1, 1] is stored as a whole number of these steps

BODY = """
<p class="faint">Each character is coloured by what one of the network's hidden units holds once it has read it:
<span class="chip" id="minus">&minus;1</span> <span class="chip">0</span> <span class="chip" id="plus">+1</span>.
After Karpathy, Johnson and Li (2015). <span id="limits"></span></p>
<div id="controls">
  <button id="previous" aria-label="previous unit">&lsaquo;</button>
  <label id="layers">layer <select id="layer"></select></label>
  <label>unit <input id="unit" type="number" inputmode="numeric" min="0" value="0"></label>
  <button id="next" aria-label="next unit">&rsaquo;</button>
  <output id="reading" class="faint">touch the text</output>
</div>
<p class="faint">These units follow something best: <span id="place"></span> and its Pearson correlation, in the half of
the text that had no part in choosing it.</p>
<dl id="findings"></dl>
<div id="text" class="text"></div>
"""

STYLE = """
:root { --negative: 90 140 235; --positive: 240 140 60; }
@media (prefers-color-scheme: dark) { :root { --negative: 40 90 180; --positive: 150 68 12; } }
#controls { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; align-items: center; gap: .5rem;
  padding: .5rem 0; background: var(--ground); border-bottom: 1px solid var(--line); }
#reading { flex: 1 1 7rem; min-height: 1.5em; }
button, input, select { font: inherit; min-height: 2.5rem; color: var(--ink); background: var(--ground);
  border: 1px solid var(--line); border-radius: .4rem; padding: .2rem .6rem; }
#controls button { min-width: 2.5rem; }
#unit { width: 5.5rem; }
button[aria-pressed=true] { border-color: var(--mark); box-shadow: 0 0 0 1px var(--mark); }
dd button { font-size: .9rem; min-height: 2.25rem; }
dl { display: grid; grid-template-columns: 12rem 1fr; gap: .3rem 1rem; align-items: center; }
dd { margin: 0; display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .2rem; } }
.chip { padding: 0 .4rem; border: 1px solid var(--line); color: var(--ink); }
#minus { background: rgb(var(--negative)); }
#plus { background: rgb(var(--positive)); }
#text { margin-top: 1rem; }
.end::before { content: "↵"; opacity: .5; }
"""

SCRIPT = """
const find = id => document.getElementById(id);
const bytes = Uint8Array.from(atob(data.activations), character => character.charCodeAt(0));
const activations = new Int8Array(bytes.buffer);  // unit after unit, a step for each character
const characters = Array.from(data.text);  // code points, as Python counts them
const units = data.layers * data.hidden_size;
let shown = 0;  // the unit, counted through all layers

const spans = characters.map(character => {
  const span = document.createElement("span");
  span.textContent = character;
  if (character === "\\n") span.className = "end";
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
  document.querySelectorAll("dd button").forEach(button =>
    button.setAttribute("aria-pressed", String(Number(button.dataset.unit) === shown)));
}

function choose() {  // what is being typed may be no unit yet
  const unit = find("unit").valueAsNumber;
  if (Number.isInteger(unit) && unit >= 0 && unit < data.hidden_size)
    show(Number(find("layer").value) * data.hidden_size + unit);
}

function read(event) {
  const t = spans.indexOf(event.target);
  if (t >= 0) find("reading").textContent = `after ${JSON.stringify(characters[t])}: ${value(shown, t).toFixed(2)}`;
}

function element(name, content, attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...content);
  return made;
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
find("unit").onchange = () => show(shown);  // what was typed and is no unit goes
find("text").onpointerover = find("text").onclick = read;
show(data.findings.flatMap(finding => finding.units)[0]?.[0] ?? 0);
"""


def activation_page(inspection: Inspection, title: str) -> str:
    """Return a self-contained HTML page of a text's beginning and all its activations.

    It shows the first 3,000 characters, or fewer for a network of more than 700 units, so that the page stays below
    3 MB. Activations are rounded to 1/127.

    Args:
        title: plain text.
    """
    T, units = inspection.activations.shape
    length = min(LONGEST, MOST_VALUES // units, T)
    steps = np.rint(inspection.activations[:length] * STEPS).astype(np.int8)  # (length, L*H)
    hidden_size = units // inspection.layers
    data = {
        "text": inspection.text[:length],
        "activations": base64.b64encode(steps.T.tobytes()).decode("ascii"),
        "steps": STEPS,
        "layers": inspection.layers,
        "hidden_size": hidden_size,
        "limits": f"Shown: the first {length:,} of the {T:,} characters that were read." if length < T else "",
        "findings": [
            {
                "feature": finding.feature,
                "note": finding.note,
                "units": [_button(score, inspection.layers, hidden_size) for score in finding.units],
            }
            for finding in inspection.findings
        ],
    }
    return page(title, BODY, STYLE, SCRIPT, data)


def _button(score: UnitScore, layers: int, hidden_size: int) -> tuple[int, str]:
    """Return a unit's number, counted through all layers, and what its button says."""
    place = f"{score.layer}/{score.unit}" if layers > 1 else str(score.unit)
    return score.layer * hidden_size + score.unit, f"{place}: {score.held_out:+.2f}"
