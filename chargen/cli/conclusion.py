"""What a finished training has come to, and what to do next."""

import math
import os

from chargen.cli.progress import perplexity
from chargen.report.words import duration
from chargen.training.recipe import MOST_EPOCHS

BY_HEART = 0.6  # nats by which the training loss lies below that of the held-out text where it is learned by heart


def conclusion(run) -> list[str]:
    """Return what a `chargen.Run` reached, what that means, and what to type next, as lines."""
    best = next((record for record in run.history if record.score == run.best), None)
    if best is None:
        return ["the record of the best epoch is lost; give more --epochs to train further"]
    kind = "training" if best.valid_loss is None else "held-out"
    of = f" of {len(run.history)}" if len(run.history) > 1 else ""
    reached = (
        f"best: {kind} perplexity {perplexity(best.score)}, {best.score / math.log(2):.3f} bits per character,"
        f" after epoch {best.epoch}{of}, {duration(run.history[-1].seconds)} of training"
    )
    return [reached, *_verdict(run, best), f"saved in {os.path.normpath(run.folder)}; now type: chargen sample"]


def _verdict(run, best) -> list[str]:
    if best.valid_loss is None:
        return ["nothing was held out, so nobody knows whether it has learned the text by heart"]
    baselines, bits = run.metadata.get("baselines") or {}, best.score / math.log(2)
    if bits < 0.0005:
        return ["it predicts all of the held-out text: there is nothing left to learn"]
    ahead = {name: reached for name, reached in baselines.items() if round(reached, 3) <= round(bits, 3)}  # as shown
    simpler = ", ".join(f"{name} ({reached:.3f} bits)" for name, reached in (ahead or baselines).items())
    verdict = [f"not yet better than {simpler}: {_remedy(run, ahead)}" if ahead else f"better than {simpler}"][
        : len(baselines)
    ]
    last = run.history[-1]
    if last.valid_loss - last.train_loss > BY_HEART:
        verdict.append(
            f"the training perplexity of {perplexity(last.train_loss)} is far below the held-out"
            f" {perplexity(last.valid_loss)}: it has begun to learn the text by heart; a longer text helps most,"
            " else fewer --epochs or more --dropout"
        )
    return verdict


def _remedy(run, ahead) -> str:
    """Return what would help a network that has not learned enough: time, unless it has had enough for its text.

    Args:
        ahead: the baselines that predict the held-out text better; the base model is one where its few passes taught it
            nothing that it did not know.
    """
    from chargen.training.base import BEFORE_LEARNING

    seconds = run.settings.seconds or run.history[-1].seconds
    if len(run.history) >= MOST_EPOCHS or BEFORE_LEARNING in ahead:
        return "give it more text"
    return f"give it more time (--budget {max(5, math.ceil(3 * seconds / 60))}m)"
