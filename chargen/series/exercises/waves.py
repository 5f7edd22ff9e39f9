"""The signals of the exercises."""

import csv
from importlib import resources

import numpy as np

WAVE = "wave.csv"
WAVE_SEED, WAVE_PERIOD, WAVE_NOISE = 2024, 25, 0.05


def noisy_sine(seed: int, points: int = 1000) -> np.ndarray:
    """Return sin(0.01 t) + N(0, 0.2) for t = 1, 2, ..., (points,)."""
    t = np.arange(1, points + 1)
    return np.sin(0.01 * t) + np.random.default_rng(seed).normal(0, 0.2, points)


def make_wave(points: int = 1000) -> np.ndarray:
    """Return the signal of the bundled file: a sine of period 25, its first overtone, and mild noise, (points,)."""
    angle = 2 * np.pi * np.arange(points) / WAVE_PERIOD
    noise = np.random.default_rng(WAVE_SEED).normal(0, WAVE_NOISE, points)
    return np.round(np.sin(angle) + 0.3 * np.sin(2 * angle + 1) + noise, 4)


def bundled_wave() -> np.ndarray:
    """Return the values of the bundled CSV file, the output of `make_wave`, (1000,)."""
    text = (resources.files("chargen.corpora") / WAVE).read_text("utf-8")
    return np.array([float(row["y"]) for row in csv.DictReader(text.splitlines())])
