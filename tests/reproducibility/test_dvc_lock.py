"""dvc.lock: the order of stages, changed inputs, and the hashes of DVC."""

from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.reproducibility.dvc_lock import LockedStage, changed_inputs, md5_of, parse_lock
from tests import ROOT

COMMITTED = (ROOT / "dvc.lock").read_text(encoding="utf-8")
FIT = {"cmd": "fit", "fit.py": "1", "x.npz": "2", "params.yaml: C": 1}


def test_a_stage_stands_after_those_whose_outputs_it_reads() -> None:
    names = list(parse_lock(COMMITTED, "dvc.lock"))
    assert names[:2] == ["clean", "featurize"]
    assert set(names[2:4]) == {"train@region", "train@topic"}
    assert names[4:] == ["package", "evaluate", "track"]


def test_hashes_are_those_of_dvc() -> None:
    """Compare the hashes of a committed file and two folders to those that DVC wrote."""
    stages = parse_lock(COMMITTED, "dvc.lock")
    assert md5_of(ROOT / "data/taxonomy.yaml") == stages["clean"].inputs["data/taxonomy.yaml"]
    assert md5_of(ROOT / "data/starter") == stages["clean"].inputs["data/starter"]
    assert md5_of(ROOT / "data/places") == stages["featurize"].inputs["data/places"]


def test_bytecode_is_not_hashed(tmp_path: Path) -> None:
    assert md5_of(tmp_path / "none") is None
    (tmp_path / "a/__pycache__").mkdir(parents=True)
    (tmp_path / "a/x.json").write_text("1")
    before = md5_of(tmp_path / "a")
    (tmp_path / "a/__pycache__/x.pyc").write_bytes(b"1")
    assert md5_of(tmp_path / "a") == before
    (tmp_path / "a/.hidden").write_text("1")
    assert md5_of(tmp_path / "a") != before


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {}),
        ({"cmd": "fit --fast"}, {"train": ["cmd"]}),
        ({"fit.py": "9"}, {"train": ["fit.py"]}),
        ({"params.yaml: C": 2}, {"train": ["params.yaml: C"]}),
        ({"new.py": "1"}, {"train": ["new.py"]}),
    ],
)
def test_changed_inputs_are_named(changed: dict[str, object], expected: dict[str, list[str]]) -> None:
    ran = LockedStage(FIT | changed, {})
    assert changed_inputs({"train": LockedStage(FIT, {})}, {"train": ran}) == expected


def test_a_new_or_removed_stage_has_changed_inputs() -> None:
    stages = {"train": LockedStage({"cmd": "fit"}, {})}
    assert changed_inputs({}, stages) == changed_inputs(stages, {}) == {"train": ["cmd"]}


def test_an_output_of_another_stage_is_no_input() -> None:
    locked = {"featurize": LockedStage({}, {"x.npz": "2"}), "train": LockedStage(FIT, {})}
    ran = {"featurize": LockedStage({}, {"x.npz": "7"}), "train": LockedStage(FIT | {"x.npz": "7"}, {})}
    assert changed_inputs(locked, ran) == {}


@pytest.mark.parametrize(
    "text",
    ["", "stages: [1]", "stages:\n  a:\n    outs: []", "a: [", "stages:\n  a: {cmd: x, outs: [{path: y}]}"],
)
def test_text_that_is_no_lock(text: str) -> None:
    with pytest.raises(NewsdeskError, match=r"^dvc\.lock: not a lock of DVC: "):
        parse_lock(text, "dvc.lock")
