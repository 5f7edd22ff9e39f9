"""The page that colours each character of a text by the activation of a hidden unit."""

import base64

import numpy as np

from chargen.analysis.hidden_units import Inspection, UnitScore
from chargen.report.page import page

LONGEST = 3_000  # characters shown
MOST_VALUES = 2_100_000  # units times characters; at 4/3 bytes each, a page stays below 3 MB
STEPS = 127  # an activation in [-1, 1] is stored as an integer multiple of 1/127


def activation_page(inspection: Inspection, title: str) -> str:
    """Return a self-contained HTML page with the beginning of a text and all activations.

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
        "first": _best(inspection),
        "findings": [
            {
                "feature": finding.feature,
                "note": finding.note,
                "units": [_button(score, inspection.layers, hidden_size) for score in finding.units],
            }
            for finding in inspection.findings
        ],
    }
    return page(title, "units", data)


def _best(inspection: Inspection) -> int:
    """Return the unit, counted through all layers, that follows a feature best; 0 where none was found."""
    scores = [score for finding in inspection.findings for score in finding.units]
    best = max(scores, key=lambda score: abs(score.held_out), default=None)
    return best.layer * inspection.activations.shape[1] // inspection.layers + best.unit if best else 0


def _button(score: UnitScore, layers: int, hidden_size: int) -> tuple[int, str]:
    """Return a unit's number, counted through all layers, and the label of its button."""
    place = f"{score.layer}/{score.unit}" if layers > 1 else str(score.unit)
    return score.layer * hidden_size + score.unit, f"{place}: {score.held_out:+.2f}"
