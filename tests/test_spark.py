"""Spark writes a job's parts: what one machine says, on a real cluster, though workers and drivers die."""

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from newsdesk import artifacts, intake, mlmodel, readers, spark
from newsdesk.errors import NewsdeskError
from newsdesk.intake import At, Input
from newsdesk.jobs import BEGUN, DRIFT, MANIFEST, QUARANTINE
from newsdesk.labeled import Stamp
from newsdesk.parts import WORK, Order
from newsdesk.readers.refusals import Place
from newsdesk.schema import Article
from newsdesk.spark import Given, OnSpark, Unit, plan
from newsdesk.taxonomy import Taxonomy
from tests import cluster as clusters

from .conftest import ROOT, project_env
from .test_jobs import COMMAND, SCORED_AT, manifest_of, predict

ROWS = 600  # of the Parquet file, 12 of a part
ORDER = Order("", "parquet", "balanced", (), Stamp("m", "1", None, datetime(2026, 11, 27, tzinfo=UTC)), 1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """A master and two workers of one core each."""
    if reason := clusters.missing():
        pytest.skip(reason)
    with clusters.standalone(tmp_path_factory.mktemp("cluster"), workers=2) as running:
        yield running


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy) -> Path:
    """Three files of three formats with broken lines, an empty file, and an identifier that is there twice."""
    found = readers.read([ROOT / "data/starter"], sections=taxonomy.sections)
    rows = [{"id": a.article_id, "title": a.title, "text": a.text} for a in found if isinstance(a, Article)]
    folder = tmp_path_factory.mktemp("spark") / "in"
    folder.mkdir()
    pd.DataFrame(rows[:ROWS]).to_parquet(folder / "a.parquet", row_group_size=50)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows[ROWS : ROWS + 60]]
    (folder / "b.jsonl").write_text("\n".join([*lines[:30], "{", *lines[30:], lines[0]]), encoding="utf-8")
    (folder / "c.jsonl").write_text("", encoding="utf-8")
    pd.DataFrame(rows[ROWS + 60 :]).to_csv(folder / "d.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def alone(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the job on one machine."""
    folder = tmp_path_factory.mktemp("alone") / "out"
    assert predict("predict", str(corpus), "--output", f"{folder}/", "--scored-at", SCORED_AT) == 0
    return folder


def start(cluster: clusters.Cluster, corpus: Path, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """Begin the job on the cluster, as a user would."""
    given = ["predict", corpus, "--output", f"{folder}/", "--engine", "spark", "--master", cluster.url]
    given += ["--chunk-rows", "12", "--scored-at", SCORED_AT, "--resume", *more]
    environment = project_env(SPARK_LOCAL_IP=clusters.LOOPBACK, SPARK_LOCAL_DIRS=str(cluster.folder))
    command = [sys.executable, "-c", COMMAND, *map(str, given)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


def wait_for_parts(folder: Path, n: int, process: subprocess.Popen[bytes]) -> None:
    while len(list((folder / WORK).glob("part-*.json"))) < n:
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.005)
    assert not (folder / MANIFEST).exists(), "the job is at work still"


def accounts(folder: Path) -> dict[str, Any]:
    """What a job came to, however it was cut into parts."""
    manifest = manifest_of(folder)
    names = ("rows", "duplicate_ids", "inputs", "carried", "scored_at", "model", "drift")
    return {name: manifest[name] for name in names}


def same_as_alone(folder: Path, alone: Path) -> None:
    """Every row, in order, to the bit; the account, the quarantine and the report of drift."""
    ours, theirs = (ds.dataset(path, format="parquet").to_table() for path in (folder, alone))
    assert ours.equals(theirs)
    assert accounts(folder) == accounts(alone)
    for name in (QUARANTINE, DRIFT):
        assert (folder / name).read_bytes() == (alone / name).read_bytes()
    left = {path.name for path in folder.iterdir()} - {QUARANTINE, DRIFT, MANIFEST}
    assert left == {part["name"] for part in manifest_of(folder)["parts"]}, "no temporary file is left"


def test_the_same_as_one_machine(
    cluster: clusters.Cluster, corpus: Path, alone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    process = start(cluster, corpus, folder)
    _, told = process.communicate()
    assert process.returncode == 0, told.decode()
    assert manifest_of(folder)["settings"]["engine"] == "spark"
    assert len(manifest_of(folder)["parts"]) == ROWS // 12 + 1, "files of lines are read together"
    assert accounts(folder)["rows"]["refused_by_reason"] == {"bad_record": 1, "empty_file": 1}
    assert accounts(folder)["duplicate_ids"]["rows"] == 1
    same_as_alone(folder, alone)


def test_a_driver_and_a_worker_are_killed(
    cluster: clusters.Cluster, corpus: Path, alone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    driver = start(cluster, corpus, folder)
    wait_for_parts(folder, 5, driver)
    driver.kill()
    driver.communicate()
    assert not (folder / MANIFEST).exists()
    driver = start(cluster, corpus, folder)
    wait_for_parts(folder, 15, driver)
    victim = cluster.workers[0]
    for process in (victim.pid, *children(victim.pid)):
        os.kill(process, signal.SIGKILL)
    victim.wait()
    (folder / ".part-00049.parquet.x.part").write_bytes(b"half")  # as a killed writer leaves it
    assert len(list((folder / WORK).glob("part-*.json"))) < ROWS // 12 + 1, "parts were still to be written"
    cluster.add_worker()  # in its place
    cluster.workers.remove(victim)  # only now: workers are named by their number
    _, told = driver.communicate()
    assert driver.returncode == 0, told.decode()
    assert "resumed with" in told.decode()
    same_as_alone(folder, alone)


def test_a_driver_that_is_told_to_stop_does(cluster: clusters.Cluster, corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    driver = start(cluster, corpus, folder, "--chunk-rows", "2")
    wait_for_parts(folder, 5, driver)
    driver.send_signal(signal.SIGTERM)
    _, told = driver.communicate()
    assert driver.returncode == 143, told.decode()
    assert told.decode().endswith("newsdesk: stopped by signal 15\n")
    assert not (folder / MANIFEST).exists()
    assert len(list((folder / WORK).glob("part-*.json"))) < ROWS // 2


def test_a_dead_jvm_is_told_in_a_line(
    cluster: clusters.Cluster, corpus: Path, alone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    driver = start(cluster, corpus, folder)
    wait_for_parts(folder, 5, driver)
    for process in children(driver.pid):
        os.kill(process, signal.SIGKILL)
    _, told = driver.communicate()
    *_, last = told.decode().splitlines()
    assert driver.returncode == 2, told.decode()
    assert last.startswith(f"newsdesk: {folder}: ")
    assert last.endswith("; mend that, then go on with --resume")
    assert "Traceback" not in told.decode()
    driver = start(cluster, corpus, folder)
    _, told = driver.communicate()
    assert driver.returncode == 0, told.decode()
    same_as_alone(folder, alone)


def children(pid: int) -> list[int]:
    """The processes that a worker has started: its executors, and the Python of these."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    own = [int(line) for line in found.stdout.split()]
    return own + [grandchild for child in own for grandchild in children(child)]


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
    cluster: clusters.Cluster, corpus: Path, alone: Path, tmp_path: Path
) -> None:
    import mlflow

    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlmodel.save(artifacts.SHIPPED, tmp_path / "saved")
    client = mlflow.MlflowClient(tracking_uri=store, registry_uri=store)
    client.create_registered_model("newsdesk")
    client.create_model_version("newsdesk", (tmp_path / "saved").as_uri())
    client.set_registered_model_alias("newsdesk", "champion", "1")
    environment = project_env(
        SPARK_LOCAL_IP=clusters.LOOPBACK, MLFLOW_TRACKING_URI=store, PYSPARK_PYTHON=sys.executable, TZ="UTC"
    )
    done = subprocess.run(
        [sys.executable, "-c", UDF, cluster.url, "models:/newsdesk@champion", corpus / "a.parquet", alone],
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


def test_how_inputs_are_cut(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = intake.find([str(corpus)])
    assert plan(found, 1000) == [Unit(At(0), 4)], "all of them together are few"
    assert plan(found, ROWS) == [Unit(At(0), 4)]
    starts = [Unit(At(0, 0), 1, 250), Unit(At(0, 250), 1, 250), Unit(At(0, 500), 1)]
    assert plan(found, 250) == [*starts, Unit(At(1), 3)]
    monkeypatch.setattr(spark, "UNIT_BYTES", 1)
    assert plan(found, 1000) == [Unit(At(number), 1) for number in range(4)]


def test_a_footer_that_lies_loses_no_row_and_a_refused_file_is_one(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = intake.find([str(corpus / "a.parquet")])
    monkeypatch.setattr(spark, "count_parquet_rows", lambda path: 100)
    assert plan(found, 40) == [Unit(At(0, 0), 1, 40), Unit(At(0, 40), 1, 40), Unit(At(0, 80), 1)], (
        "all the rest"
    )
    pd.DataFrame({"headline": ["x"] * 100}).to_parquet(tmp_path / "b.parquet")
    assert plan(intake.find([str(tmp_path / "b.parquet")]), 40) == [Unit(At(0), 1)]


def given_of(corpus: Path, folder: Path, taxonomy: Taxonomy) -> Given:
    inputs = intake.find([str(corpus)])
    (folder / WORK).mkdir(parents=True)
    (folder / WORK / BEGUN).write_text("{}", encoding="utf-8")
    sizes = [given.path.stat().st_size for given in inputs if given.path]
    return Given(
        folder, inputs, [Unit(At(1), 3)], sizes, replace(ORDER, job=artifacts.sha256(folder / WORK / BEGUN)), taxonomy, 1,
        spark._packed(artifacts.SHIPPED), "", spark._code_sha256(),
    )  # fmt: skip


def refuse_csv(path: Path, *arguments: Any, **more: Any) -> Any:
    """`Path.open`, where files of CSV are another user's."""
    if path.suffix == ".csv":
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return open(path, *arguments, **more)  # noqa: PTH123


def test_a_model_older_than_zip_is_packed(tmp_path: Path) -> None:
    """Zip's time begins in 1980; files of an image of a container are often of 1970."""
    shutil.copytree(artifacts.SHIPPED, tmp_path / "model")
    for file in artifacts.files_in(tmp_path / "model"):
        os.utime(file, (0, 0))
    packed = zipfile.ZipFile(io.BytesIO(spark._packed(tmp_path / "model")))
    packed.extractall(tmp_path / "again")
    assert artifacts.sha256(tmp_path / "again") == artifacts.sha256(artifacts.SHIPPED)


def test_a_worker_that_sees_less_refuses(
    corpus: Path, taxonomy: Taxonomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would take a file that is not mounted for an unreadable one, and quarantine it."""
    given = given_of(corpus, tmp_path, taxonomy)
    assert spark.write_unit(given, 0).rows == 117, "all but the Parquet file, the broken line left out"
    with pytest.raises(NewsdeskError, match=r"does not see the job in .*: is that shared storage"):
        spark.write_unit(replace(given, folder=tmp_path / "elsewhere"), 0)
    gone = [*given.inputs[:3], Input(Place("d", "d.csv"), tmp_path / "d.csv")]
    with pytest.raises(NewsdeskError, match=r"does not see .*d\.csv as it was when the job began"):
        spark.write_unit(replace(given, inputs=gone), 0)
    with monkeypatch.context() as patched:  # a worker's user may read less than the driver's
        patched.setattr(Path, "open", refuse_csv)
        with pytest.raises(NewsdeskError, match=r"does not see .*d\.csv as it was when the job began"):
            spark.write_unit(given, 0)
    with pytest.raises(NewsdeskError, match="runs another version of newsdesk"):
        spark.write_unit(replace(given, code="0" * 64), 0)


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taxonomy: Taxonomy) -> None:
    def engine() -> OnSpark:
        return OnSpark(artifacts.SHIPPED, taxonomy, master="local", threads=1, conf={})

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
