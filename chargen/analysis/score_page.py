"""The page that shows a text with each of its characters shaded by how well models predicted it."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from chargen.analysis.scoring import Piece, Predictions, Score
from chargen.report.page import page
from chargen.text.vocabulary import Vocabulary

LIMIT = 50_000  # characters on a page; a browser is slow to lay out many more
LEVELS = 8  # shades beside none


def score_page(
    title: str, names: Sequence[str], scores: Sequence[Score], vocabularies: Sequence[Vocabulary], beginning: Piece
) -> str:
    """Return an HTML page: one model's surprise by character, or with two models the difference between them.

    Args:
        title: of the text.
        names: what to call each model.
        scores: of each model on the whole text.
        vocabularies: of each model.
        beginning: of the text; the page shows its first `LIMIT` characters.
    """
    text = beginning.text[:LIMIT]
    models = zip(names, beginning.predictions, vocabularies, strict=True)
    data = {"text": text, "models": [_model(*model, len(text)) for model in models]}
    rows = (
        f"<tr><td>{escape(name)}<td>{score.bits:.3f}<td>{score.loss:.3f}<td>{score.perplexity:.4g}"
        for name, score in zip(names, scores, strict=True)
    )
    read = scores[0].characters + 1
    part = f" This page shows the first {LIMIT:,}." if read > LIMIT else ""
    body = (
        "<table><tr><th>model<th>bits per character<th>nats<th>perplexity\n"
        + "\n".join(rows)
        + f"</table>\n<p>{read:,} characters.{part}</p>\n{_legend(names)}\n"
        '<div id="text" class="text" tabindex="0"></div>\n<div id="about" aria-live="polite"><p class="faint">'
        "Point at a character, or tap it, to see what was expected there; the arrow keys go on from it.</p></div>"
    )
    return page(title, body, _STYLE + _shades(), _SCRIPT, data)


def _model(name: str, predictions: Predictions, vocabulary: Vocabulary, characters: int) -> dict:
    """Return what a model made of the first characters, as plain values: of each its bits, guesses, and their ‰."""
    losses, guesses, probabilities = (array[:characters] for array in predictions)
    bits = np.nan_to_num(losses / math.log(2)).round(2).tolist()  # the first, which is none, becomes 0
    permille = (1000 * probabilities).round().astype(int).ravel().tolist()
    return {"name": name, "bits": bits, "guesses": vocabulary.decode(guesses.ravel()), "permille": permille}


def _legend(names: Sequence[str]) -> str:
    if len(names) == 1:
        swatches = "".join(f'<span class="warm{level}">{level}{"+" * (level == LEVELS)}</span>' for level in range(9))
        return f'<p class="legend">bits of surprise <span class="swatches">{swatches}</span></p>'
    levels = range(0, LEVELS + 1, 2)
    cool = "".join(f'<span class="cool{level}">{level // 2}{"+" * (level == LEVELS)}</span>' for level in levels[:0:-1])
    warm = "".join(f'<span class="warm{level}">{level // 2}{"+" * (level == LEVELS)}</span>' for level in levels[1:])
    return (
        '<p class="legend">bits by which one model predicted better:<br>'
        f'{escape(names[0])} <span class="swatches">{cool}<span>0</span>{warm}</span> {escape(names[1])}</p>'
    )


def _shades() -> str:
    return "\n".join(
        f".{hue}{level} {{ background: color-mix(in srgb, var(--{hue}) {100 * level / LEVELS:g}%, var(--ground)); }}"
        for hue in ("warm", "cool")
        for level in range(1, LEVELS + 1)
    )


_STYLE = """
:root { --warm: #ff9a3c; --cool: #6cb2ff; }
@media (prefers-color-scheme: dark) { :root { --warm: #a3480a; --cool: #1d5fae; } }
table { border-collapse: collapse; width: 100%; }
th { font-weight: normal; color: var(--faint); font-size: .85rem; }
th, td { text-align: right; padding: .15rem 0 .15rem .8rem; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; overflow-wrap: anywhere; }
.legend { color: var(--faint); overflow-wrap: anywhere; }
.swatches { white-space: nowrap; color: var(--ink); }
.swatches span { display: inline-block; min-width: 1.7em; text-align: center; }
#text { padding-bottom: 1rem; }
#text .newline::before { content: "\\21b5"; color: var(--faint); }
#text .here { outline: 2px solid var(--mark); outline-offset: -1px; }
#about { position: sticky; bottom: 0; min-height: 4.6rem; margin: 0 -1rem; padding: .6rem 1rem;
  background: var(--ground); border-top: 1px solid var(--line); }
#about p { margin: 0; overflow-wrap: anywhere; }
#about b { font: 1rem ui-monospace, monospace; padding: 0 .25em; border: 1px solid var(--line); border-radius: 3px; }
#about .hit { border-color: var(--mark); outline: 1px solid var(--mark); }
"""

_SCRIPT = r"""
const text = Array.from(data.text), holder = document.getElementById("text"), about = document.getElementById("about");
for (const model of data.models) model.guesses = Array.from(model.guesses);
const [first, other] = data.models;

function shade(place) {  // one model: a level for each bit; two: one for each half bit between them, cool for the first
  const level = Math.round(other ? 2 * (first.bits[place] - other.bits[place]) : first.bits[place]);
  return level ? (level > 0 ? "warm" : "cool") + Math.min(Math.abs(level), 8) : "";
}

text.forEach((character, place) => {
  const span = document.createElement("span");
  span.textContent = character;
  span.className = shade(place) + (character === "\n" ? " newline" : "");
  span.place = place;
  holder.append(span);
});

function named(character, hit) {
  const names = { "\n": "\u21b5", " ": "\u2423", "\t": "\u21e5" }, code = character.codePointAt(0);
  const shown = document.createElement("b");
  const hidden = code < 32 || (code > 126 && code < 161);
  shown.textContent = names[character] || (hidden ? "U+" + code.toString(16).padStart(4, "0") : character);
  if (hit) shown.className = "hit";
  return shown;
}

function percent(share) {
  return share < 0.001 ? " <0.1\u00a0%" : " " + (100 * share).toFixed(share < 0.1 ? 1 : 0) + "\u00a0%";
}

function line(...parts) {
  const p = document.createElement("p");
  p.append(...parts);
  return p;
}

function account(model, place) {
  const top = model.guesses.length / text.length, parts = [];
  for (let rank = place * top; rank < (place + 1) * top; rank++) {
    const guess = model.guesses[rank];
    parts.push(named(guess, guess === text[place]), percent(model.permille[rank] / 1000) + " \u2002");
  }
  const bits = model.bits[place];
  const name = other ? model.name + ": " : "";
  return [
    line(name, named(text[place]), ` ${bits.toFixed(2)} bits,${percent(2 ** -bits)}`),
    line("expected ", ...parts),
  ];
}

let here;
function show(span) {
  if (!span || span.place === undefined) return;
  here?.classList.remove("here");
  here = span;
  here.classList.add("here");
  const first = line(named(text[0]), " comes first: there is nothing before it to predict it from");
  about.replaceChildren(...(here.place ? data.models.flatMap(model => account(model, here.place)) : [first]));
}

for (const event of ["pointerover", "click"]) holder.addEventListener(event, ({ target }) => show(target));
holder.addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  show(here ? holder.children[here.place + step] : holder.firstChild);
  here.scrollIntoView({ block: "nearest" });
});
"""
