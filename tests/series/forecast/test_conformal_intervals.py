import numpy as np

from chargen.series.forecast.conformal_intervals import error_quantiles, half_widths


def test_half_widths_are_quantiles_by_lead_that_never_shrink_and_grow_as_a_random_walk_beyond():
    errors = np.stack([np.arange(1.0, 20.0), np.arange(19.0, 0.0, -1) / 2, np.arange(1.0, 20.0) * 2], axis=1)  # (19, 3)
    quantiles = error_quantiles(errors)
    assert quantiles[:, 90 - 1].tolist() == [18, 18, 36]  # of 19 errors the 18th is rank 0.9 of 20
    assert quantiles[0, 50 - 1] == 10
    assert half_widths(quantiles, 12, 90).tolist()[:3] == [18, 18, 36]
    assert half_widths(quantiles, 12, 90)[11] == 36 * 2
