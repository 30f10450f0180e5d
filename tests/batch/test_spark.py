"""The Spark engine on a real cluster: its parts equal those of one machine, even if workers and drivers die."""

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
from newsdesk.batch import spark
from newsdesk.batch.manifest import MANIFEST
from newsdesk.tracking import mlflow_model
from tests import ROOT
from tests import cluster as clusters
from tests.commands import project_env
from tests.jobs import (
    PARQUET_ROWS,
    SCORED_AT,
    arguments,
    check_same_rows,
    children,
    last_line,
    manifest_of,
    n_checkpoints,
    predict,
    start,
    wait_for_parts,
)

SMALL_PART = 3  # rows; so many parts that the job is still running when it is killed


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """A master and two workers of one core each."""
    if reason := clusters.missing():
        pytest.skip(reason)
    with clusters.standalone(tmp_path_factory.mktemp("cluster"), workers=2) as running:
        yield running


STOP_IN_A_CALL = """
import os, signal
from py4j.clientserver import ClientServerConnection
from py4j.protocol import ARRAY_COMMAND_NAME, ARRAY_LEN_SUB_COMMAND_NAME

class StoppingStream:
    def __init__(self, stream):
        self.stream = stream

    def readline(self):
        os.kill(os.getpid(), signal.SIGTERM)
        return self.stream.readline()

def send_command(connection, command):
    stream = connection.stream
    if is_polled and command.startswith(ARRAY_COMMAND_NAME + ARRAY_LEN_SUB_COMMAND_NAME):
        connection.stream = StoppingStream(stream)
    if "getActiveStageIds" in command:  # returns an array, whose length is asked for next
        is_polled.append(True)
    try:
        return send(connection, command)
    finally:
        connection.stream = stream

is_polled = []
send = ClientServerConnection.send_command
ClientServerConnection.send_command = send_command
"""


def begin(
    cluster: clusters.Cluster, corpus: Path, folder: Path, *more: str, before: str = ""
) -> subprocess.Popen[bytes]:
    """Begin or resume the job on the cluster."""
    given = arguments(corpus, folder, "--engine", "spark", "--master", cluster.url)
    given += ["--chunk-rows", str(SMALL_PART), "--resume", *more]
    return start(
        *given, before=before, SPARK_LOCAL_IP=clusters.LOOPBACK, SPARK_LOCAL_DIRS=str(cluster.folder)
    )


def finish(driver: subprocess.Popen[bytes]) -> str:
    _, err = driver.communicate()
    assert driver.returncode == 0, err.decode()
    return err.decode()


