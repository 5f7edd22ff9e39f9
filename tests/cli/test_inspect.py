import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chargen.analysis.hidden_units import FEATURES, Inspection, inspect_text
from chargen.analysis.hidden_units_page import MOST_VALUES, activation_page
from chargen.network.cells import layer_weights
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

COMMAND = str(Path(sys.executable).with_name("chargen"))
NEGATIVE, POSITIVE = {False: (90, 140, 235), True: (40, 90, 180)}, {False: (240, 140, 60), True: (150, 68, 12)}


STORY = "“Where to?” he said.\nA lamp; the sea\nwas low. “Home, then,” she said,\n“and be quick.” They went.\n"
TEXT = STORY * 12 + "a" * 200 + "</script>\n"
VOCABULARY = Vocabulary.from_text(TEXT)
V = H = len(VOCABULARY)
LATCH = 3


def latching(layers=1):
    """Return an RNN that has one unit in its last layer which latches at quotation marks, among random ones.

    The layers below hand on which character was read, one-hot.
    """
    config = ModelConfig(V, "rnn", H, layers)
    rng = np.random.default_rng(7)
    weights = {
        name: rng.normal(scale=0.5, size=shape).astype(np.float32) for name, shape in config.weight_shapes().items()
    }
    for layer in range(layers):
        W_ih, W_hh, b_ih, b_hh = layer_weights(weights, layer)
        if layer < layers - 1:
            W_ih[:], W_hh[:], b_ih[:], b_hh[:] = 100 * np.eye(V), 0, 0, 0
        else:
            W_ih[LATCH], W_hh[LATCH], b_ih[LATCH], b_hh[LATCH] = 0, 2 * np.eye(H)[LATCH], -0.1, 0
            W_ih[LATCH, VOCABULARY.encode("“”")] = 5, -5
    return Checkpoint(config, VOCABULARY, weights)


@pytest.fixture
def chargen(tmp_path):
    """Run `chargen inspect ...` in a folder that has a text and a model with planted units."""
    (tmp_path / "story.txt").write_text(TEXT, "utf-8")
    latching().save(tmp_path / "planted.safetensors")

    def run(*arguments, input=b""):
        command = [COMMAND, "inspect", "--checkpoint", "planted.safetensors", *arguments]
        done = subprocess.run(command, input=input, capture_output=True, cwd=tmp_path, timeout=30)
        return done.returncode, done.stdout.decode().replace("\r\n", "\n"), done.stderr.decode().replace("\r\n", "\n")

    return run


def test_it_names_the_planted_units(chargen):
    code, stdout, stderr = chargen("story.txt", "--top", "1")
    assert (code, stderr) == (0, "")
    head, *lines = stdout.splitlines()
    assert head.startswith(f"{H} units, {len(TEXT):,} characters; correlations in the second half of the text")
    assert lines[:2] == ["inside quotation marks: 22 + 15 passages", "    unit 3     +1.00  (+1.00)"]
    assert lines[2] == "inside brackets: none in this text"
    assert [line.partition(":")[0] for line in lines[3:-1:2]] == list(FEATURES)[2:6]
    assert lines[-1] == "digit: none in this text"


def test_json_holds_the_same_and_stdin_is_read(chargen):
    code, stdout, stderr = chargen("-", "--json", input=b"\xef\xbb\xbf" + TEXT.encode())
    assert (code, stderr) == (0, "stdin: dropped a byte order mark\n")
    found = json.loads(stdout)
    assert (found["text"], found["characters"], found["layers"], found["hidden_size"]) == ("stdin", len(TEXT), 1, H)
    assert [finding["feature"] for finding in found["findings"]] == list(FEATURES)
    best = found["findings"][0]["units"][0]
    assert (best["layer"], best["unit"]) == (0, 3)
    assert best["first_half"] > 0.999
    assert best["held_out"] > 0.999


def test_the_texts_in_a_column_are_read(chargen, tmp_path):
    (tmp_path / "rows.csv").write_text("id,text\n" + "1,he said\n2,she said so\n" * 20)
    code, stdout, stderr = chargen("rows.csv", "--column", "text", "--json")
    assert code == 0
    assert json.loads(stdout)["characters"] == 20 * len("he said\n\nshe said so\n\n") - 1
    assert "rows.csv: read 40 texts in the column 'text'\n" in stderr


def test_a_long_text_is_cut_and_the_page_says_what_it_shows(chargen, tmp_path):
    (tmp_path / "long.txt").write_text(TEXT * 20, "utf-8")
    code, _, stderr = chargen("long.txt", "--html", "out.html")
    assert (code, stderr.splitlines()) == (
        0,
        [
            "long: reading the first 10,000 characters; there are more",
            "wrote out.html; open it in a browser",
        ],
    )
    assert "Shown: the first 3,000 of the 10,000 characters that were read." in (tmp_path / "out.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("none.txt",), 2, "no file 'none.txt' and no text of that name"),
        (("empty.txt",), 2, "the text is empty; give one that has characters to read"),
        (("odd.txt",), 2, "never seen: '7'; set --unknown to skip to leave them out"),
        (("odd.txt", "--unknown", "skip"), 2, "the text is empty once the unknown characters are left out"),
        (("latin.txt",), 2, "byte 0xe9 at offset 0; give its --encoding, for example latin-1"),
        (("story.txt", "--html", "no/such/page.html"), 2, "such for page.html; create it, or choose another place"),
        (("story.txt", "--html", "."), 2, "is a directory"),
        (("story.txt", "--html", ""), 2, "'' is not the name of a file; give one"),
        (("story.txt", "--top", "0"), 2, "--top 0: must be at least 1"),
    ],
)
def test_bad_input_is_one_line(chargen, tmp_path, arguments, code, message):
    for name, data in (("empty", b""), ("odd", b"7"), ("latin", b"\xe9")):
        (tmp_path / f"{name}.txt").write_bytes(data)
    returncode, stdout, stderr = chargen(*arguments)
    assert (returncode, stdout) == (code, "")
    assert stderr.startswith("chargen: ")
    assert stderr.count("\n") == 1
    assert message in stderr


