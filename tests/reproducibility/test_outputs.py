"""Outputs of a rerun and of the checkout against the lock: verdict, message and differences."""

from pathlib import Path

import numpy as np
import pytest

from newsdesk.base.files import write_arrays
from newsdesk.reproducibility.dvc_lock import LockedStage, md5_of
from newsdesk.reproducibility.outputs import OutputComparison, compare_to_lock

LOCKED, ROUNDED, CHANGED = 1.0, 1.0 + 1e-12, 1.5


@pytest.fixture
def folders(tmp_path: Path) -> dict[float | None, Path]:
    """A folder for each value of the output, and an empty one."""
    for value in (LOCKED, ROUNDED, CHANGED):
        write_arrays(tmp_path / str(value) / "weights.npz", coef=np.array([value, 2.0]))
    return {value: tmp_path / str(value) for value in (LOCKED, ROUNDED, CHANGED, None)}


def compare(
    folders: dict[float | None, Path], rerun: float | None, checkout: float | None
) -> OutputComparison:
    def lock(value: float | None) -> dict[str, LockedStage]:
        md5 = md5_of(folders[value] / "weights.npz")
        return {"train": LockedStage({}, {"weights.npz": md5} if md5 else {})}

    (out,) = compare_to_lock(lock(LOCKED), lock(rerun), rerun=folders[rerun], checkout=folders[checkout])
    assert (out.stage, out.path, out.locked) == (
        "train",
        "weights.npz",
        lock(LOCKED)["train"].outs["weights.npz"],
    )
    return out


@pytest.mark.parametrize(
    ("rerun", "checkout", "verdict", "message", "n_differences"),
    [
        (LOCKED, LOCKED, "equal", "", 0),
        (LOCKED, None, "equal", "", 0),
        (ROUNDED, LOCKED, "rounding", "other content from the rerun", 1),
        (CHANGED, LOCKED, "differs", "other content from the rerun", 1),
        (ROUNDED, None, "differs", "`dvc checkout` makes it possible to compare values", 0),
        (ROUNDED, ROUNDED, "differs", "`dvc checkout` makes it possible to compare values", 0),
        (LOCKED, ROUNDED, "differs", "changed in the checkout", 1),
        (None, LOCKED, "differs", "not made by the rerun", 0),
    ],
)
def test_verdict_of_an_output(
    folders: dict[float | None, Path],
    rerun: float | None,
    checkout: float | None,
    verdict: str,
    message: str,
    n_differences: int,
) -> None:
    out = compare(folders, rerun, checkout)
    assert out.verdict == verdict
    assert message in out.message
    assert len(out.differences) == n_differences


def test_a_changed_value_beside_rounding_is_no_rounding(tmp_path: Path) -> None:
    md5s = []
    for side, coef, idf in (("checkout", LOCKED, LOCKED), ("rerun", ROUNDED, CHANGED)):
        file = tmp_path / side / "weights.npz"
        write_arrays(file, coef=np.array([coef, 2.0]), idf=np.array([idf]))
        md5s.append(str(md5_of(file)))
    locked, ran = ({"train": LockedStage({}, {"weights.npz": md5})} for md5 in md5s)
    (out,) = compare_to_lock(locked, ran, rerun=tmp_path / "rerun", checkout=tmp_path / "checkout")
    assert [difference.rounding for difference in out.differences] == [True, False]
    assert out.verdict == "differs"


def test_a_stage_that_is_gone_makes_no_output(folders: dict[float | None, Path]) -> None:
    locked = {"train": LockedStage({}, {"weights.npz": "0"})}
    (out,) = compare_to_lock(locked, {}, rerun=folders[None], checkout=folders[None])
    assert (out.verdict, out.rerun, out.checkout) == ("differs", None, None)
