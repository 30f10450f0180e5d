"""A consumer: an environment of what the model requires alone, the registry over HTTP, the champion by its alias."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from newsdesk.tracking.mlflow_model import REQUIREMENTS
from tests.conftest import invoke, project_env
from tests.inference.articles import ARABIC
from tests.inference.test_pyfunc import ENGLISH, PERSIAN
from tests.stores import mlflow_server

CONSUMER = """
import importlib.util, json, sys
import mlflow, pandas as pd

absent = ["newsdesk", "sklearn", "scipy", "dvc", "alembic"]
assert not [name for name in absent if importlib.util.find_spec(name)]
model = mlflow.pyfunc.load_model("models:/newsdesk@champion")
asked = json.load(sys.stdin)
given = {}
for name, rows in asked["rows"].items():
    frame = pd.DataFrame(rows, columns=["article_id", "title", "text"])
    if name == "many":
        frame = pd.concat([frame] * (asked["n_many"] // len(frame)), ignore_index=True)
        frame["article_id"] = [f"a{i}" for i in range(len(frame))]
    given[name] = model.predict(frame)
many, rows = given.pop("many"), asked["rows"]["many"]
assert many["article_id"].tolist() == [f"a{i}" for i in range(asked["n_many"])]
told = many.drop(columns="article_id").to_dict("records")
assert all(row == told[i % len(rows)] for i, row in enumerate(told))
given["many"] = many.head(len(rows))
answer = {name: frame.to_dict("records") for name, frame in given.items()}
json.dump({"n_many": len(many), "rows": answer}, sys.stdout)
"""
pytestmark = pytest.mark.integration
SAID = ("regions", "topics", "region_scores", "topic_scores", "reason")
N_MANY = 1000  # of several batches, and enough for the compiled path


def required(names: tuple[str, ...]) -> dict[str, Distribution]:
    """The distributions of these names and of all that they require here."""
    found: dict[str, Distribution] = {}
    queue = list(names)
    while queue:
        name = canonicalize_name(queue.pop())
        if name in found:
            continue
        found[name] = distribution(name)
        for line in found[name].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return found


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment, into which the installed files of the requirements are linked.

    To install them anew takes minutes and a network; the files are the same.
    """
    folder = tmp_path_factory.mktemp("consumer") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for installed in required(REQUIREMENTS).values():
        for file in installed.files or []:
            source = Path(str(installed.locate_file(file)))
            if ".." not in file.parts and source.is_file() and not (site / file).exists():
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                (site / file).symlink_to(source.resolve())
    return folder / "bin/python"


@pytest.fixture(scope="module")
def server(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server that has a run of the pipeline, its model registered as the champion."""
    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(folder, f"sqlite:///{folder}/store.db") as uri:
        receipt = str(folder / "receipt.json")
        tracked = invoke("track", "--receipt", receipt, cwd=tiny_run, MLFLOW_TRACKING_URI=uri)
        assert tracked.returncode == 0, tracked.stderr
        client, run_id = MlflowClient(uri, uri), tracked.stderr.split()[-1]
        client.create_registered_model("newsdesk")
        registered = client.create_model_version("newsdesk", f"runs:/{run_id}/model", run_id)
        client.set_registered_model_alias("newsdesk", "champion", registered.version)
        yield uri


@pytest.fixture(scope="module")
def articles(tiny_run: Path) -> list[tuple[str, str, str]]:
    """Id, title and text of the articles that were evaluated."""
    evaluated = pq.read_table(tiny_run / "data/predictions.parquet")["article_id"].to_pylist()
    rows = {
        row["article_id"]: row for row in pq.read_table(tiny_run / "data/clean/articles.parquet").to_pylist()
    }
    return [(i, rows[i]["title"], rows[i]["text"]) for i in evaluated]


@pytest.fixture(scope="module")
def consumed(python: Path, server: str, articles: list, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the champion says of none, one, three, many and the evaluated articles."""
    three = [("x", None, ARABIC), (None, "خبر", None), ("x", "News", ENGLISH)]
    many = [*three, ("y", "", PERSIAN), ("z", "غارة أميركية", ARABIC)]
    rows = {"none": [], "one": three[1:2], "three": three, "many": many, "evaluated": articles}
    env = {k: v for k, v in project_env().items() if k != "PATH"} | {
        "MLFLOW_TRACKING_URI": server,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    done = subprocess.run(
        [str(python), "-c", CONSUMER], input=json.dumps({"rows": rows, "n_many": N_MANY}), env=env,
        cwd=tmp_path_factory.mktemp("elsewhere"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {"given": rows, **json.loads(done.stdout)}


@pytest.mark.parametrize("name", ["none", "one", "three"])
def test_counts_and_order(consumed: dict, name: str) -> None:
    said = consumed["rows"][name]
    assert [row["article_id"] for row in said] == [row[0] for row in consumed["given"][name]]
    reasons = {"x": None, "خبر": "too_short", "News": "not_arabic"}
    assert [row["reason"] for row in said] == [reasons[row[1] or "x"] for row in consumed["given"][name]]


def test_many_rows_are_answered_each_as_it_would_be_alone(consumed: dict) -> None:
    assert consumed["n_many"] == N_MANY
    reasons = [row["reason"] for row in consumed["rows"]["many"]]
    assert reasons == [None, "too_short", "not_arabic", "not_arabic", None]
    for row, alone in zip(consumed["rows"]["many"], consumed["rows"]["three"], strict=False):
        assert {name: row[name] for name in SAID} == {name: alone[name] for name in SAID}


def test_served_is_evaluated(tiny_run: Path, consumed: dict) -> None:
    evaluated = pq.read_table(tiny_run / "data/predictions.parquet").to_pylist()
    for row, measured in zip(consumed["rows"]["evaluated"], evaluated, strict=True):
        assert row["reason"] == measured["reason"]
        for task in ("region", "topic"):
            assert row[f"{task}s"] == measured[f"{task}_predicted"]
            assert row[f"{task}_scores"] == dict(measured[f"{task}_scores"])


@pytest.mark.parametrize("model", ["model", "models:/newsdesk@champion", "models:/newsdesk/1"])
def test_served_is_what_predict_says(
    tiny_run: Path, server: str, consumed: dict, articles: list, tmp_path: Path, model: str
) -> None:
    source = tmp_path / "articles.jsonl"
    lines = [json.dumps({"id": i, "title": title, "text": text}) for i, title, text in articles]
    source.write_text("\n".join(lines), encoding="utf-8")
    done = invoke(
        "predict",
        str(source),
        "--format",
        "jsonl",
        "--model",
        model,
        cwd=tiny_run,
        MLFLOW_TRACKING_URI=server,
    )
    assert done.returncode == 0, done.stderr
    predicted = [json.loads(line) for line in done.stdout.splitlines()]
    names = (*SAID, "article_id")
    for row, said in zip(predicted, consumed["rows"]["evaluated"], strict=True):
        assert {name: row[name] for name in names} == {name: said[name] for name in names}
