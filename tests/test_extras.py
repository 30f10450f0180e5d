"""Labelling needs the core dependencies alone; what needs an extra says so in one line."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import ROOT
from tests.commands import project_env, run
from tests.core_only import write_hook
from tests.readers.test_feeds import RSS
from tests.readers.workbooks import TABLE, xlsx

pytestmark = pytest.mark.integration
PAGE = str(ROOT / "data/starter/pages/page-10.txt")


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_hook(tmp_path_factory.mktemp("hook")))


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", PAGE],
        ["predict", "articles.parquet", "--output", "labels.parquet"],
        ["predict", "articles.parquet", "--output", "labels/", "--workers", "2"],
        ["explain", PAGE, "--label", "terrorism"],
        ["read", PAGE],
        ["taxonomy"],
        ["export", "package"],
        ["doctor"],
    ],
    ids=lambda arguments: " ".join(Path(each).name for each in arguments),
)
def test_labelling_needs_no_extra_in_any_folder(arguments: list[str], hook: str, tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"text": ["فاز ريال مدريد على برشلونة في الدوري الإسباني"]}), tmp_path / "articles.parquet"
    )
    done = run("newsdesk", *arguments, cwd=tmp_path, PYTHONPATH=hook)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["serve"], "serve"),
        (["report"], "train"),
        (["experiments"], "train"),
        (["certify"], "train"),
        (["history"], "train"),
        (["predict", PAGE, "--model", "models:/newsdesk@champion"], "train"),
        (["predict", PAGE, "--output", "labels/", "--engine", "spark"], "spark"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_a_missing_extra_is_one_line(arguments: list[str], extra: str, hook: str, tmp_path: Path) -> None:
    done = run("newsdesk", *arguments, cwd=tmp_path, PYTHONPATH=hook)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"newsdesk[{extra}]" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["news.xlsx", "feed.xml", "crawl.warc"])
def test_a_file_that_needs_an_extra_is_refused_in_one_line(name: str, hook: str, tmp_path: Path) -> None:
    contents = {"news.xlsx": xlsx({"s": TABLE}), "feed.xml": RSS.encode(), "crawl.warc": b"WARC/1.0\r\n\r\n"}
    (tmp_path / name).write_bytes(contents[name])
    done = run("newsdesk", "read", name, cwd=tmp_path, PYTHONPATH=hook)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(f"refused: {name}:0: unknown_format: ")
    assert done.stderr.splitlines()[0].endswith("is not installed; run: pip install 'newsdesk[formats]'")


def test_a_missing_extra_of_the_api(hook: str, tmp_path: Path) -> None:
    code = "import newsdesk; newsdesk.load().predict('نص'); newsdesk.ArabicTfidfVectorizer"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=project_env(PYTHONPATH=hook), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.stderr.splitlines()[-1].endswith("pip install 'newsdesk[train]'")


def test_spark_brings_pandas() -> None:
    """PySpark asks for pandas when rows go to Python, and does not depend on it."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    assert {name.partition(">")[0] for name in extras["spark"]} == {"pandas", "pyspark"}
