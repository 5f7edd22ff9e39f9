"""`chargen score`: real processes, and its page in a real browser."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chargen.analysis.comparison import Passage
from chargen.analysis.score_page import LIMIT, score_page
from chargen.analysis.scoring import Piece, Predictions, Score, score
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

CHARGEN = str(Path(sys.executable).with_name("chargen"))
TEXT = "the cat sat\non the mat\n" * 20 + "".join(50 * character for character in "aehn\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a text and two models, one of which knows no m."""
    folder = tmp_path_factory.mktemp("score")
    (folder / "cat.txt").write_bytes(TEXT.replace("\n", "\r\n").encode("utf-8-sig"))
    for seed, name in enumerate(("one", "two")):
        vocabulary = Vocabulary.from_text(TEXT.replace("m", "") if name == "two" else TEXT)
        config, rng = ModelConfig(len(vocabulary), "gru", 5), np.random.default_rng(seed)
        weights = {key: rng.normal(size=shape).astype(np.float32) for key, shape in config.weight_shapes().items()}
        Checkpoint(config, vocabulary, weights).save(folder / f"{name}.safetensors")
    return folder


def chargen(folder, *arguments, input=None):
    command = [CHARGEN, "score", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, input=input, check=False, timeout=60)


def done(*arguments, **options):
    result = chargen(*arguments, **options)
    assert result.returncode == 0, result.stderr
    return result


def test_the_score_is_one_line(folder):
    expected = score(Sampler.load(folder / "one.safetensors"), TEXT)
    result = done(folder, "cat.txt", "--checkpoint", "one.safetensors")
    assert result.stdout == (
        f"{len(TEXT) - 1} characters  {expected.loss:.4f} nats  {expected.bits:.4f} bits per character"
        f"  perplexity {expected.perplexity:.2f}\n"
    )
    assert result.stderr == "cat.txt: dropped a byte order mark\ncat.txt: turned 90 CRLF line ends into LF\n"
    assert done(folder, "-", "--checkpoint", "one.safetensors", input=TEXT).stdout == result.stdout


def test_json_holds_the_same_figures(folder):
    expected = score(Sampler.load(folder / "one.safetensors"), TEXT)
    assert json.loads(done(folder, "cat.txt", "--checkpoint", "one.safetensors", "--json").stdout) == {
        "characters": len(TEXT) - 1,
        "unknown": 0,
        "checkpoint": "one.safetensors",
        "nats_per_character": expected.loss,
        "bits_per_character": expected.loss / math.log(2),
        "perplexity": math.exp(expected.loss),
    }


def test_each_line_has_its_bits(folder):
    result = done(folder, "cat.txt", "--checkpoint", "one.safetensors", "--lines")
    figures, lines = zip(
        *(line.lstrip().split("  ", 1) for line in result.stdout.splitlines() if "  " in line), strict=True
    )
    assert list(lines) == list(filter(None, TEXT.splitlines()))
    objects = done(folder, "cat.txt", "--checkpoint", "one.safetensors", "--per-char").stdout.splitlines()
    nats = [json.loads(one)["nats"] for one in objects][1 : len(lines[0])]
    assert float(figures[0]) == pytest.approx(sum(nats) / len(nats) / math.log(2), abs=6e-4)
    assert "bits per character" in result.stderr