def make_page(folder, layers=1):
    inspection = inspect_text(Sampler(latching(layers)), TEXT)
    path = folder / "page.html"
    path.write_text(activation_page(inspection, "a <story>"), "utf-8")
    return path, inspection


def colours(browser):
    """Return the colour of each character as numbers, (T, 4): red, green, blue, and how opaque it is."""
    script = "return spans.map(span => getComputedStyle(span).backgroundColor)"
    shown = [[float(number) for number in re.findall(r"[\d.]+", colour)] for colour in browser.run(script)]
    return np.array([colour if len(colour) == 4 else [*colour, 1] for colour in shown])


def check_colours(browser, activations, dark=False):
    found = colours(browser)
    np.testing.assert_allclose(found[:, 3], np.abs(activations), atol=0.5 / 127 + 0.004)
    for t in np.flatnonzero(np.abs(activations) > 0.01):
        assert tuple(found[t, :3]) == (POSITIVE if activations[t] > 0 else NEGATIVE)[dark]


def choose(browser, name, value):
    kind = "change" if name == "layer" else "input"
    script = "const e = find(arguments[0]); e.value = arguments[1]; e.dispatchEvent(new Event(arguments[2]));"
    browser.run(script, name, value, kind)


def test_the_page_shows_the_text_in_the_colours_of_the_chosen_unit(browser, tmp_path):
    path, inspection = make_page(tmp_path)
    browser.open(path)
    assert browser.run("return [document.title, find('text').textContent]") == ["a <story>", TEXT]
    check_colours(browser, inspection.activations[:, LATCH])  # the best of the first feature
    assert browser.run("return document.querySelector('button[aria-pressed=true]').textContent") == "3: +1.00"
    choose(browser, "unit", 6)
    check_colours(browser, inspection.activations[:, 6])
    choose(browser, "unit", 99)  # there is no such unit
    check_colours(browser, inspection.activations[:, 6])
    browser.run("find('next').click()")
    check_colours(browser, inspection.activations[:, 7])
    choose(browser, "unit", 0)
    browser.run("find('previous').click()")  # before the first one comes the last
    check_colours(browser, inspection.activations[:, -1])
    best = inspection.findings[2].units[0].unit
    name = browser.run("const b = document.querySelectorAll('dd')[2].children[0]; b.click(); return b.textContent")
    assert name.startswith(f"{best}: ")
    check_colours(browser, inspection.activations[:, best])
    browser.run("spans[7].click()")
    value = f"{np.rint(inspection.activations[7, best] * 127) / 127:.2f}"
    assert browser.run("return find('reading').textContent") == f"after {json.dumps(TEXT[7])}: {value}"
    assert browser.run("return getComputedStyle(find('layers')).display") == "none"


def test_the_page_has_a_choice_of_layers_where_there_are_several(browser, tmp_path):
    path, inspection = make_page(tmp_path, layers=2)
    browser.open(path)
    assert browser.run("return [find('layer').value, find('unit').value]") == ["1", "3"]
    check_colours(browser, inspection.activations[:, H + LATCH])
    choose(browser, "layer", 0)
    check_colours(browser, inspection.activations[:, LATCH])


def relative_luminance(colour):
    channels = np.array(colour) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_nothing_scrolls_sideways_and_the_text_can_be_read(browser, tmp_path, dark):
    path, inspection = make_page(tmp_path, layers=2)
    browser.open(path, width=390, height=844, dark=dark)
    assert browser.run("return document.documentElement.scrollWidth") == 390
    unit = H + LATCH
    check_colours(browser, inspection.activations[:, unit], dark)
    ink = [int(part) for part in re.findall(r"\d+", browser.run("return getComputedStyle(spans[0]).color"))]
    for ground in (NEGATIVE[dark], POSITIVE[dark]):  # the strongest colours that there are, WCAG's 4.5 to 1
        dim, bright = sorted(relative_luminance(colour) for colour in (ink, ground))
        assert (bright + 0.05) / (dim + 0.05) > 4.5


def test_the_page_of_a_large_network_shows_less_and_stays_below_3_mb():
    activations = np.random.default_rng(0).uniform(-1, 1, (10_000, 1500)).astype(np.float32)
    made = activation_page(Inspection("a" * 10_000, activations, 1, ()), "large")
    assert f"Shown: the first {MOST_VALUES // 1500:,} of the 10,000 characters" in made
    assert 2_500_000 < len(made) < 3_000_000