@pytest.mark.integration
def test_a_stopped_job_resumes_and_equals_that_of_one_machine(
    cluster: clusters.Cluster, job_corpus: Path, finished_job: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    driver = begin(cluster, job_corpus, folder)
    wait_for_parts(folder, 5, driver)
    driver.send_signal(signal.SIGTERM)
    _, err = driver.communicate()
    assert driver.returncode == 143, err.decode()
    assert err.decode().endswith("newsdesk: stopped by signal 15\n")
    assert not (folder / MANIFEST).exists()
    assert n_checkpoints(folder) < PARQUET_ROWS // SMALL_PART
    assert "resumed with" in finish(begin(cluster, job_corpus, folder))
    assert manifest_of(folder)["settings"]["engine"] == "spark"
    assert len(manifest_of(folder)["parts"]) == PARQUET_ROWS // SMALL_PART + 1, "files of lines are one part"
    check_same_rows(folder, finished_job)


@pytest.mark.integration
def test_a_job_can_be_stopped_in_the_middle_of_a_call_of_spark(
    cluster: clusters.Cluster, job_corpus: Path, tmp_path: Path
) -> None:
    driver = begin(cluster, job_corpus, tmp_path / "out", before=STOP_IN_A_CALL)
    _, err = driver.communicate()
    assert driver.returncode == 143, err.decode()
    assert err.decode().endswith("newsdesk: stopped by signal 15\n")


@pytest.mark.integration
def test_a_killed_driver_and_a_killed_worker_lose_nothing(
    cluster: clusters.Cluster, job_corpus: Path, finished_job: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    driver = begin(cluster, job_corpus, folder)
    wait_for_parts(folder, 5, driver)
    driver.kill()
    driver.communicate()
    assert not (folder / MANIFEST).exists()
    driver = begin(cluster, job_corpus, folder)
    wait_for_parts(folder, 15, driver)
    victim = cluster.workers[0]
    for process in (victim.pid, *children(victim.pid)):
        os.kill(process, signal.SIGKILL)
    victim.wait()
    (folder / ".part-00039.parquet.x.part").write_bytes(b"half")  # as a killed writer leaves it
    assert n_checkpoints(folder) < PARQUET_ROWS // SMALL_PART + 1, "the job was still running"
    cluster.add_worker()  # in its place
    cluster.workers.remove(victim)  # only now, as workers are named by their number
    assert "resumed with" in finish(driver)
    check_same_rows(folder, finished_job)


@pytest.mark.integration
def test_a_dead_jvm_is_one_line(cluster: clusters.Cluster, job_corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    driver = begin(cluster, job_corpus, folder, "--master", "local[1]")  # where no executor outlives it
    wait_for_parts(folder, 5, driver)
    for process in children(driver.pid):
        os.kill(process, signal.SIGKILL)
    _, err = driver.communicate()
    assert driver.returncode == 2, err.decode()
    assert last_line(err).startswith(f"newsdesk: {folder}: ")
    assert last_line(err).endswith("run again with --resume")


UDF = """
import json, sys
from functools import reduce
import mlflow
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import expr, lit, struct

master, uri, corpus, job = sys.argv[1:]
spark = SparkSession.builder.master(master).config("spark.log.level", "ERROR").getOrCreate()
label = mlflow.pyfunc.spark_udf(spark, uri, env_manager="local")
articles = spark.read.parquet(corpus).select("id", "title", "text")
one = articles.limit(1)
without = [
    one.withColumns({"id": lit("without " + " and ".join(names)), **{n: lit(None).cast("string") for n in names}})
    for names in (["title"], ["text"], ["title", "text"])
]
frame = reduce(DataFrame.union, without, articles).repartition(2).withColumn("said", label(struct("title", "text")))
frame = frame.withColumn("reason", expr("nullif(said.reason, 'None')"))  # MLflow makes a word of a null
frame = frame.withColumn("main_region", expr("get(said.regions, 0)"))
rows = {row.id: [row.said.regions, row.said.topics, row.reason, row.main_region] for row in frame.collect()}
direct = frame.select("id", "title", "text").toPandas()
said = mlflow.pyfunc.load_model(uri).predict(direct[["title", "text"]])
for row in said.assign(id=direct["id"]).to_dict("records"):
    assert rows[row["id"]] == [row[name] for name in ("regions", "topics", "reason", "main_region")], row
assert len(rows) == articles.count() + 3
read = spark.read.parquet(job).where("main_topic is not null").select("topics", "topic_scores", "scored_at")
labelled = [[row.topics, row.topic_scores, row.scored_at.isoformat()] for row in read.collect()]
print(json.dumps([rows, labelled]))
"""


@pytest.mark.integration
def test_the_registered_model_as_a_udf(
    cluster: clusters.Cluster, job_corpus: Path, finished_job: Path, tmp_path: Path
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
    corpus = job_corpus / "a.parquet"
    done = subprocess.run(
        [sys.executable, "-c", UDF, cluster.url, "models:/newsdesk@champion", corpus, finished_job],
        env=environment, capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    labels, read = json.loads(done.stdout)
    rows = [row for part in sorted(finished_job.glob("part-*")) for row in pq.read_table(part).to_pylist()]
    for row in rows[:PARQUET_ROWS]:
        if row["region_origin"] != "section":
            expected = [row[name] for name in ("regions", "topics", "reason", "main_region")]
            assert labels[row["article_id"]] == expected
    assert len(read) == sum(row["main_topic"] is not None for row in rows), "Spark reads the parts of a job"
    first = next(row for row in rows if row["main_topic"])  # Spark may read the parts in another order
    times = [at for *labels, at in read if labels == [first["topics"], dict(first["topic_scores"])]]
    assert times
    assert datetime.fromisoformat(times[0]).date() == datetime.fromisoformat(SCORED_AT).date()


def test_missing_pyspark_or_java_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "pyspark", None)
        with pytest.raises(NewsdeskError, match=r"--engine spark needs PySpark: install newsdesk\[spark\]"):
            spark.check_installed()
    pytest.importorskip("pyspark", reason="PySpark is missing: `make spark`")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NewsdeskError, match="--engine spark needs Java 17 or newer"):
        spark.check_installed()


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
    chain = "Traceback (most recent call last):\n  File x\nnewsdesk.base.errors.NewsdeskError: worker w: no\n"
    error = Exception(f"{chain}\n\tat org.Foo\nCaused by: java.lang.Exception: y")
    assert spark._find_cause(error) == "worker w: no"
    full = Exception("OSError: [Errno 28] No space left on device\n")
    assert spark._find_cause(full).startswith("OSError: [Errno 28]")
    assert spark._find_cause(Exception("no known cause")) == "no known cause"