def test_each_character_is_an_object_with_its_loss_and_guesses(folder):
    result = done(folder, "cat.txt", "--checkpoint", "one.safetensors", "--per-char", "--top", "20")
    first, *rest = map(json.loads, result.stdout.splitlines())
    assert first == {"character": "t", "nats": None, "guesses": None}
    assert "t" + "".join(line["character"] for line in rest) == TEXT
    for line in rest:
        assert dict(line["guesses"])[line["character"]] == pytest.approx(math.exp(-line["nats"]), abs=1e-5)
        probabilities = [probability for _, probability in line["guesses"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1, abs=1e-4)
    mean = sum(line["nats"] for line in rest) / len(rest)
    assert f"{mean:.4f} nats" in result.stderr


def test_the_texts_in_a_column_are_read(folder, tmp_path):
    (tmp_path / "cats.csv").write_text("id,text\n1,the cat sat\n2,on the mat\n")
    result = done(folder, tmp_path / "cats.csv", "--checkpoint", "one.safetensors", "--column", "text", "--per-char")
    read = "".join(json.loads(line)["character"] for line in result.stdout.splitlines())
    assert read == "the cat sat\n\non the mat\n"
    assert result.stderr.startswith("cats.csv: read 2 texts in the column 'text'\n")


def test_a_comparison_shows_both_scores_and_the_passages(folder):
    options = ("cat.txt", "--checkpoint", "one.safetensors", "--compare", "two.safetensors", "--unknown", "skip")
    result = done(folder, *options, "--json")
    about, read = json.loads(result.stdout), TEXT.replace("m", "")
    assert about["unknown"] == TEXT.count("m")
    assert "20 unknown characters were left out" in result.stderr
    assert f"compared on the {len(set(read))} characters both models know\n" in result.stderr
    for name, side, sign in (("one", about, 1), ("two", about["other"], -1)):
        expected = score(Sampler.load(folder / f"{name}.safetensors"), read)
        assert side["nats_per_character"] == pytest.approx(expected.loss)
        assert side["better"], name
        lines = map(json.loads, done(folder, *options, "--per-char").stdout.splitlines())
        gains = [sign * (line["other"]["nats"] - line["nats"]) / math.log(2) for line in list(lines)[1:]]
        for passage in side["better"]:
            start = passage["start"]
            assert passage["text"] == read[start : start + 40]
            assert passage["bits"] == pytest.approx(sum(gains[max(start - 1, 0) : start + 39]), abs=1e-3)
    shown = done(folder, *options).stdout
    best = about["better"][0]
    assert f"  {best['bits']:6.1f}  {best['start']:>11,}  {best['text']!r}\n" in shown
    assert "one is better" in shown
    assert "two is better" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cat.txt", "--checkpoint", "two.safetensors"], "'m'"),
        (["cat.txt", "--checkpoint", "one.safetensors", "--compare", "two.safetensors"], "'m'"),
        (["cat.txt", "--checkpoint", "none"], "no model 'none'"),
        (["empty.txt", "--checkpoint", "one.safetensors"], "the text is empty"),
        (["a.txt", "--checkpoint", "one.safetensors"], "has only one character"),
        (["one.safetensors", "--checkpoint", "one.safetensors"], "is a safetensors file"),
        (["nowhere.txt"], "no file 'nowhere.txt'"),
        (["cat.txt", "--json", "--per-char"], "choose one"),
        (["cat.txt", "--html", "nowhere/page.html"], "there is no folder nowhere"),
        (["cat.txt", "--html", "."], "is a directory"),
    ],
)
def test_bad_input_gets_one_line(folder, arguments, words):
    (folder / "empty.txt").write_text("")
    (folder / "a.txt").write_text("a")
    result = chargen(folder, *arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.stderr
    assert words in result.stderr


def contrast(colours):
    """Return the contrast of two CSS colours, after WCAG 2: 4.5 is enough for text."""

    def luminance(colour):
        numbers = [
            float(number) for number in colour[colour.index("(") + 1 : -1].replace("srgb", "").replace(",", " ").split()
        ]
        scale = 1 if "srgb" in colour else 255
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (n / scale for n in numbers[:3])]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


COLOURS = """
const ground = getComputedStyle(document.body).backgroundColor;
return [...document.querySelectorAll(".swatches span")].map(span => {
  const style = getComputedStyle(span), own = style.backgroundColor;
  return [style.color, own === "rgba(0, 0, 0, 0)" ? ground : own];
});
"""
WIDTHS = "return [document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture
def pages(tmp_path):
    """Two pages of one text: of a model, and of two."""
    text, bits = "ab <b>\n", [math.nan, 1.0, 3.2, 20.0, 0.1, 5.0, 2.0]
    vocabulary = Vocabulary.from_text(text)
    guesses = np.tile(vocabulary.encode("b<"), (7, 1))
    probabilities = np.tile([0.5, 0.061], (7, 1))
    first = Predictions(np.array(bits) * math.log(2), guesses, probabilities)
    other = Predictions(np.add(bits, [0, 2, -1, 0, 0, 9, 0]) * math.log(2), guesses, probabilities)
    name = "a_rather_long_name_of_a_model_that_somebody_chose"
    for models, path in (((first,), "one.html"), ((first, other), "two.html")):
        names, scores = [name, "other"][: len(models)], [Score(6, 1.5), Score(6, 1.7)][: len(models)]
        passages = [[Passage(1, "b <", 2.0)], [Passage(5, ">", 9.0)]][: 2 * (len(models) - 1)]
        html = score_page("a <title>", names, scores, [vocabulary] * len(models), Piece(text, models), passages)
        (tmp_path / path).write_text(html, "utf-8")
    return tmp_path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("page", ["one.html", "two.html"])
def test_pages_fit_a_phone_and_every_shade_is_readable(browser, pages, page, dark):
    browser.open(pages / page, width=390, dark=dark)
    width, window = browser.run(WIDTHS)
    assert width <= window == 390
    colours = browser.run(COLOURS)
    assert len({ground for _, ground in colours}) == 9
    assert min(map(contrast, colours)) >= 4.5
    browser.run("document.getElementById('text').children[3].click()")
    assert browser.run(WIDTHS)[0] <= 390


