"""Weights of heads joined into those of a model, and quantized."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from newsdesk.training.packaging import join_heads, quantize_coef


@given(
    # no classifier gives a label coefficients that are all below 1e-20: their step would be no normal number
    coef=arrays(
        np.float32,
        (6, 3),
        elements=st.floats(-1e6, 1e6, width=32).map(lambda c: c if abs(c) >= 1e-20 else 0.0),
    ),
    bits=st.integers(8, 16),
)
def test_quantization_changes_no_coefficient_by_more_than_half_a_step(coef: np.ndarray, bits: int) -> None:
    steps, scale = quantize_coef(coef, bits)
    assert np.abs(steps.astype(int)).max() <= 2 ** (bits - 1) - 1
    assert (np.abs(steps * scale.astype(np.float64) - coef) <= scale * 0.5001).all()
    assert not steps[:, ~coef.any(axis=0)].any()


def test_heads_are_joined_label_by_label() -> None:
    heads = [
        {"coef": np.full((n, 4), n, np.float32), "main_coef": np.full((n, 4), -n, np.float32)}
        | {k: np.full(n, n) for k in ("intercept", "main_intercept", "slope", "offset")}
        for n in (2, 3)
    ]
    joined = join_heads(heads, quantize=None)
    assert joined["coef"].tolist() == [[2, 2, 3, 3, 3, -2, -2, -3, -3, -3]] * 4
    assert joined["intercept"].tolist() == [2, 2, 3, 3, 3] * 2
    assert joined["offset"].tolist() == [2, 2, 3, 3, 3]
    assert "scale" not in joined
    assert join_heads(heads, quantize=8)["coef"].dtype == np.int8
