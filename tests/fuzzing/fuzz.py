"""Try damaged inputs.

`python fuzz.py KIND SEED NUMBER` tries one, `python fuzz.py KIND SEED 0- SECONDS` one after another.

An input is a function of its kind, the seed and its number. It is left in the working folder, with what else is needed.
Every command that reads it must end in time and in little memory: with success, or with one line that says what is
wrong. Each kind of what does otherwise is told once.
"""

# ruff: noqa: SIM905  (long lists of short texts)

import contextlib
import faulthandler
import io
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

from damage import altered, damaged_bytes, damaged_table, write_damaged

SECONDS = 60  # for one input, on a busy machine
STOP = 5  # seconds after which training is asked to stop
MEMORY = 300_000_000  # bytes that one input may take
GOLDEN = Path(__file__).resolve().parents[1] / "golden"

TABLES = {
    "months": "month,sold\n" + "".join(f"{2000 + n // 12}-{n % 12 + 1:02},{50 + n % 12 * 5}\n" for n in range(40)),
    "hours": "time,load\n" + "".join(f"2024-01-{1 + n // 24:02} {n % 24:02}:00,{n % 24 + 0.5}\n" for n in range(60)),
    "long": "unique_id,ds,y\n" + "".join(f"{'ab'[n // 20]},2024-01-{n % 20 + 1:02},{n * n % 7}\n" for n in range(40)),
    "german": "Tag;Wert\n" + "".join(f"{n + 1:02}.01.2024;{n * n % 11},5\n" for n in range(31)),
    "zones": "t,v\n" + "".join(f"2024-{n + 1:02}-01T00:00:00+0{1 + (2 < n < 9)}:00,{n % 4}\n" for n in range(12)),
    "numbers": "".join(f"{n % 5}\n" for n in range(30)),
    "quarters": "q\tv\n" + "".join(f"{2000 + n // 4}Q{n % 4 + 1}\t{n % 4}\n" for n in range(30)),
    "weeks": "week;id;n;price\n"
    + "".join(f"{2020 + n // 26}W{n % 26 * 2 + 1:02};{n % 3};{n};{n / 4:,.2f}\n" for n in range(60)),
    "epochs": "# counted\nsep=,\nt,y\n" + "".join(f"{1700000000 + 600 * n},{n % 9 - 4:.3e}\n" for n in range(50)),
    "clocks": "at,y,z\n" + "".join(f'"Jan {n + 1}, 2024 {n % 12 + 1}:30 PM",{n}e9,"{n},{n:03}"\n' for n in range(31)),
    "spaces": "year   y\n" + "".join(f"{1900 + n / 12:.3f}   {n * 37 % 11:4}\n" for n in range(40)),
    "index": ",0\n" + "".join(f"{2024 - n},{'NA' if n % 9 == 5 else n * n}\n" for n in range(40)),
    "business": "date,v\n" + "".join(f"2024-01-{d:02},{d % 3}\n" for d in range(1, 32) if d % 7 not in (6, 0)),
}
POEM = (
    "The wind was a torrent of darkness among the gusty trees,\nand the moon went over the sea. “Ah”, said she – no.\n"
)
TRAIN = "--overwrite --sample-every 0 --hidden-size 4 --from-scratch"
FIT = "--overwrite --folds 2 --hidden-size 2"


class Finding(Exception):  # noqa: N818
    """A command did not end as it must."""


# Kinds of input: each function damages one, and returns the commands that read it.


def model(rng: random.Random) -> list[str]:
    from chargen.network.checkpoint import KIND

    write_damaged(Path("m.safetensors"), KIND, rng.choice(sorted(GOLDEN.glob("*.safetensors"))), rng)
    ways = "|--beam 2|--temperature 0|--best-of 2 --json|--audit|--unknown replace|--stop b --top-k 2".split("|")
    rare = [
        "inspect ab.txt --checkpoint m.safetensors",
        "export out.safetensors --checkpoint m.safetensors --bits 8 --overwrite",
        "export out.html --checkpoint m.safetensors --overwrite",
        "score ab.txt --checkpoint m.safetensors --adapt",
        "train ab.txt --init-from m.safetensors --epochs 1 --overwrite --name new --sample-every 0",
    ]
    return [
        "info m.safetensors",
        "info m.safetensors --json",
        f"sample ab --checkpoint m.safetensors --length 5 --seed 1 {rng.choice(ways)}",
        "score ab.txt --checkpoint m.safetensors --json",
        rng.choice(rare),
    ]


