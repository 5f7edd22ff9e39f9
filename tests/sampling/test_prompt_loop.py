import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.sampling.filters import SamplingSettings
from chargen.sampling.prompt_loop import PromptLoop
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

CHARGEN = str(Path(sys.executable).with_name("chargen"))


def begin(**options):
    vocabulary = Vocabulary.from_text("abcdefgh .")
    config, rng = ModelConfig(len(vocabulary), "lstm", 8), np.random.default_rng(1)
    shapes = config.weight_shapes().items()
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes}
    defaults = {"settings": SamplingSettings(), "length": 20, "seed": 1, "stop": (), "unknown": "error"}
    return PromptLoop(Sampler(Checkpoint(config, vocabulary, weights)), **defaults | options)


def say(loop, line):
    return loop.run_command(line) if line.startswith("/") else "".join(loop.answer(line))


def test_it_goes_on_with_all_that_was_written():
    """Two turns are one text: what the model wrote in the first is read before the second."""
    loop = begin(settings=SamplingSettings(temperature=0))
    first, second = say(loop, "ab"), say(loop, "cd")
    assert first + second == begin(settings=SamplingSettings(temperature=0)).sampler.sample(
        "ab", 20, settings=SamplingSettings(temperature=0)
    ) + loop.sampler.sample("ab" + first + "cd", 20, settings=SamplingSettings(temperature=0))
    assert say(loop, "") == loop.sampler.sample(
        "ab" + first + "cd" + second, 20, settings=SamplingSettings(temperature=0)
    )


def test_reset_forgets():
    loop = begin(settings=SamplingSettings(temperature=0))
    first = say(loop, "ab")
    say(loop, "/reset")
    assert say(loop, "ab") == first


def test_a_turn_can_be_taken_back_written_anew_and_saved(tmp_path):
    loop, greedy = begin(), SamplingSettings(temperature=0)
    first, second = say(loop, "ab"), say(loop, "cd")
    assert loop.text == f"ab{first}cd{second}"
    again = "".join(loop.retry())
    assert again != second
    assert loop.text == f"ab{first}cd{again}"
    assert "'cd'" in say(loop, "/undo")
    loop.settings = greedy
    assert say(loop, "") == loop.sampler.sample(f"ab{first}", 20, settings=greedy), "what was taken back is forgotten"
    for _ in range(2):  # its own file may be replaced
        say(loop, f"/save {tmp_path / 'tale.txt'}")
    assert (tmp_path / "tale.txt").read_text() == f"{loop.text}\n"
    with pytest.raises(InputError, match="already a file"):
        say(begin(), f"/save {tmp_path / 'tale.txt'}")
    say(loop, "/reset")
    with pytest.raises(InputError, match="nothing is written"):
        say(loop, "/undo")


def test_commands_change_what_follows():
    loop = begin()
    say(loop, "/temperature 0.5")
    say(loop, "/top-k 3")
    say(loop, "/top-p 0.9")
    assert "temperature 0.5, top-k 3, top-p 0.9, min-p 0.1" in say(loop, "/min-p 0.1")
    assert loop.settings == SamplingSettings(0.5, 3, 0.9, 0.1)
    say(loop, "/top-k")
    assert loop.settings.top_k is None
    say(loop, "/length 7")
    assert len(say(loop, "ab")) == 7


def test_what_was_interrupted_is_remembered_as_far_as_it_was_shown():
    greedy = SamplingSettings(temperature=0)
    loop = begin(settings=greedy, stop=("no such text",))
    pieces = loop.answer("ab")
    shown = next(pieces) + next(pieces)
    pieces.close()
    assert say(loop, "") == loop.sampler.sample("ab" + shown, 20, settings=greedy)


def test_an_empty_stop_text_is_refused_and_options_reach_the_loop():
    with pytest.raises(InputError, match="stop '': must have"):
        say(begin(stop=("",)), "ab")
    assert say(begin(unknown="skip"), "xyzab") == say(begin(), "ab")


