import numpy as np
import torch

from chargen.training.noise import RareCharacters

IDS = np.repeat([0, 1, 2, 5], [6000, 3000, 999, 1])  # 3, 4 and 6 never occur


def test_of_each_character_about_as_many_occurrences_are_replaced_by_rare_characters():
    noise = RareCharacters(IDS, 7, discount=60)
    replaced = torch.bincount(noise(torch.tensor(IDS).repeat(20), seed=3), minlength=7) / 20
    lost = torch.tensor([6000, 3000, 999]) - replaced[:3]
    assert torch.allclose(lost, torch.full((3,), 60.0), atol=10)
    assert torch.allclose(replaced[3:], torch.full((4,), 181 / 4), atol=8)


def test_the_seed_alone_decides_what_is_replaced():
    noise, ids = RareCharacters(IDS, 7, discount=300), torch.tensor(IDS)
    assert torch.equal(noise(ids, seed=1), noise(ids, seed=1))
    assert not torch.equal(noise(ids, seed=1), noise(ids, seed=2))


def test_a_text_without_rare_characters_stays_as_it_is():
    ids = torch.tensor([0, 1, 0, 1])
    assert torch.equal(RareCharacters(ids.numpy(), 2, discount=0.75)(ids, seed=1), ids)
