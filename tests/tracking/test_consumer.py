"""A consumer with only the requirements of the model, which loads the champion from the registry over HTTP."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from newsdesk.tracking.mlflow_model import REQUIREMENTS
from tests.commands import invoke, project_env
from tests.inference.articles import ARABIC
from tests.inference.test_pyfunc import ENGLISH, PERSIAN
from tests.stores import mlflow_server

CONSUMER = """
import importlib.util, json, sys
import mlflow, pandas as pd

absent = ["newsdesk", "sklearn", "scipy", "dvc", "alembic"]
assert not [name for name in absent if importlib.util.find_spec(name)]
model = mlflow.pyfunc.load_model("models:/newsdesk@champion")
request = json.load(sys.stdin)
predictions = {}
for name, rows in request["rows"].items():
    frame = pd.DataFrame(rows, columns=["article_id", "title", "text"])
    if name == "many":
        frame = pd.concat([frame] * (request["n_many"] // len(frame)), ignore_index=True)
        frame["article_id"] = [f"a{i}" for i in range(len(frame))]
    predictions[name] = model.predict(frame)
many, rows = predictions.pop("many"), request["rows"]["many"]
assert many["article_id"].tolist() == [f"a{i}" for i in range(request["n_many"])]
records = many.drop(columns="article_id").to_dict("records")
assert all(record == records[i % len(rows)] for i, record in enumerate(records))
predictions["many"] = many.head(len(rows))
answer = {name: frame.to_dict("records") for name, frame in predictions.items()}
json.dump({"n_many": len(many), "predictions": answer}, sys.stdout)
"""
pytestmark = pytest.mark.integration
COLUMNS = ("regions", "topics", "region_scores", "topic_scores", "reason")
N_MANY = 1000  # of several batches, and enough for the compiled path


def required(names: Iterable[str]) -> dict[str, Distribution]:
    """The distributions of these names and of all their requirements on this platform."""
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
    """The interpreter of a new environment with links to the installed files of the requirements.

    Installing them would take minutes and a network, and give the same files.
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
    """The address of an MLflow server with a run of the pipeline, whose model is registered as champion."""
    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(folder, f"sqlite:///{folder}/store.db") as uri:
        receipt = str(folder / "receipt.json")
        tracked = invoke("track", "--receipt", receipt, cwd=tiny_run, MLFLOW_TRACKING_URI=uri)
        assert tracked.returncode == 0, tracked.stderr
        client, run_id = MlflowClient(uri, uri), tracked.stderr.split()[-1]
        client.create_registered_model("newsdesk")
        (logged,) = client.get_run(run_id).outputs.model_outputs
        source = client.get_logged_model(logged.model_id).artifact_location
        registered = client.create_model_version("newsdesk", source, run_id, model_id=logged.model_id)
        client.set_registered_model_alias("newsdesk", "champion", registered.version)
        yield uri


@pytest.fixture(scope="module")
def articles(tiny_run: Path) -> list[tuple[str, str, str]]:
    """Id, title and text of the evaluated articles."""
    evaluated = pq.read_table(tiny_run / "data/predictions.parquet")["article_id"].to_pylist()
    rows = {
        row["article_id"]: row for row in pq.read_table(tiny_run / "data/clean/articles.parquet").to_pylist()
    }
    return [(i, rows[i]["title"], rows[i]["text"]) for i in evaluated]


@pytest.fixture(scope="module")
def consumed(python: Path, server: str, articles: list, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Predictions of the champion for none, one, three, many and the evaluated articles."""
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
    return {"rows": rows, **json.loads(done.stdout)}


@pytest.mark.parametrize("name", ["none", "one", "three"])
def test_counts_and_order(consumed: dict, name: str) -> None:
    predictions, rows = consumed["predictions"][name], consumed["rows"][name]
    assert [prediction["article_id"] for prediction in predictions] == [row[0] for row in rows]
    reasons = {"x": None, "خبر": "too_short", "News": "not_arabic"}
    assert [prediction["reason"] for prediction in predictions] == [reasons[row[1] or "x"] for row in rows]


def test_many_rows_have_the_predictions_of_single_rows(consumed: dict) -> None:
    assert consumed["n_many"] == N_MANY
    reasons = [row["reason"] for row in consumed["predictions"]["many"]]
    assert reasons == [None, "too_short", "not_arabic", "not_arabic", None]
    for row, alone in zip(consumed["predictions"]["many"], consumed["predictions"]["three"], strict=False):
        assert {name: row[name] for name in COLUMNS} == {name: alone[name] for name in COLUMNS}


def test_predictions_are_the_evaluated_ones(tiny_run: Path, consumed: dict) -> None:
    evaluated = pq.read_table(tiny_run / "data/predictions.parquet").to_pylist()
    for row, measured in zip(consumed["predictions"]["evaluated"], evaluated, strict=True):
        assert row["reason"] == measured["reason"]
        for task in ("region", "topic"):
            assert row[f"{task}s"] == measured[f"{task}_predicted"]
            assert row[f"{task}_scores"] == dict(measured[f"{task}_scores"])


@pytest.mark.parametrize("model", ["model", "models:/newsdesk@champion", "models:/newsdesk/1"])
def test_predictions_are_those_of_newsdesk_predict(
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
    names = (*COLUMNS, "article_id")
    for row, prediction in zip(predicted, consumed["predictions"]["evaluated"], strict=True):
        assert {name: row[name] for name in names} == {name: prediction[name] for name in names}
