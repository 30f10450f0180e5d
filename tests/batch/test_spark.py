"""Spark writes a job's parts: what one machine says, on a real cluster, though workers and drivers die."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import spark
from newsdesk.batch.job import MANIFEST
from newsdesk.batch.part_writer import WORK
from newsdesk.batch.spark import OnSpark
from newsdesk.tracking import mlflow_model
from tests import cluster as clusters
from tests.batch.test_job import SCORED_AT, manifest_of, predict, start
from tests.conftest import ROOT, project_env
from tests.mixed import CHUNK_ROWS, ROWS, accounts, children, same_as_alone, wait_for_parts


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """A master and two workers of one core each."""
    if reason := clusters.missing():
        pytest.skip(reason)
    with clusters.standalone(tmp_path_factory.mktemp("cluster"), workers=2) as running:
        yield running


def begin(cluster: clusters.Cluster, corpus: Path, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """Begin the job on the cluster, as a user would."""
    given = ["predict", corpus, "--output", f"{folder}/", "--engine", "spark", "--master", cluster.url]
    given += ["--chunk-rows", str(CHUNK_ROWS), "--scored-at", SCORED_AT, "--resume", *more]
    return start(*given, SPARK_LOCAL_IP=clusters.LOOPBACK, SPARK_LOCAL_DIRS=str(cluster.folder))


def test_the_same_as_one_machine(
    cluster: clusters.Cluster, mixed_corpus: Path, alone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    process = begin(cluster, mixed_corpus, folder)
    _, told = process.communicate()
    assert process.returncode == 0, told.decode()
    assert manifest_of(folder)["settings"]["engine"] == "spark"
    assert len(manifest_of(folder)["parts"]) == ROWS // CHUNK_ROWS + 1, "files of lines are read together"
    assert accounts(folder)["rows"]["refused_by_reason"] == {"bad_record": 1, "empty_file": 1}
    assert accounts(folder)["duplicate_ids"]["rows"] == 1
    same_as_alone(folder, alone)


def test_a_driver_and_a_worker_are_killed(
    cluster: clusters.Cluster, mixed_corpus: Path, alone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    driver = begin(cluster, mixed_corpus, folder)
    wait_for_parts(folder, 5, driver)
    driver.kill()
    driver.communicate()
    assert not (folder / MANIFEST).exists()
    driver = begin(cluster, mixed_corpus, folder)
    wait_for_parts(folder, 15, driver)
    victim = cluster.workers[0]
    for process in (victim.pid, *children(victim.pid)):
        os.kill(process, signal.SIGKILL)
    victim.wait()
    (folder / ".part-00049.parquet.x.part").write_bytes(b"half")  # as a killed writer leaves it
    assert len(list((folder / WORK).glob("part-*.json"))) < ROWS // CHUNK_ROWS + 1, (
        "parts were still to be written"
    )
    cluster.add_worker()  # in its place
    cluster.workers.remove(victim)  # only now: workers are named by their number
    _, told = driver.communicate()
    assert driver.returncode == 0, told.decode()
    assert "resumed with" in told.decode()
    same_as_alone(folder, alone)


def test_a_driver_that_is_told_to_stop_does(
    cluster: clusters.Cluster, mixed_corpus: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    driver = begin(cluster, mixed_corpus, folder, "--chunk-rows", "2")
    wait_for_parts(folder, 5, driver)
    driver.send_signal(signal.SIGTERM)
    _, told = driver.communicate()
    assert driver.returncode == 143, told.decode()
    assert told.decode().endswith("newsdesk: stopped by signal 15\n")
    assert not (folder / MANIFEST).exists()
    assert len(list((folder / WORK).glob("part-*.json"))) < ROWS // 2


def test_a_dead_jvm_is_told_in_a_line(
    cluster: clusters.Cluster, mixed_corpus: Path, alone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    driver = begin(cluster, mixed_corpus, folder, "--master", "local[1]")  # no executor outlives it there
    wait_for_parts(folder, 5, driver)
    for process in children(driver.pid):
        os.kill(process, signal.SIGKILL)
    _, told = driver.communicate()
    *_, last = told.decode().splitlines()
    assert driver.returncode == 2, told.decode()
    assert last.startswith(f"newsdesk: {folder}: ")
    assert last.endswith("; mend that, then go on with --resume")
    assert "Traceback" not in told.decode(), told.decode()
    driver = begin(cluster, mixed_corpus, folder)
    _, told = driver.communicate()
    assert driver.returncode == 0, told.decode()
    same_as_alone(folder, alone)


UDF = """
import json, sys
import mlflow
from pyspark.sql import SparkSession
from pyspark.sql.functions import struct

