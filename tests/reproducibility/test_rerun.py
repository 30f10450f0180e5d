"""A rerun: by the clone's own code, in another process, and with nothing from a cache."""

import json
import os
import shutil
from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.reproducibility import rerun
from newsdesk.reproducibility.dvc_lock import md5_of
from newsdesk.reproducibility.rerun import Conditions
from tests.conftest import commit_all, run


@pytest.fixture
def checkout(tiny_checkout: Path) -> Path:
    return tiny_checkout


def head(folder: Path) -> str:
    return run("git", "rev-parse", "HEAD", cwd=folder).stdout.strip()


def rerun_of(folder: Path, scratch: Path, conditions: Conditions) -> Path:
    clone = rerun.clone(folder, head(folder), scratch)
    rerun.run(clone, clone, conditions, commit=head(folder), profile="starter", n_stages=2)
    return clone


def test_the_clone_s_code_runs_and_not_what_is_installed(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stage itself tells: its file, which no installed package has, lies in the clone."""
    for name, value in {
        "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "9", "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "PYTHONPATH": str(checkout / "src"), "DVC_ROOT": str(checkout),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    clone = rerun_of(checkout, tmp_path, Conditions(hash_seed=4711, threads=1))
    seen = json.loads((clone / "seen.json").read_text())
    assert Path(seen.pop("file")) == clone / "src/newsdesk/stages/weigh.py"
    assert seen.pop("MLFLOW_TRACKING_URI") == f"sqlite:///{clone / 'mlflow.db'}"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1")
    assert seen == {"PYTHONHASHSEED": "4711", **threads}
    assert md5_of(clone / "heads/topic") == md5_of(checkout / "heads/topic")
    assert capsys.readouterr().err.splitlines() == ["certify: 1 of 2: weigh", "certify: 2 of 2: measure"]
    record = rerun.read_record(tmp_path, commit=head(checkout), profile="starter")
    assert record["machine"]["code"] == "src/newsdesk"
    assert record["machine"]["hash_seed"] == "4711"
    assert {pool["num_threads"] for pool in record["machine"]["pools"]} == {1}
    assert str(tmp_path) not in json.dumps(record), "a certificate names no folder of this machine"


def test_nothing_comes_from_a_cache(checkout: Path, tmp_path: Path) -> None:
    """A cache that holds other content under the lock's names, as an edited one does, changes nothing."""
    edited = shutil.copytree(checkout, tmp_path / "edited", symlinks=True)
    objects = [path for path in (edited / ".dvc/cache").rglob("*") if path.is_file()]
    assert objects
    for path in objects:
        path.chmod(0o644)
        path.write_bytes(b"edited")
    clone = rerun_of(edited, tmp_path, Conditions(hash_seed=1, threads=1))
    assert md5_of(clone / "heads/topic") == md5_of(checkout / "heads/topic")
    assert (clone / "seen.json").exists(), "the stage ran"
    assert not (tmp_path / "cache/files").exists(), "nor does anything go into one"


def test_an_installed_package_that_would_win_is_refused(checkout: Path, tmp_path: Path) -> None:
    clone = rerun.clone(checkout, head(checkout), tmp_path)
    env = rerun.plain_environment(checkout / "src")  # as if its path came first
    with pytest.raises(NewsdeskError, match=r"would run .* not the code of the clone"):
        rerun.probe_machine(clone, clone, env)


def test_a_stage_that_fails_is_one_line(checkout: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(checkout, tmp_path / "broken", symlinks=True)
    (broken / "src/newsdesk/stages/measure.py").write_text("raise SystemExit('newsdesk: no rows')\n")
    commit_all(broken, "break it")
    with pytest.raises(NewsdeskError, match=r"^rerun: stage measure failed: newsdesk: no rows$"):
        rerun_of(broken, tmp_path, Conditions(hash_seed=1, threads=1))
    with pytest.raises(NewsdeskError, match="no finished rerun"):
        rerun.read_record(tmp_path, commit=head(broken), profile="starter")


def test_a_rerun_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / rerun.RECORD).write_text(json.dumps({"commit": "a" * 40, "profile": "starter"}))
    with pytest.raises(
        NewsdeskError, match="a rerun of starter at aaaaaaaaaaaa, not of public at bbbbbbbbbbbb"
    ):
        rerun.read_record(tmp_path, commit="b" * 40, profile="public")


def test_conditions_are_other_than_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "12")
    chosen = rerun.other_conditions()
    assert chosen.hash_seed not in (0, 12)
    assert chosen.threads != os.cpu_count()
    assert rerun.other_conditions(hash_seed=0, threads=5) == Conditions(0, 5)


def test_a_seed_is_another_though_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "12")
    assert rerun.other_conditions(hash_seed=12).hash_seed == 12, "who names a seed repeats a rerun"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="of x86-64")
@pytest.mark.parametrize("cpu", ["haswell", "generic"])
def test_libraries_choose_as_on_a_lesser_processor(
    cpu: rerun.CpuName, checkout: Path, tmp_path: Path
) -> None:
    clone = rerun.clone(checkout, head(checkout), tmp_path)
    env = rerun.plain_environment(clone / "src") | rerun.settings_of(Conditions(1, 1, cpu))
    facts = rerun.probe_machine(clone, clone, env)
    blas = {pool["architecture"] for pool in facts["pools"] if pool["user_api"] == "blas"}
    # in builds that hold few kernels OpenBLAS calls that of Prescott by the name of its elder
    assert blas <= ({"Haswell"} if cpu == "haswell" else {"Prescott", "Katmai"})
    assert blas
    assert facts["numba_cpu"] == cpu
    assert not {"X86_V4", "AVX512_SKX"} & set(facts["numpy_simd"])
    if cpu == "generic":
        assert facts["numpy_simd"] == []
