"""The page that runs a model, in a real browser: the numbers of the Python sampler, and what a person sees."""

import base64
import json
import time
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest

from chargen.analysis.hidden_units import read_activations
from chargen.analysis.model_page import WORKER, model_data, model_page
from chargen.analysis.scoring import Scoring
from chargen.errors import InputError
from chargen.network.cells import CELLS
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.network.provenance import Provenance
from chargen.network.storage import pack, unpack
from chargen.report.page import asset
from chargen.sampling.filters import USUAL, SamplingSettings, probabilities
from chargen.sampling.sampler import Sampler
from chargen.text.corpus import Origin
from chargen.text.vocabulary import Vocabulary

TEXT = "The sun was low, and the sea was still.\n\n“Home, then,” she said.\n"
GREEDY = SamplingSettings(temperature=0)


def quantised(config, vocabulary, bits=8, **known):
    """Return a model of random weights that is not chaotic, as it is after it was stored in some bits."""
    rng = np.random.default_rng(2)
    weights = {
        name: rng.normal(scale=0.2 if "hh" in name else 0.8, size=shape).astype(np.float32)
        for name, shape in config.weight_shapes().items()
    }
    return Checkpoint(config, vocabulary, unpack(pack(weights, bits))[0], bits=bits, **known)


VOCABULARY = Vocabulary.from_text(TEXT)
MODEL = quantised(ModelConfig(len(VOCABULARY), "lstm", 20, 2), VOCABULARY)
LETTERS = quantised(ModelConfig(4, "gru", 5), Vocabulary(" abé", "letters"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, model in (("model", MODEL), ("letters", LETTERS)):
        (folder / f"{name}.html").write_text(model_page(model, name), "utf-8")
    return folder


def until(browser, condition, *arguments):
    """Wait until JavaScript is true, and return its value."""
    for _ in range(400):
        if value := browser.run(f"return {condition}", *arguments):
            return value
        time.sleep(0.02)
    raise TimeoutError(condition + ": " + browser.run("return find('notice').textContent"))


def written(browser, text, **settings):
    """Let the page write on from a text, and return what it has added."""
    defaults = {"temperature": 1, "topP": 1, "minP": 0, "length": 200, "seed": 1}
    for name, value in (defaults | settings).items():
        browser.run(
            "const e = find(arguments[0]); e.max = 2 ** 32; e.step = 'any'; e.value = arguments[1]", name, value
        )
    browser.run("write(arguments[0])", text)
    until(browser, "!writing")
    whole = browser.run("return area.value")
    assert whole.startswith(text)
    return whole.removeprefix(text)


def reading(browser):
    """Wait until the page has read the whole text; return the bits of each character."""
    until(browser, "places.length === editor.characters.length && places.every(Boolean)")
    return browser.run("return places.map(({bits}) => bits)")


LOGITS = """
const [program, request] = arguments;
const mine = `addEventListener("message", (event) => {
  event.stopImmediatePropagation();
  const { models, ids, length } = event.data;
  postMessage(models.map((model) => {
    const network = new Network(model);
    const logits = ids.map((id) => { network.step(id); return Array.from(network.logits); });
    const greedy = Array.from({ length }, () => {
      const id = draw(network.logits, { temperature: 0 });
      network.step(id);
      return id;
    });
    return { logits, greedy };
  }));
});`;
const worker = new Worker(URL.createObjectURL(new Blob([mine + program])));
return new Promise((resolve) => {
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => resolve(message);
  worker.postMessage(request);
});
"""


@pytest.mark.parametrize("switch", ["", "globalThis.WebAssembly = undefined;"], ids=["simd", "plain"])
def test_the_numbers_are_those_of_the_sampler(browser, pages, switch):
    browser.open(pages / "model.html")
    shapes = [(cell, layers, size) for cell in CELLS for layers in (1, 2) for size in (0, 7)]
    models = [
        quantised(ModelConfig(len(VOCABULARY), cell, 20, layers, embedding_size=size), VOCABULARY, bits)
        for (cell, layers, size), bits in zip(shapes, cycle([8, 16, 32]), strict=False)
    ]
    ids = np.random.default_rng(2).integers(len(VOCABULARY), size=200)
    program = switch + "".join(map(asset, WORKER))
    request = {"models": [model_data(model) for model in models], "ids": ids.tolist(), "length": 200}
    for model, found in zip(models, browser.run(LOGITS, program, request), strict=True):
        sampler = Sampler(model)
        state = sampler.begin_state()
        for char_id, logits in zip(ids, found["logits"], strict=True):
            expected, state = sampler.step(np.array([char_id]), state)
            np.testing.assert_allclose(logits, expected[0], atol=1e-4)
        greedy = sampler.sample(VOCABULARY.decode(ids), length=200, settings=GREEDY)
        assert VOCABULARY.decode(found["greedy"]) == greedy


def test_the_page_writes_what_the_sampler_writes(browser, pages):
    browser.open(pages / "model.html")
    usual = browser.run("const { temperature, topP, minP } = settings(); return [temperature, topP, minP]")
    assert usual == [USUAL.temperature, USUAL.top_p or 1, USUAL.min_p]
    sampler = Sampler(MODEL)
    assert written(browser, "The sea", temperature=0) == sampler.sample("The sea", 200, settings=GREEDY)
    browser.run("find('unit').value = 23; find('held').checked = true; find('activation').value = -1")
    sampler.held = {23: -1.0}
    assert written(browser, "The sea", temperature=0) == sampler.sample("The sea", 200, settings=GREEDY)
    browser.run("find('held').checked = false")
    one, other, again = (written(browser, "The sea", seed=seed, topP=0.9) for seed in (7, 8, 7))
    assert len(one) == 200
    assert one == again != other
    assert written(browser, "", seed=7).strip() != ""
    sampler.held = {}
    shares = SamplingSettings(1, top_p=0.05, min_p=0)
    assert written(browser, "The sea", topP=0.05) == sampler.sample("The sea", 200, settings=shares)
    assert written(browser, "The sea", minP=1) == sampler.sample("The sea", 200, settings=GREEDY)


def test_shades_and_activations_are_those_of_the_commands(browser, pages):
    browser.open(pages / "model.html")
    text = TEXT * 3
    browser.run("area.value = arguments[0]; find('unit').value = 23; showUnit()", text)
    bits = reading(browser)
    sampler, scoring = Sampler(MODEL), Scoring([Sampler(MODEL)])
    (piece,) = scoring.read([text])
    assert bits[0] is None
    np.testing.assert_allclose(bits[1:], piece.predictions[0].losses[1:] / np.log(2), atol=0.02)
    expected = read_activations(sampler, VOCABULARY.encode(text))[:, 23]
    np.testing.assert_allclose(browser.run("return places.map((p) => p.activation)"), expected, atol=1 / 127)
    browser.run("document.querySelector('[value=surprise]').click()")
    shades = browser.run(
        "return editor.spans.map((span) => Number(span.style.background.match(/([0-9.]+)%/)?.[1] ?? 0))"
    )
    levels = np.minimum(np.rint(np.nan_to_num(piece.predictions[0].losses / np.log(2))), 8)
    assert np.abs(np.array(shades) / 12.5 - levels).max() <= 1
    assert (np.array(shades) / 12.5 == levels).mean() > 0.95
    browser.run("area.focus(); area.setSelectionRange(9, 9)")
    shown = until(browser, "here?.place === 9 && find('account').textContent")
    assert shown.startswith(f"{text[9]} {bits[9]:.2f} bits")
    browser.run("area.setRangeText('xx', 4, 5); look()")  # what stands after a change is read anew
    (piece,) = Scoring([sampler], "skip").read([text[:4] + text[5:]])
    after = reading(browser)
    assert after[4:6] == [None, None]
    np.testing.assert_allclose(after[6:], piece.predictions[0].losses[4:] / np.log(2), atol=0.02)


def chances(text):
    """Return the probabilities of the next character."""
    sampler = Sampler(MODEL)
    state = sampler.begin_state()
    for char_id in VOCABULARY.encode(text):
        logits, state = sampler.step(np.array([char_id]), state)
    return probabilities(logits[0], SamplingSettings(temperature=1, min_p=0))


def test_choices_are_the_likeliest_and_are_taken_by_a_click_or_a_key(browser, pages):
    browser.open(pages / "model.html")
    browser.run("worker.addEventListener('message', ({ data }) => { if (data.words) window.answered = data; })")
    browser.run("editor.set('The sea', 7); look()")
    until(browser, "window.answered && !chips.characters[0].hidden && !chips.words[0].hidden")
    p = chances("The sea")
    best = VOCABULARY.characters[p.argmax()]
    shown = browser.run("return chips.characters[0].innerText")
    assert shown == f"{best} {100 * p.max():.0f}\u00a0%"
    for text, share in browser.run("return answered.words"):
        before = ["The sea" + text[:place] for place in range(len(text))]
        spelled = [chances(prefix)[VOCABULARY.encode(text[place])[0]] for place, prefix in enumerate(before)]
        ends = sum(chances("The sea" + text)[[not (c.isalnum() or c == "’") for c in VOCABULARY.characters]])
        assert share == pytest.approx(np.prod(spelled) * ends, rel=1e-3)
    word = browser.run("return chips.words[1].querySelector('b').textContent").replace("␣", " ").replace("↵", "\n")
    key = "{altKey: true, code: 'Digit2', key: '2', bubbles: true}"
    browser.run(f"document.dispatchEvent(new KeyboardEvent('keydown', {key}))")
    assert browser.run("return area.value") == "The sea" + word
    browser.run("find('undo').click()")
    assert browser.run("return area.value") == "The sea"
    until(browser, "chips.characters[0].innerText === arguments[0]", shown)
    browser.run("chips.characters[0].click()")
    assert browser.run("return area.value") == "The sea" + best


def test_writing_begins_at_the_cursor_and_can_be_stopped_repeated_and_undone(browser, pages):
    browser.open(pages / "model.html")
    browser.run("editor.set('The sea was low', 7); find('length').max = 1e6")
    browser.run("find('length').value = 1e6; write()")
    until(browser, "editor.characters.length > 300")
    browser.run("find('write').click()")
    until(browser, "!writing")
    text = browser.run("return area.value")
    assert text.startswith("The sea")
    assert not text.startswith("The sea was low")
    browser.run("find('length').value = 50; find('again').click()")
    until(browser, "!writing")
    again = browser.run("return area.value")
    assert len(again) == 57
    assert again[:20] != text[:20]
    for before in (text, "The sea was low"):
        browser.run("find('undo').click()")
        assert browser.run("return area.value") == before


def test_a_link_writes_the_text_again(browser, pages):
    browser.open(pages / "model.html")
    browser.run("find('unit').value = 3; find('held').checked = true; find('activation').value = -0.5")
    text = "The sea & “she” + </script>" + written(browser, "The sea & “she” + </script>", seed=9, topP=0.9, length=50)
    assert browser.run("share(); return find('notice').textContent")
    fragment = browser.run("return location.hash")
    browser.run("location.hash = ''; location.reload()")
    until(browser, "document.readyState === 'complete'")
    assert browser.run("return area.value") == ""
    browser.run("location.hash = arguments[0]", fragment)
    until(browser, "begun && !writing")
    assert browser.run("return area.value") == text
    assert browser.run("return settings()") == {
        **{"temperature": 1, "topP": 0.9, "minP": 0, "length": 50, "seed": 9},
        "hold": [[3, -0.5]],
    }


def test_the_text_is_prepared_and_what_is_unknown_is_named(browser, pages):
    browser.open(pages / "letters.html")
    browser.run("editor.set('A, b!?E\u0301 c漢', 10); look()")
    assert browser.run("return area.value") == "a b é c漢"
    assert "has never seen c 漢" in browser.run("return find('notice').textContent")
    assert browser.run("return editor.spans.map((span) => span.className)")[6:] == ["unknown", "unknown"]
    browser.run("editor.set('ab', 2); look()")
    assert browser.run("return find('notice').textContent") == ""
    browser.open(pages / "model.html")
    browser.run("editor.set('‘so’—', 5); look()")
    assert browser.run("return area.value") == MODEL.vocabulary.decode(MODEL.vocabulary.encode("‘so’—", "replace"))


HOSTILE = "<img src=x onerror='window.ran=1'>\"</script><script>window.ran=2</script>"
HOSTILE += "\u2028\u2029\x00\x1b\x7f`${ran=3}&amp;-->"


def test_nothing_in_a_model_runs(browser, tmp_path):
    vocabulary = Vocabulary.from_text(HOSTILE + "\n\U0001f600")
    provenance = Provenance(HOSTILE, train_characters=5, saved=HOSTILE, metadata={"init_from": f"/home/me/{HOSTILE}"})
    model = quantised(ModelConfig(len(vocabulary), "gru", 9), vocabulary, provenance=provenance)
    (tmp_path / "hostile.html").write_text(model_page(model, HOSTILE), "utf-8")
    browser.open(tmp_path / "hostile.html")
    browser.run("document.querySelector('[value=surprise]').click()")
    text = written(browser, HOSTILE, length=300)
    assert set(text) <= set(vocabulary.characters)
    until(browser, "!chips.characters[0].hidden")
    browser.run("for (const span of editor.spans.slice(0, 200)) account(span.place)")
    browser.run("document.querySelector('details').open = true")
    assert browser.run("return [window.ran ?? null, document.images.length, document.scripts.length]") == [None, 0, 1]
    title = browser.run("return document.querySelector('h1').textContent")
    assert title == HOSTILE.replace("\x00", "")  # which HTML cannot hold


def test_the_page_can_connect_to_nothing(browser, pages):
    browser.open(pages / "model.html")
    attempt = (
        "return fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.message)"
        ".then((message) => new Promise((resolve) => setTimeout(() => resolve([message, window.blocked]), 100)))"
    )
    listen = (
        "document.addEventListener('securitypolicyviolation', (event) => { window.blocked = event.violatedDirective });"
    )
    assert browser.run(listen + attempt)[1] == "connect-src"
    assert "violates the following Content Security Policy" in browser.errors()[0]["message"]


def test_nothing_private_is_in_the_page():
    origin = Origin(source="/home/me/secret-folder/diary.txt")
    provenance = Provenance("diary", origin=origin, metadata={"init_from": "/home/me/secret-folder/base.safetensors"})
    made = model_page(replace(MODEL, provenance=provenance), "mine")
    assert "secret-folder" not in made
    assert '["began from", "base.safetensors"]' in made
    assert "diary" in made


def test_the_weights_are_stored_in_few_bytes():
    vocabulary = Vocabulary("".join(map(chr, range(0x4E00, 0x4E00 + 6000))))
    model = quantised(ModelConfig(6000, "lstm", 64, embedding_size=32), vocabulary)
    data = model_data(model)
    weights = sum(array.size for array in model.weights.values())
    assert len(json.dumps(data)) < 1.6 * weights + 60_000
    scale = data["tensors"]["output.weight.scale"]
    found = np.frombuffer(base64.b64decode(scale["base64"]), "<f4")
    np.testing.assert_array_equal(found, pack(model.weights, 8)["output.weight.scale"])


def test_a_network_that_reads_both_ways_is_refused():
    with pytest.raises(InputError, match="cannot generate text"):
        model_page(quantised(ModelConfig(9, "gru", 3, bidirectional=True), Vocabulary("abcdefghi")), "both")


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_and_can_be_used_without_a_pointer(browser, pages, dark):
    browser.open(pages / "model.html", width=360, height=740, dark=dark)
    written(browser, "The sea", length=400)
    for view in ("plain", "surprise", "unit"):
        browser.run("document.querySelector(`[value=${arguments[0]}]`).click()", view)
        assert browser.run("return document.documentElement.scrollWidth") == 360
        # the text area and the coloured text behind it break their lines alike
        heights = browser.run("return [area.scrollHeight, area.clientHeight, find('mirror').clientHeight]")
        assert len(set(heights)) == 1
    unnamed = browser.run(
        "return [...document.querySelectorAll('button, input, select, textarea')].filter((control) =>"
        " !control.hidden && !(control.labels?.length || control.ariaLabel || control.innerText)).map((c) => c.id)"
    )
    assert unnamed == []
    assert browser.run("return document.querySelectorAll('[aria-live], [role=status]').length") == 1
    colours = browser.run("const s = getComputedStyle(find('write')); return [s.color, s.backgroundColor]")
    assert len({*map(str, colours)}) == 2
