"""A rerun in a scratch clone: the code of the clone, another environment, and nothing from a cache."""

import json
import os
import shutil
from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.reproducibility import rerun
from newsdesk.reproducibility.dvc_lock import md5_of


@pytest.fixture(scope="module")
def clone(tiny_checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rerun.clone(tiny_checkout, "HEAD", tmp_path_factory.mktemp("scratch"))


def test_a_rerun_takes_nothing_from_the_checkout(
    clone: Path, tiny_checkout: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "9", "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "PYTHONPATH": str(tiny_checkout / "src"), "DVC_ROOT": str(tiny_checkout),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    conditions = rerun.other_conditions("here")
    rerun.repro(clone, rerun.rerun_environment(clone, conditions))
    seen = json.loads((clone / "seen.json").read_text())
    assert Path(seen.pop("file")) == clone / "src/newsdesk/pipeline/weigh.py"
    assert seen.pop("MLFLOW_TRACKING_URI") == f"sqlite:///{clone / 'mlflow.db'}"
    assert seen == {name: conditions[name] for name in seen}
    assert md5_of(clone / "heads/topic") == md5_of(tiny_checkout / "heads/topic")
    assert "Running stage 'measure'" in capfd.readouterr().err
    assert not (clone.parent / "cache/files").exists(), "no output goes into a cache"


def test_an_installed_package_that_comes_first_is_refused(clone: Path, tiny_checkout: Path) -> None:
    env = rerun.rerun_environment(clone, {}) | {"PYTHONPATH": str(tiny_checkout / "src")}
    with pytest.raises(NewsdeskError, match=r"expected the package of the clone .*, found .*tiny"):
        rerun.describe_environment(clone, env)


def test_a_failed_stage_is_an_error(clone: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken = shutil.copytree(clone, tmp_path / "checkout", symlinks=True)
    (broken / "src/newsdesk/pipeline/weigh.py").write_text("raise SystemExit('newsdesk: no rows')\n")
    with pytest.raises(
        NewsdeskError, match=r"rerun: `dvc repro .* failed with exit code \d+; see its output"
    ):
        rerun.repro(broken, rerun.rerun_environment(broken, {}))
    assert "newsdesk: no rows" in capfd.readouterr().err


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="of x86-64")
def test_libraries_choose_kernels_that_every_processor_has(clone: Path) -> None:
    facts = rerun.describe_environment(
        clone, rerun.rerun_environment(clone, rerun.other_conditions("generic"))
    )
    blas = {pool["architecture"] for pool in facts["pools"] if pool["user_api"] == "blas"}
    assert blas == {"Nehalem"}
    assert (facts["numba_cpu"], facts["numpy_simd"]) == ("generic", [])
    assert str(clone.parent) not in json.dumps(facts), "the report names no folder of this machine"


def test_conditions_differ_from_the_default() -> None:
    first, second = (rerun.other_conditions("here")["PYTHONHASHSEED"] for _ in range(2))
    assert first != second
    assert "0" not in (first, second)
    assert rerun.other_conditions("here")["OMP_NUM_THREADS"] != str(os.cpu_count())


def test_imported_corpora_are_added_to_the_clone(tmp_path: Path) -> None:
    source, clone = tmp_path / "data/public", tmp_path / "clone"
    (source / "skynews/2018").mkdir(parents=True)
    (source / "skynews/2018/a.txt").write_text("1")
    (source / "skynews.dvc").write_text("committed, so the clone has it")
    rerun.add_imports(tmp_path, clone)
    files = [path.relative_to(clone).as_posix() for path in clone.rglob("*.*")]
    assert files == ["data/public/skynews/2018/a.txt"]


def test_missing_corpora_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match=r"public: no imported corpora; run `make import`"):
        rerun.add_imports(tmp_path, tmp_path)
