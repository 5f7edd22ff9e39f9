import json
from dataclasses import replace

import pytest

from chargen.cli.main import main
from chargen.cli.texts import show


@pytest.fixture
def sample(tmp_path, monkeypatch, capsys, spelling):
    """A function that runs `chargen sample` with a model that spells a text, and returns stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(spelled, *arguments, code=0, words=()):
        arguments += () if "--beam" in arguments else ("--seed", "1")
        replace(spelling(spelled), words=list(words)).save("model.safetensors")
        with pytest.raises(SystemExit) as ended:
            main(["sample", "--checkpoint", "model.safetensors", *arguments])
        captured = capsys.readouterr()
        assert ended.value.code == code, captured.err
        return captured.out, captured.err

    return run


def test_what_the_prompt_has_beyond_the_model_is_replaced_and_said(sample):
    out, err = sample("ab.'", "“a…", "--length", "4")
    assert (out, err) == ("'a...'ab.\n", "new to the model: “ read as ', … read as ...\n")


def test_a_text_is_shown_while_it_is_written(capsys):
    shown = []

    def pieces():
        for piece in ("b", "c"):
            yield piece
            shown.append(capsys.readouterr().out)

    show("", "a", pieces(), None)
    assert shown == ["ab", "c"]


def test_stop_texts_are_typed_as_separators_are(sample):
    assert sample("ab\ncd", "a", "--stop", r"\nc")[0] == "ab\n"


def test_json_is_plain_unicode_and_the_prefix_can_be_left_out(sample):
    out, _ = sample("äöü", "ä", "--length", "3", "--json")
    assert "äöü" not in out
    assert "öüä" in out
    assert json.loads(out) == {"prefix": "ä", "text": "öüä", "seed": 1, "number": 0}
    out, _ = sample("äöü", "ä", "--length", "3", "--json", "--no-prefix")
    assert json.loads(out) == {"text": "öüä", "seed": 1, "number": 0}
    assert sample("äöü", "ä", "--length", "3", "--no-prefix")[0] == "öüä\n"


def test_without_a_length_it_ends_with_a_sentence(sample):
    out, _ = sample("Go. ", "Go", "--sentences", "3")
    assert out == "Go. Go. Go.\n"
    assert sample("Go. ", "Go")[0] == "Go. " * 125 + "Go.\n"


def test_without_a_prefix_it_begins_a_text(sample):
    assert sample("ab\ncd", "--lines", "2")[0] == "cdab\ncdab\n"
    assert sample("ab\ncd", "--beam", "2", "--lines", "1")[0] == "cdab\n"


def test_only_known_words_are_written_however_they_are_drawn(sample):
    for how in ((), ("--greedy",), ("--beam", "3"), ("--num-samples", "2", "--quiet")):
        out, _ = sample("abc ", "a", "--length", "9", "--known-words", *how, words=["ab", "b"])
        assert {word for text in out.split("---") for word in text.split()[:-1]} <= {"ab", "b"}
    _, err = sample("abc ", "a", "--known-words", code=2)
    assert "--known-words needs the words of the text that the model learned, and it keeps none; train" in err
