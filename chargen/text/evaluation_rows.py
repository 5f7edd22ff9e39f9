"""`EvaluationRows`: the rows in which a text is read side by side when a model is evaluated on it."""

import math
from dataclasses import dataclass

import numpy as np

MOST_ROWS = 64
WARMUP = 256  # characters
LONGEST_CHUNK = 256  # characters of each row that are read in one go
MOST_LOGITS = 2**23  # that are computed in one go, which bounds the memory


@dataclass(frozen=True)
class EvaluationRows:
    """A text cut into rows of equal length that are read side by side, for validation and for scoring.

    To start from nearly the state that reading in sequence would have brought, each row begins with the `WARMUP`
    characters before it, which are not scored. Only the beginning of the text is read from the zero state. The last
    row may reach beyond the text; what lies there is not scored either.

    Attributes:
        targets: the number of characters to predict, at least 1.
        first: the place in the text of the first character that is read; its successor is the first target.

    >>> rows = EvaluationRows(targets=1000)
    >>> rows.count, rows.length, rows.starts().tolist()
    (3, 334, [0, 334, 668])
    """

    targets: int
    first: int = 0

    @property
    def count(self) -> int:
        """The number of rows."""
        return min(max(self.targets // WARMUP, 1), MOST_ROWS)

    @property
    def length(self) -> int:
        """The characters in each row."""
        return math.ceil(self.targets / self.count)

    def starts(self, rank: int = 0, processes: int = 1) -> np.ndarray:
        """Return the places where the rows begin: an int64 array (rows,).

        Args:
            rank: which of several processes asks. Each gets the same number of rows, so that the last rows of the last
                processes may lie beyond the text.
            processes: the number of processes that share the rows.
        """
        rows = math.ceil(self.count / processes)
        return self.first + (rank * rows + np.arange(rows)) * self.length

    def warmup_places(self, starts: np.ndarray) -> np.ndarray:
        """Return the places of the characters that warm up the rows that begin at `starts`: (rows, WARMUP).

        Places outside the text are replaced by the nearest ones inside. After the warm-up, the state of a row that
        starts at 0 must be set to zero.
        """
        return np.clip(starts[:, None] + np.arange(-WARMUP, 0), 0, self.first + self.targets)

    def chunk(self, vocab_size: int) -> int:
        """Return how many characters of each row to read in one go, so that the logits fit in memory."""
        return max(min(LONGEST_CHUNK, MOST_LOGITS // (self.count * vocab_size)), 1)