def test_a_page_goes_to_surprising_places_shades_words_and_lists_passages(browser, pages):
    browser.open(pages / "one.html")
    about = "return document.getElementById('about').innerText"
    assert browser.run("document.getElementById('next').click();" + about).startswith("<")
    browser.run("document.getElementById('words').click()")
    classes = "return [...document.getElementById('text').children].map(span => span.className.trim())"
    assert browser.run(classes)[:4] == ["warm1", "warm1", "warm3", "warm8 here"]
    assert browser.run("return document.getElementById('passages').hidden")
    browser.open(pages / "two.html")
    browser.run("document.querySelectorAll('#passages button')[1].click()")
    assert ": > 5.00 bits" in " ".join(browser.run(about).split())


def test_characters_are_shaded_and_tell_what_was_expected(browser, pages):
    browser.open(pages / "one.html", width=390)
    classes = browser.run("return [...document.getElementById('text').children].map(span => span.className.trim())")
    assert classes == ["", "warm1", "warm3", "warm8", "", "warm5", "warm2 newline"]
    shown = "return document.getElementById('about').innerText.replace(/\\s+/g, ' ').trim()"
    tap = "document.getElementById('text').children[arguments[0]].click();" + shown
    assert browser.run(tap, 1) == "b 1.00 bits, 50 % expected b 50 % < 6.1 % the whole word ab: 1.0 bits"
    assert browser.run("return document.querySelector('#about .hit').textContent") == "b"
    assert browser.run(tap, 6).startswith("\u21b5 2.00 bits, 25 %")
    assert browser.run(tap, 0) == "a comes first: there is nothing before it to predict it from"
    hover = (
        "document.getElementById('text').children[5].dispatchEvent(new PointerEvent('pointerover', {bubbles: true}));"
    )
    assert browser.run(hover + shown).startswith("> 5.00 bits, 3.1 %")
    key = "document.getElementById('text').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}));"
    assert browser.run(key + shown).startswith("b 0.10 bits, 93 %")


def test_a_comparison_is_shaded_by_the_difference_and_tells_of_both(browser, pages):
    browser.open(pages / "two.html", width=390, dark=True)
    classes = browser.run("return [...document.getElementById('text').children].map(span => span.className.trim())")
    assert classes == ["", "cool4", "warm2", "", "", "cool8", "newline"]
    about = browser.run(
        "document.getElementById('text').children[1].click(); return document.getElementById('about').innerText"
    )
    assert about.index("1.00 bits") < about.index("other: b 3.00 bits")


def test_a_long_text_is_shown_in_part_and_the_page_says_so(folder, tmp_path, browser):
    (tmp_path / "long.txt").write_text(("the cat sat " * 5000)[: LIMIT + 1])
    options = ("--checkpoint", "one.safetensors", "--html", tmp_path / "page.html", "--overwrite")
    result = done(folder, tmp_path / "long.txt", *options)
    assert f"shows the first {LIMIT:,} characters" in result.stderr
    browser.open(tmp_path / "page.html", width=390)
    shown, said = browser.run("return [document.getElementById('text').children.length, document.body.innerText]")
    assert shown == LIMIT
    assert "50,001 characters. This page shows the first 50,000." in said
    (tmp_path / "long.txt").write_text(("the cat sat " * 5000)[:LIMIT])
    assert "shows" not in done(folder, tmp_path / "long.txt", *options).stderr


def test_a_model_that_learns_what_it_has_predicted_is_measured_beside_the_plain_one(folder, chargen_here):
    before = (folder / "one.safetensors").read_bytes()
    options = ["score", "cat.txt", "--checkpoint", "one.safetensors"]
    plain = json.loads(chargen_here(*options, "--json", cwd=folder).stdout)
    result = chargen_here(*options, "--json", "--adapt", cwd=folder)
    adapted = json.loads(result.stdout)
    assert adapted.pop("adapted")["bits_per_character"] < plain["bits_per_character"] - 0.03
    assert adapted == plain
    result = chargen_here(*options, "--compare", "one.safetensors", "--adapt", cwd=folder)
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == ["one", "one", "one adapted", "one adapted"]
    assert (folder / "one.safetensors").read_bytes() == before


def test_adapting_says_that_it_needs_pytorch(folder):
    program = "import sys; sys.modules['torch'] = None; from chargen.cli.main import main; main()"
    command = [sys.executable, "-c", program, "score", "cat.txt", "--checkpoint", "one.safetensors", "--adapt"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (
        1,
        "chargen: this needs PyTorch, which is not installed; get it with pip install torch\n",
    )