def test_a_command_without_a_number_goes_back_to_what_was_typed_at_first():
    loop = begin(settings=SamplingSettings(temperature=0.8))
    say(loop, "/temperature 0.1")
    say(loop, "/temperature")
    assert loop.settings.temperature == 0.8


def test_seed_begins_the_draws_anew():
    loop = begin()
    texts = []
    for _ in range(2):
        for line in ("/reset", "/seed 5"):
            say(loop, line)
        texts.append(say(loop, "ab"))
    assert texts[0] == texts[1] == loop.sampler.sample("ab", 20, seed=5)


def test_stop_ends_an_answer():
    loop = begin(settings=SamplingSettings(temperature=0))
    whole = say(loop, "ab")
    say(loop, "/reset")
    say(loop, f"/stop {whole[4:7]}")
    shown = say(loop, "ab")
    assert shown == whole[: whole.index(whole[4:7])]
    say(loop, "/stop")
    assert say(loop, "") == begin(settings=SamplingSettings(temperature=0)).sampler.sample(
        "ab" + shown, 20, settings=SamplingSettings(temperature=0)
    ), "a stop text that is not shown is not remembered either"
    say(loop, f"/stop {whole[4:7]}")
    assert "stop off" in say(loop, "/stop")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("/dance", "unknown command /dance"),
        ("/temperature hot", "temperature 'hot': must be a number"),
        ("/temperature -1", "temperature -1"),
        ("/top-k 0", "top_k 0"),
        ("/length -5", "length -5"),
        ("xyz", "'x' 'y' 'z'"),
    ],
)
def test_what_cannot_be_done_is_named_and_changes_nothing(line, word):
    loop = begin()
    with pytest.raises(InputError, match=word):
        say(loop, line)
    assert say(loop, "ab") == say(begin(), "ab")


def test_by_a_pipe_it_is_plain(tmp_path):
    lines = "The Time\n/temperature 0\n/save nowhere/tale.txt\n Traveller \n/nonsense\n/top-k 0\n/quit\nnever read\n"
    command = [CHARGEN, "sample", "--interactive", "--checkpoint", "time-machine", "--length", "30", "--greedy"]
    result = subprocess.run(command, cwd=tmp_path, input=lines, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    sampler, greedy = Sampler.load("time-machine"), SamplingSettings(temperature=0)
    first = sampler.sample("The Time", 30, settings=greedy)
    second = sampler.sample(f"The Time{first} Traveller ", 30, settings=greedy)
    assert result.stdout == f"{first}\n{second}\n", "what commands answer does not belong to the text"
    assert "chargen: unknown command /nonsense" in result.stderr
    assert "chargen: cannot write nowhere/tale.txt: No such file or directory" in result.stderr
    assert "chargen: /top-k 0: must be at least 1" in result.stderr
    assert "temperature 0.0" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX terminal")
def test_on_a_terminal_it_prompts_recalls_and_can_be_interrupted(tmp_path):
    import pty

    ours, theirs = pty.openpty()
    command = [CHARGEN, "sample", "--interactive", "--checkpoint", "time-machine", "--length", "100000000"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"}
    )
    os.close(theirs)
    shown = b""

    def expect(words, seconds=20):
        nonlocal shown
        end = time.monotonic() + seconds
        while words not in shown and time.monotonic() < end:
            shown += os.read(ours, 10_000)
        assert words in shown
        shown = shown.partition(words)[2]

    expect(b"> ")
    os.write(ours, b"The Time\n")
    time.sleep(1.0)
    process.send_signal(2)  # Ctrl-C, while it writes
    expect(b"\n> ")
    os.write(ours, b"/length 5\n")
    expect(b"length 5")
    expect(b"> ")
    os.write(ours, b"\x1b[A\n")  # the arrow up: the line before
    expect(b"/length 5")
    expect(b"length 5, seed")
    expect(b"> ")  # what is typed before the prompt may be lost
    os.write(ours, b"/show\n")
    expect(b"\x1b[1mThe Time\x1b[22m")
    expect(b"\n> ")
    os.write(ours, b"/quit\n")
    assert process.wait(10) == 0
    os.close(ours)