def forecaster(rng: random.Random) -> list[str]:
    name = rng.choice(["months", "long"])
    write_damaged(Path("f.forecaster.safetensors"), "chargen-series", Path(f"{name}.forecaster.safetensors"), rng)
    forecast = "series forecast f.forecaster.safetensors"
    more = f"--horizon 30|--level 50 --level 99|--series a|--out out.csv|--plot out.svg|--from {name}.csv".split("|")
    return ["info f.forecaster.safetensors", forecast, f"{forecast} {rng.choice(more)}"]


def run(rng: random.Random) -> list[str]:
    from chargen.network.checkpoint import KIND

    folder = Path("checkpoints/run")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("trained/run", folder)
    for name in rng.sample(["best", "last", "previous"], rng.choice([0, 1, 1, 2])):
        write_damaged(folder / f"{name}.safetensors", KIND, Path("trained/run/last.safetensors"), rng)
    if rng.random() < 0.3:
        lines = (folder / "history.jsonl").read_text().splitlines()
        lines[rng.randrange(len(lines))] = json.dumps(altered(json.loads(rng.choice(lines)), rng))
        data = "\n".join(lines).encode() + b"\n"
        (folder / "history.jsonl").write_bytes(rng.choice([damaged_bytes(data, rng), data]))
    resume = "train --resume run --epochs 4 --sample-every 0"
    return ["runs", "info run --plot out.svg", "sample ab --checkpoint run --length 3", resume]


def table(rng: random.Random) -> list[str]:
    name = rng.choice(sorted(TABLES))
    Path("t.csv").write_bytes(damaged_table(TABLES[name], rng))
    reading = "|||--fill linear|--fill last|--no-header|--count-rows|--zone Europe/Berlin|--decimal ,|--encoding utf-16"
    reading = rng.choice([*reading.split("|"), "--time-format %d/%m/%Y"])
    way = rng.choice(
        ["--model naive", "--model smoothing", "--model autoregression", "--model theta", "--json", "--plot t.png"]
    )
    column = re.split(r"[,;\t\n]", TABLES[name])[1]
    known = name if Path(f"{name}.forecaster.safetensors").exists() else "t"
    return [
        f"series fit t.csv --out t.forecaster.safetensors --horizon 2 --epochs 1 {FIT} {reading} {way}",
        "series forecast t.forecaster.safetensors",
        f"series forecast {known}.forecaster.safetensors --from t.csv",
        f"corpora check t.csv --column {column}",
    ]


def text(rng: random.Random) -> list[str]:
    encodings = "utf-8 utf-8-sig utf-16 utf-16-le utf-32 cp1252 cp1251 shift_jis gb18030 utf-7 mac-roman"
    encoding = rng.choice(encodings.split())
    data = (POEM * rng.choice([1, 5, 30])).encode(encoding, "replace")
    Path("x.txt").write_bytes(damaged_bytes(data, rng) if rng.random() < 0.9 else rng.randbytes(500))
    odd = [
        "",
        "",
        "--encoding utf-8",
        "--encoding utf-7",
        "--encoding idna",
        "--normalize letters",
        "--normalize prose",
    ]
    reading = rng.choice([*odd, f"--encoding {encoding}"])
    return [
        f"corpora check x.txt {reading}",
        "score x.txt --checkpoint ab.safetensors --unknown replace --json",
        f"train x.txt {reading} --name new --epochs 1 {TRAIN}",
    ]


KINDS = {each.__name__: each for each in (model, forecaster, run, table, text)}


