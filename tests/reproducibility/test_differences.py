"""How far values are from each other, and what counts as rounding."""

import numpy as np
import pytest

from newsdesk.reproducibility.differences import compare_arrays, compare_named, compare_values

ONE = np.array([1.0, 2.0, 3.0])
HASH, OTHER_HASH = "a" * 64, "b" * 64


def test_what_is_the_same_is_no_difference() -> None:
    assert compare_arrays(ONE, ONE.copy(), where="x") is None
    assert compare_arrays(np.array([np.nan]), np.array([np.nan]), where="x") is None
    assert compare_values({"a": [1, 0.5, None]}, {"a": [1, 0.5, None]}, where="x") is None


def test_one_weight_changed_by_hand_is_counted_and_measured() -> None:
    changed = ONE.astype(np.float32)
    changed[1] += np.float32(0.25)
    found = compare_arrays(ONE.astype(np.float32), changed, where="weights.npz: coef")
    assert found
    assert found.text() == "weights.npz: coef: 1 of 3 values differ, by at most 0.25"
    assert not found.rounding


@pytest.mark.parametrize(
    ("step", "rounding"),
    [
        pytest.param(2**-52, True, id="the last bit"),
        pytest.param(1e-10, True, id="sums in another order"),
        pytest.param(1e-5, False, id="a change"),
    ],
)
def test_rounding_is_small_beside_the_largest(step: float, rounding: bool) -> None:
    found = compare_arrays(ONE, ONE + np.array([step, 0.0, 0.0]), where="x")
    assert found
    assert (found.differing, found.rounding) == (1, rounding)
    listed = compare_values(ONE.tolist(), (ONE + np.array([step, 0.0, 0.0])).tolist(), where="x")
    assert listed
    assert (listed.differing, listed.rounding) == (1, rounding)


def test_the_sign_of_zero_is_a_bit() -> None:
    found = compare_arrays(np.array([0.0]), np.array([-0.0]), where="x")
    assert found
    assert (found.differing, found.largest) == (1, 0.0)
    assert compare_values([0.0], [-0.0], where="x")


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (np.array([1, 2]), np.array([1, 3])),  # whole numbers are not rounded
        (np.array([1.0]), np.array([np.nan])),
        (np.array([1.0]), np.array([np.inf])),
        (np.array([True]), np.array([False])),
        (np.array(["csr"]), np.array(["csc"])),
    ],
    ids=["integers", "nan", "infinity", "flags", "text"],
)
def test_what_is_never_rounding(then: np.ndarray, now: np.ndarray) -> None:
    found = compare_arrays(then, now, where="x")
    assert found
    assert found.differing == 1
    assert not found.rounding


def test_another_shape_or_type_is_told() -> None:
    found = compare_arrays(ONE, ONE[:2], where="x")
    assert found
    assert found.text() == "x: float64 of shape (3,) is expected, float64 of shape (2,) is there"
    assert compare_arrays(ONE, ONE.astype(np.float32), where="x")


def test_the_first_text_that_differs_is_named() -> None:
    found = compare_values({"labels": ["us", "asia"]}, {"labels": ["us", "africa"]}, where="head.json")
    assert found
    assert found.text() == "head.json: 1 of 2 values differ, labels/1 among them"
    assert not found.rounding


def test_a_hash_of_what_differs_is_no_difference_of_its_own() -> None:
    found = compare_values({"model": HASH, "n": 1}, {"model": OTHER_HASH, "n": 1}, where="receipt.json")
    assert found
    assert found.text() == "receipt.json: other hashes: model"
    assert found.rounding
    beside = compare_values({"model": HASH, "f1": 0.5}, {"model": OTHER_HASH, "f1": 0.6}, where="x")
    assert beside
    assert not beside.rounding, "a number that changed is not hidden by it"


def test_names_on_one_side_alone_are_told() -> None:
    found = list(compare_named({"coef": ONE, "idf": ONE}, {"coef": ONE, "bias": ONE}, "weights.npz"))
    assert [difference.text() for difference in found] == [
        "weights.npz: idf: is missing",
        "weights.npz: bias: is there and not expected",
    ]
