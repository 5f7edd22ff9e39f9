import pytest
import torch

from chargen.training.dropout import DropoutMasks


def seeded(seed, *part):
    masks = DropoutMasks("cpu", *part)
    masks.seed(seed)
    return masks


def test_units_are_dropped_at_the_given_rate_and_depend_on_the_seed_alone():
    ones = torch.ones(100, 4, 500)
    out = seeded(5).units(ones, 0.3)
    torch.testing.assert_close(out.unique(), torch.tensor([0.0, 256 / (256 - 77)]))  # 77/256 is nearest to 0.3
    assert (out == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(out, out[:, :1].expand_as(out)), "the same units at every step"
    torch.testing.assert_close(out, seeded(5).units(ones, 0.3))
    assert not torch.equal(out, seeded(6).units(ones, 0.3))


def test_weights_keep_their_expectation_and_every_position_is_alike():
    mask = seeded(0).weights(torch.ones(1000, 803), 0.25)
    assert mask.unique().tolist() == pytest.approx([0, 4 / 3])
    assert mask.mean().item() == pytest.approx(1, abs=0.005)
    by_byte = torch.stack([mask.flatten()[offset::8][:100_000].mean() for offset in range(8)])
    assert by_byte.tolist() == pytest.approx([1] * 8, abs=0.01)


def test_processes_that_share_a_batch_draw_the_masks_of_one():
    ones = torch.ones(6, 3, 50)
    parts = [seeded(7, part, 2).units(ones[:3], 0.5) for part in range(2)]
    assert torch.equal(torch.cat(parts), seeded(7).units(ones, 0.5))