def try_command(line: str) -> None:
    """Run a command in this process.

    Raises:
        Finding: it ends in any other way than with success or with one line that says what is wrong.
    """
    from chargen.cli.main import main

    out, err, code = io.StringIO(), io.StringIO(), None
    with (
        warnings.catch_warnings(record=True) as warned,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        warnings.simplefilter("always")
        signal.setitimer(signal.ITIMER_REAL, STOP if line.startswith("train") else 0)
        try:
            main(line.split())
        except SystemExit as ended:
            code = int(ended.code or 0)
        except KeyboardInterrupt:  # just before or after all that waits for it
            code = 130
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    told = [said for said in err.getvalue().splitlines() if said.startswith("chargen: ")]
    unfit = "not fit to train on" in out.getvalue()  # what corpora check tells
    expected = (0, 0), (1, 0 if unfit else 1), (2, 1), (130, 0), (130, 1)
    if (code, len(told)) not in expected or "out of memory" in err.getvalue():
        raise Finding(f"exit code {code}: {err.getvalue()[-500:]}")
    if strange := [each for each in warned if each.category is not UserWarning]:
        raise Finding(f"{strange[0].filename}:{strange[0].lineno}: {strange[0].message}")
    if "--json" in line and code == 0 and re.search(r"[:[ ](NaN|-?Infinity)[],}]", out.getvalue()):
        raise Finding(f"no JSON: {out.getvalue()[-500:]}")


def prepare() -> None:
    """Make in the working folder what is damaged and what the commands read besides; load all modules."""
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    shutil.copy(GOLDEN / "format-4.safetensors", "ab.safetensors")
    Path("ab.txt").write_text("abba bab a baab " * 20)
    for name, content in TABLES.items():
        Path(f"{name}.csv").write_text(content)
    for line in (
        f"train ab.txt --name run --epochs 3 --patience 9 --batch-size 2 --num-steps 8 {TRAIN}",
        *(f"series fit {name}.csv --horizon 3 --epochs 2 {FIT}" for name in ("months", "long")),
        "score ab.txt --checkpoint run --adapt",
        "inspect ab.txt --checkpoint run",
        "corpora check ab.txt",
        "info run --plot out.png",
    ):
        try_command(line)
    shutil.rmtree("trained", ignore_errors=True)
    shutil.copytree("checkpoints", "trained")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 3 * MEMORY, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))


def fuzz(kind: str, seed: int, numbers, seconds: float) -> int:
    """Try inputs by their numbers until the time is over; return how many kinds of findings there were."""
    os.environ |= {"CHARGEN_CACHE": str(Path("cache").resolve()), "OMP_NUM_THREADS": "1", "COLUMNS": "80"}
    prepare()
    found: set[tuple] = set()
    end, tried, line = time.monotonic() + seconds, 0, ""
    for number in itertools.takewhile(lambda _: time.monotonic() < end, numbers):
        Path("number").write_text(str(number))
        before, tried = _peak(), tried + 1
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            for line in KINDS[kind](random.Random(f"{kind} {seed} {number}")):
                try_command(line)
            if _peak() > before + MEMORY:
                raise Finding(f"it took {(_peak() - before) / 1e6:.0f} MB")
        except BaseException as error:
            frames = re.findall(r'File ".*(chargen/\S+)", line (\d+)', traceback.format_exc())
            key = (type(error), frames[-1] if frames else str(error)[:40])
            if key not in found:
                places = " ".join(map(":".join, frames[3:]))
                print(f"\n{kind} {seed} {number}: {line}\n{places}\n{type(error).__name__}: {error}", flush=True)
            found.add(key)
        faulthandler.cancel_dump_traceback_later()
    print(f"{kind}, seed {seed}: {tried} inputs, {len(found)} kinds of findings", flush=True)
    return len(found)


def _peak() -> int:
    """Return the most memory that this process has taken, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    kind, seed, number, *seconds = sys.argv[1:]
    numbers = itertools.count() if number.endswith("-") else [int(number)]
    sys.exit(bool(fuzz(kind, int(seed), numbers, float(*seconds or [1e9]))))
