import numpy as np

from chargen.text import whole_lines as module
from chargen.text.corpus import Corpus
from chargen.text.vocabulary import Vocabulary
from chargen.text.whole_lines import whole_lines


def test_only_whole_lines_of_the_training_part_count_however_it_is_cut(monkeypatch):
    text = "emma\nanna maria\nben\nzoe"
    vocabulary = Vocabulary.from_text(text)
    ids = vocabulary.encode(text).astype(np.uint8)
    corpus = Corpus("names", vocabulary, ids[:-4], ids[-4:], "0" * 64)
    wanted = {"emma", "anna", "maria", "anna maria", "ben", "zoe"}
    for block in range(1, 30):
        monkeypatch.setattr(module, "BLOCK", block)
        assert whole_lines(corpus, wanted) == {"emma", "anna maria", "ben"}
        assert whole_lines(corpus, {"anna", "ben"}) == {"ben"}
    assert whole_lines(text, wanted) == {"emma", "anna maria", "ben", "zoe"}
