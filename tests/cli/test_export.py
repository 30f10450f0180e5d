"""`newsdesk export`: a package that scores as the model was evaluated, where newsdesk is not installed."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.commands import invoke, project_env
from tests.inference.articles import ARABIC, ENGLISH

# -S leaves out .pth files, and so the checkout that newsdesk is installed from
START = f"""
import importlib.util, json, sys
sys.path += [{sysconfig.get_path("purelib")!r}, "."]
assert importlib.util.find_spec("newsdesk") is None
sys.modules.update(dict.fromkeys(["sklearn", "scipy", "pandas", "pyarrow", "mlflow"]))  # importing these fails
"""
PREDICT = """
if "without numba" in sys.argv:
    sys.modules["numba"] = None
import newsdesk_model
scorer = newsdesk_model.load()
scorer.compile_from = int(sys.argv[1])
predictions = scorer.predict(*json.load(sys.stdin))
print(json.dumps([[[p.labels, p.scores] for p in predictions], scorer.compiled is not None]))
"""


def run_python(
    code: str, *args: str, cwd: Path, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-B", "-c", START + code, *args],
        cwd=cwd, env=project_env(**env), input=stdin, capture_output=True, text=True, check=False,
    )  # fmt: skip


def check_predictions(tiny_run: Path, package: Path, *args: str, **env: str) -> tuple[bool, str]:
    """Compare with the predictions of `evaluate`; return whether the compiled path ran, and standard error."""
    evaluated = pq.read_table(tiny_run / "data/predictions.parquet").to_pylist()[:20]
    articles = {
        a["article_id"]: a for a in pq.read_table(tiny_run / "data/clean/articles.parquet").to_pylist()
    }
    rows = [articles[row["article_id"]] for row in evaluated]
    stdin = json.dumps([[row["title"] for row in rows], [row["text"] for row in rows]])
    done = run_python(PREDICT, *args, cwd=package.parent, stdin=stdin, **env)
    assert done.returncode == 0, done.stderr
    predictions, compiled = json.loads(done.stdout)
    for (labels, scores), row in zip(predictions, evaluated, strict=True):
        for task in ("region", "topic"):
            assert labels[task] == row[f"{task}_predicted"]
            assert scores[task] == dict(row[f"{task}_scores"])
    return compiled, done.stderr


@pytest.fixture
def package(tiny_model: Path, tmp_path: Path) -> Path:
    done = invoke("export", "newsdesk_model", "--model", str(tiny_model), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "import newsdesk_model" in done.stderr
    return tmp_path / "newsdesk_model"


@pytest.mark.integration
@pytest.mark.parametrize("args", [["0", "without numba"], ["1000"]], ids=["without numba", "few articles"])
def test_package_runs_without_newsdesk(tiny_run: Path, package: Path, args: list[str]) -> None:
    assert check_predictions(tiny_run, package, *args) == (False, "")


@pytest.mark.integration
def test_package_without_kernel_warns_once_and_scores(tiny_run: Path, package: Path) -> None:
    (package / "inference/kernel.py").unlink()
    compiled, stderr = check_predictions(tiny_run, package, "0")
    assert not compiled
    assert stderr.count("no compiled path") == 1


@pytest.mark.integration
def test_package_compiles_and_warns_once_if_no_cache_folder_can_be_written(
    tiny_run: Path, package: Path
) -> None:
    (package / "inference/__pycache__").write_text("a file in place of a folder")
    compiled, stderr = check_predictions(tiny_run, package, "0", HOME="/dev/null", XDG_CACHE_HOME="/dev/null")
    assert compiled
    assert stderr.count("set NUMBA_CACHE_DIR") == 1


@pytest.mark.integration
def test_two_packages_in_one_process_keep_their_own_behaviour(tiny_model: Path, package: Path) -> None:
    """The second has other code and other thresholds."""
    other = tiny_copy(tiny_model, package.with_name("other_model"))
    assert invoke("export", "second", "--model", str(other), cwd=package.parent).returncode == 0
    scorer = package.with_name("second") / "inference/scorer.py"
    scorer.write_text(
        scorer.read_text(encoding="utf-8").replace('"not_arabic"', '"foreign"'), encoding="utf-8"
    )
    code = """
import newsdesk_model, second
first, second = newsdesk_model.load(), second.load()
print(json.dumps([[[p.labels["region"], p.reason] for p in m.predict(*json.load(open("in.json")))]
                  for m in (first, second, first)]))
"""
    (package.parent / "in.json").write_text(json.dumps([["", ""], [ARABIC, ENGLISH]]), encoding="utf-8")
    done = run_python(code, cwd=package.parent)
    own, foreign = [[["us"], None], [[], "not_arabic"]], [[[], None], [[], "foreign"]]
    assert json.loads(done.stdout) == [own, foreign, own], done.stderr
    assert done.stderr.count("evaluated with code") == 1


def tiny_copy(tiny_model: Path, folder: Path) -> Path:
    """Copy the model with thresholds of 1 for regions."""
    shutil.copytree(tiny_model, folder)
    info = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    info["heads"][0]["thresholds"] = [1.0] * len(info["heads"][0]["labels"])
    (folder / "model.json").write_text(json.dumps(info), encoding="utf-8")
    return folder


def test_package_is_a_model_folder(package: Path, tiny_model: Path, tmp_path: Path) -> None:
    """An export can be exported again, and holds the files of the model."""
    assert invoke("export", "again", "--model", str(package), cwd=tmp_path).returncode == 0
    for name in ("model.json", "weights.npz"):
        assert (tmp_path / "again/model" / name).read_bytes() == (tiny_model / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("full", "full: expected a new or empty folder"),
        ("file", "file: expected a new or empty folder"),
        ("my-model", "expected a folder name that Python can import, found 'my-model'"),
        ("class", "expected a folder name that Python can import"),
    ],
)
def test_unusable_destination_is_refused(tmp_path: Path, tiny_model: Path, name: str, message: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/note.txt").write_text("kept")
    (tmp_path / "file").write_text("kept")
    done = invoke("export", name, "--model", str(tiny_model), cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "full"]


def test_empty_folder_is_used_and_damaged_model_leaves_nothing(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert invoke("export", "empty", "--model", str(tiny_model), cwd=tmp_path).returncode == 0
    assert (tmp_path / "empty/__init__.py").is_file()
    shutil.copytree(tiny_model, tmp_path / "damaged")
    (tmp_path / "damaged/weights.npz").write_bytes(b"PK cut")
    assert invoke("export", "broken", "--model", "damaged", cwd=tmp_path).returncode == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["damaged", "empty"]
