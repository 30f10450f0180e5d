"""dvc.lock as DVC writes it, and hashes as DVC takes them."""

from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.reproducibility.dvc_lock import Stage, changed_inputs, md5_of, parse_lock
from tests.conftest import ROOT

COMMITTED = (ROOT / "dvc.lock").read_text(encoding="utf-8")


def test_stages_stand_behind_those_whose_outputs_they_read() -> None:
    names = [stage.name for stage in parse_lock(COMMITTED, "dvc.lock")]
    assert names[:2] == ["clean", "featurize"]
    assert set(names[2:4]) == {"train@region", "train@topic"}
    assert names[4:] == ["package", "evaluate", "track"]


def test_hashes_are_those_of_dvc() -> None:
    """Of what is committed, a file and two folders: DVC wrote the hashes that they are held against."""
    (clean, featurize, *_) = parse_lock(COMMITTED, "dvc.lock")
    assert md5_of(ROOT / "data/taxonomy.yaml") == clean.deps["data/taxonomy.yaml"]
    assert md5_of(ROOT / "data/starter") == clean.deps["data/starter"]
    assert md5_of(ROOT / "data/places") == featurize.deps["data/places"]


def test_nothing_has_no_hash_and_compiled_code_adds_none(tmp_path: Path) -> None:
    assert md5_of(tmp_path / "none") is None
    (tmp_path / "a/__pycache__").mkdir(parents=True)
    (tmp_path / "a/x.json").write_text("1")
    before = md5_of(tmp_path / "a")
    (tmp_path / "a/__pycache__/x.pyc").write_bytes(b"1")
    assert md5_of(tmp_path / "a") == before
    (tmp_path / "a/.hidden").write_text("1")
    assert md5_of(tmp_path / "a") != before


def stage(name: str = "train", **changed: object) -> Stage:
    whole = {"cmd": "fit", "deps": {"fit.py": "1", "x.npz": "2"}, "params": {"p.yaml": {"C": 1}}, "outs": {}}
    return Stage(name, **(whole | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ran", "expected"),
    [
        ([stage()], {}),
        ([stage(cmd="fit --fast")], {"train": ["cmd"]}),
        ([stage(deps={"fit.py": "9", "x.npz": "2"})], {"train": ["fit.py"]}),
        ([stage(params={"p.yaml": {"C": 2}})], {"train": ["p.yaml: C"]}),
        ([stage(), stage("new")], {"new": ["the lock has no such stage"]}),
        ([], {"train": ["the stage is gone"]}),
    ],
)
def test_inputs_that_the_lock_was_not_made_with_are_named(
    ran: list[Stage], expected: dict[str, list[str]]
) -> None:
    assert changed_inputs([stage()], ran) == expected


def test_what_another_stage_made_is_its_affair() -> None:
    made = stage("featurize", deps={}, outs={"x.npz": "2"})
    remade = stage("featurize", deps={}, outs={"x.npz": "7"})
    ran = stage(deps={"fit.py": "1", "x.npz": "7"})
    assert changed_inputs([made, stage()], [remade, ran]) == {}


@pytest.mark.parametrize("text", ["", "stages: [1]", "stages:\n  a:\n    outs: []", "a: [", "stages:\n  a: {cmd: x, outs: [{path: y}]}"])  # fmt: skip
def test_what_is_no_lock_is_one_line(text: str) -> None:
    with pytest.raises(NewsdeskError, match=r"^dvc\.lock: not a lock as DVC writes it: "):
        parse_lock(text, "dvc.lock")
