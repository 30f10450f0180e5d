"""`newsdesk drift`: references and checks of articles and of outputs, exit codes, wrong files."""

import json
from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.batch import output_reader
from newsdesk.cli.operate.drift import main
from tests import ROOT
from tests.jobs import predict

STARTER = [str(ROOT / f"data/starter/st{k}.jsonl") for k in range(1, 6)]


def call(*arguments: object) -> None:
    main.main([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drift") / "drift.json"
    call("reference", "--articles", STARTER[0], "--articles", STARTER[1], "--output", path)
    return path


def test_another_language_is_drift(
    reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    call("check", STARTER[2], "--reference", reference, "--report", report, "--fail-on-drift")
    assert json.loads(report.read_text())["verdict"] == "quiet"
    assert "drift: quiet (120 rows against 240)" in capsys.readouterr().err
    foreign = tmp_path / "foreign.jsonl"
    line = json.dumps({"text": "The council voted on the bridge and the river. " * 5})
    foreign.write_text(f"{line}\n" * 30, encoding="utf-8")
    call("check", STARTER[2], foreign, "--reference", reference)  # exit code 0 without --fail-on-drift
    assert "drift: drift: language (150 rows against 240)" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        call("check", STARTER[2], foreign, "--reference", reference, "--fail-on-drift")
    assert ended.value.code == 4


def test_a_job_rejects_a_bad_reference_before_it_starts(reference: Path, tmp_path: Path) -> None:
    good, path = json.loads(reference.read_text()), tmp_path / "bad.json"
    others = {task: [*labels[:-1], "other"] for task, labels in good["heads"].items()}
    for changed, message in (
        ({"limits": good["limits"] | {"length": float("inf")}}, r"bad\.json: Out of range float"),
        ({"heads": others}, r"bad\.json: its labels are not the model's"),
        ({"limits": None}, r"bad\.json: no drift reference as"),
    ):
        path.write_text(json.dumps(good | changed))
        with pytest.raises(NewsdeskError, match=message):
            predict("predict", STARTER[2], "--output", f"{tmp_path}/out/", "--reference", str(path))
        assert [left.name for left in tmp_path.iterdir()] == ["bad.json"]


def test_outputs_and_articles_give_the_same_report(reference: Path, tmp_path: Path) -> None:
    inputs: list[object] = [STARTER[2]]
    for name in ("labels.parquet", "labels.jsonl", "labels.csv"):
        predict("predict", STARTER[2], "--output", str(tmp_path / name))
        inputs.append(tmp_path / name)
    reports = []
    for given in inputs:
        call("check", given, "--reference", reference, "--report", tmp_path / "report.json")
        reports.append(json.loads((tmp_path / "report.json").read_text())["quantities"])
    of_text = {"length", "unknown"}
    of_labels = [[row for row in report if row["quantity"] not in of_text] for report in reports]
    assert of_labels[0] == of_labels[1] == of_labels[2] == of_labels[3]
    assert {row["quantity"] for row in reports[1] if row["verdict"] == "too_few"} == of_text


def test_wrong_references(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match=r"none\.json: no such reference; make one with"):
        call("check", STARTER[0], "--reference", tmp_path / "none.json")
    other = json.loads(reference.read_text())
    other["model"]["weights_sha256"] = "f" * 64
    (tmp_path / "other.json").write_text(json.dumps(other))
    with pytest.raises(NewsdeskError, match=r"made with model newsdesk \S+ \(ffffffffffff\), not with"):
        call("check", STARTER[0], "--reference", tmp_path / "other.json")
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(NewsdeskError, match=r"bad\.json: no drift reference as"):
        call("check", STARTER[0], "--reference", tmp_path / "bad.json")


def test_damaged_outputs(reference: Path, tmp_path: Path) -> None:
    labels, parts = tmp_path / "labels.jsonl", tmp_path / "parts"
    empty: dict[str, object] = {name: [] for name in output_reader.COLUMNS}
    row = json.dumps(empty | {"article_id": "1", "region_scores": {}, "topic_scores": {}, "reason": None})
    labels.write_text(row + "\n{\n")
    with pytest.raises(NewsdeskError, match=r"labels\.jsonl: not readable .*JSONDecodeError"):
        call("check", labels, "--reference", reference)
    parts.mkdir()
    (parts / "1.jsonl").write_text(row + "\n")
    assert [read.article_id for read in output_reader.read_output(parts)] == ["1"]
    (parts / "2.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(NewsdeskError, match=r"2\.parquet: not readable: ArrowInvalid"):
        list(output_reader.read_output(parts))
    with pytest.raises(NewsdeskError, match="no output of `newsdesk predict`"):
        list(output_reader.read_output(Path(STARTER[0])))