master, uri, corpus, job = sys.argv[1:]
spark = SparkSession.builder.master(master).config("spark.log.level", "ERROR").getOrCreate()
columns = "regions array<string>, topics array<string>, reason string, model_version string"
label = mlflow.pyfunc.spark_udf(spark, uri, result_type=columns, env_manager="local")
frame = spark.read.parquet(corpus).repartition(2).select("id", label(struct("title", "text")).alias("said"))
rows = {row.id: [row.said.regions, row.said.topics, row.said.reason] for row in frame.collect()}
read = spark.read.parquet(job).where("main_topic is not null").select("topics", "topic_scores", "scored_at")
first = [[row.topics, row.topic_scores, row.scored_at.isoformat()] for row in read.collect()]
print(json.dumps([rows, first]))
"""


def test_the_registered_model_as_a_udf(
    cluster: clusters.Cluster, mixed_corpus: Path, alone: Path, tmp_path: Path
) -> None:
    import mlflow

    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow_model.save(SHIPPED, tmp_path / "saved")
    client = mlflow.MlflowClient(tracking_uri=store, registry_uri=store)
    client.create_registered_model("newsdesk")
    client.create_model_version("newsdesk", (tmp_path / "saved").as_uri())
    client.set_registered_model_alias("newsdesk", "champion", "1")
    environment = project_env(
        SPARK_LOCAL_IP=clusters.LOOPBACK, MLFLOW_TRACKING_URI=store, PYSPARK_PYTHON=sys.executable, TZ="UTC"
    )
    done = subprocess.run(
        [sys.executable, "-c", UDF, cluster.url, "models:/newsdesk@champion", mixed_corpus / "a.parquet", alone],
        env=environment, capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, read = json.loads(done.stdout)
    rows = pq.read_table(next(alone.glob("part-*"))).to_pylist()
    for row in rows[:ROWS]:
        if row["region_origin"] != "section":
            regions, topics, reason = said[row["article_id"]]
            # MLflow makes the word None of a null, unless all of a batch are null
            assert [regions, topics, reason or "None"] == [
                row["regions"],
                row["topics"],
                row["reason"] or "None",
            ]
    assert len(read) == sum(row["main_topic"] is not None for row in rows), "Spark reads what a job wrote"
    topics, scores, at = read[0]
    first = next(row for row in rows if row["main_topic"])
    assert (topics, scores) == (first["topics"], dict(first["topic_scores"]))
    assert datetime.fromisoformat(at).date() == datetime.fromisoformat(SCORED_AT).date()


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taxonomy: Taxonomy) -> None:
    def engine() -> OnSpark:
        return OnSpark(SHIPPED, taxonomy, master="local", threads=1, conf={})

    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "pyspark", None)
        with pytest.raises(NewsdeskError, match=r"--engine spark needs PySpark: install newsdesk\[spark\]"):
            engine()
    pytest.importorskip("pyspark", reason="PySpark is missing: `make spark`")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NewsdeskError, match="--engine spark needs Java 17 or newer"):
        engine()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--engine", "spark"], "--engine spark is for a job: give --output FOLDER/"),
        (["--output", "out/", "--master", "local"], "--master and --conf are for --engine spark"),
        (["--output", "out/", "--engine", "spark", "--conf", "x"], "--conf x: expected KEY=VALUE"),
    ],
)
def test_wrong_options(
    given: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NewsdeskError, match=message):
        predict("predict", str(ROOT / "data/starter/pages"), *given)
    assert not list(tmp_path.iterdir())


def test_the_cause_of_an_error_is_one_line() -> None:
    said = "Traceback (most recent call last):\n  File x\nnewsdesk.errors.NewsdeskError: worker w: no\n"
    assert (
        spark._cause(Exception(f"{said}\n\tat org.Foo\nCaused by: java.lang.Exception: y")) == "worker w: no"
    )
    assert spark._cause(Exception("OSError: [Errno 28] No space left on device\n")).startswith(
        "OSError: [Errno 28]"
    )
    assert spark._cause(Exception("no more words")) == "no more words"
