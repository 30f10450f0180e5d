"""Drift: hand-worked numbers, quiet where nothing changed, told where something did, and the command."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, read_model
from newsdesk.batch import output_reader
from newsdesk.cli.operate.drift import main
from newsdesk.monitoring.counts import Tally
from newsdesk.monitoring.drift import (
    LIMITS,
    build_reference,
    cells_of_equal_mass,
    compare,
    describe,
    difference_interval,
    measure,
    psi,
)
from tests.batch.test_job import predict
from tests.conftest import ROOT
from tests.monitoring.test_counts import HEADS, said, silent

MODEL = {"name": "m", "version": "1", "weights_sha256": "0" * 64}
STARTER = [str(ROOT / f"data/starter/st{k}.jsonl") for k in range(1, 6)]


def test_psi_by_hand() -> None:
    """Half and half against four and six tenths: -0.1 ln 0.8 + 0.1 ln 1.2, in either direction."""
    p, q = np.array([0.5, 0.5]), np.array([0.4, 0.6])
    assert psi(p, q) == pytest.approx(-0.1 * np.log(0.8) + 0.1 * np.log(1.2))
    assert psi(p, q) == pytest.approx(psi(q, p))
    assert psi(p, p) == 0


def test_difference_of_shares_as_published() -> None:
    """56 of 70 less 48 of 80: 0.0524 to 0.3339 by method 10 (Newcombe 1998, table II)."""
    low, high = difference_interval(48, 80, 56, 70)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_chance_is_what_samples_of_one_population_show() -> None:
    """On average (n_cells - 1) (1/n + 1/m), the mean of Yurdakul's chi-square."""
    rng = np.random.default_rng(0)
    shares = np.full(8, 1 / 8)
    drawn = [
        measure(rng.multinomial(2000, shares), rng.multinomial(500, shares), n_bootstrap=200, seed=[i])
        for i in range(200)
    ]
    expected = 7 * (1 / 2000 + 1 / 500)
    assert np.mean([value for value, _, _ in drawn]) == pytest.approx(expected, rel=0.15)
    assert np.mean([chance for _, chance, _ in drawn]) == pytest.approx(expected, rel=0.15)
    above = [np.quantile(draws, 0.025) > 0 for _, _, draws in drawn]
    assert np.mean(above) <= 0.05


def test_cells_hold_about_as_much_each() -> None:
    counts = np.array([5, 0, 0, 5, 10, 50, 10, 10, 10])
    cells = cells_of_equal_mass(counts, 5)
    assert np.diff(cells).min() >= 0, "neighbours stay neighbours"
    assert cells[0] == 0
    assert len(np.unique(cells)) == cells[-1] + 1, "no number is left out"
    assert cells_of_equal_mass(np.zeros(4, np.int64)).tolist() == [0] * 4


def tally(rows: Sequence, length: int = 500) -> Tally:
    counted = Tally(HEADS)
    counted.update(rows, titles=[""] * len(rows), texts=["ا" * (length + i % 50) for i in range(len(rows))])
    return counted


USUAL = [*[said(["us"], ["sport"], us=0.8)] * 60, *[said(["asia"], [], asia=0.9)] * 40] * 4


@pytest.mark.parametrize(
    ("rows", "length", "drifted"),
    [
        (USUAL, 500, []),
        (USUAL[:100], 500, []),
        (USUAL, 5000, ["length"]),
        ([*USUAL, *[silent("not_arabic")] * 40], 500, ["language"]),
        ([*USUAL, *[silent("no_evidence")] * 100], 500, ["abstention", "region"]),
        ([said(["asia"], [], asia=0.9)] * 300, 500, ["region", "topic", "region_scores"]),
        ([said(["us"], ["sport"], us=0.8, sport=0.7)] * 240 + USUAL[60:100] * 4, 500, ["topic_scores"]),
    ],
)
def test_what_changed_is_told(rows: list, length: int, drifted: list[str]) -> None:
    report = compare(describe(tally(USUAL), model=MODEL, made_of={}), tally(rows, length))
    assert report["drifted"] == drifted
    assert report["verdict"] == ("drift" if drifted else "quiet")
    assert [row["quantity"] for row in report["quantities"]] == list(LIMITS)
    assert json.loads(json.dumps(report)) == report


def test_a_handful_tells_nothing() -> None:
    report = compare(describe(tally(USUAL), model=MODEL, made_of={}), tally(USUAL[-10:]))
    assert report["verdict"] == "too_few"


def test_what_is_no_reference_is_refused() -> None:
    good = describe(tally(USUAL), model=MODEL, made_of={})
    with pytest.raises(ValueError, match="reference of format 9, this version reads 1"):
        compare(good | {"format": 9}, tally(USUAL))
    with pytest.raises(ValueError, match="no reference: it lacks 'limits'"):
        compare({name: value for name, value in good.items() if name != "limits"}, tally(USUAL))
    with pytest.raises(ValueError, match="the reference is of a model with other labels"):
        compare(good, Tally({"region": ("us",), "topic": ("sport",)}))


def test_the_reference_of_a_model_leaves_out_what_it_learned() -> None:
    lines = [json.loads(line) for line in Path(STARTER[0]).read_text(encoding="utf-8").splitlines()[:40]]
    articles = pa.table(
        {
            "title": [line["title"] for line in lines],
            "text": [line["text"] for line in lines],
            "source": ["a"] * 20 + ["b"] * 20,
            "group_id": [f"g{k // 2}" for k in range(40)],
            "split": ["train"] * 30 + ["evaluation"] * 10,
        }
    )
    scorer = read_model(SHIPPED)
    made = build_reference(articles, scorer, trained={"g0", "g1"}, model=MODEL)
    assert made["made_of"] == {"sources": {"a": 16, "b": 10}}
    assert sum(made["counts"]["language"]) == 26
    assert sum(made["counts"]["unknown"]) == 26, "every article's words are looked up"
    with pytest.raises(ValueError, match="the model learned all of them"):
        build_reference(articles, scorer, trained={f"g{k}" for k in range(20)}, model=MODEL)


def call(*arguments: object) -> None:
    main.main([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drift") / "drift.json"
    call("reference", "--articles", STARTER[0], "--articles", STARTER[1], "--output", path)
    return path


def test_the_command_tells_another_language(
    reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    call("check", STARTER[2], "--reference", reference, "--report", report, "--fail-on-drift")
    assert json.loads(report.read_text())["verdict"] == "quiet"
    assert "drift: quiet (120 rows against 240)" in capsys.readouterr().err
    foreign = tmp_path / "foreign.jsonl"
    line = json.dumps({"text": "The council voted on the bridge and the river. " * 5})
    foreign.write_text(f"{line}\n" * 30, encoding="utf-8")
    call("check", STARTER[2], foreign, "--reference", reference)  # told, and no failure unless asked for
    assert "drift: drift: language (150 rows against 240)" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        call("check", STARTER[2], foreign, "--reference", reference, "--fail-on-drift")
    assert ended.value.code == 4


def test_a_job_refuses_a_bad_reference_before_it_begins(reference: Path, tmp_path: Path) -> None:
    good, path = json.loads(reference.read_text()), tmp_path / "bad.json"
    others = {task: [*labels[:-1], "other"] for task, labels in good["heads"].items()}
    for changed, message in (
        ({"limits": good["limits"] | {"length": float("inf")}}, r"bad\.json: Out of range float"),
        ({"heads": others}, r"bad\.json: of other labels than the model's; make it anew"),
        ({"limits": None}, r"bad\.json: no reference: "),
    ):
        path.write_text(json.dumps(good | changed))
        with pytest.raises(NewsdeskError, match=message):
            predict("predict", STARTER[2], "--output", f"{tmp_path}/out/", "--reference", str(path))
        assert [left.name for left in tmp_path.iterdir()] == ["bad.json"]


def test_labels_and_articles_tell_the_same(reference: Path, tmp_path: Path) -> None:
    reports = []
    for name in ("labels.parquet", "labels.jsonl", "labels.csv"):
        predict("predict", STARTER[2], "--output", str(tmp_path / name))
    for given in (STARTER[2], *(tmp_path / f"labels.{form}" for form in ("parquet", "jsonl", "csv"))):
        call("check", given, "--reference", reference, "--report", tmp_path / "report.json")
        reports.append(json.loads((tmp_path / "report.json").read_text()))
    of_text = {"length", "unknown"}
    told = [[q for q in report["quantities"] if q["quantity"] not in of_text] for report in reports]
    assert told[0] == told[1] == told[2] == told[3]
    silent_of = {q["quantity"] for q in reports[1]["quantities"] if q["verdict"] == "too_few"}
    assert silent_of == of_text


def test_the_user_s_mistakes(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match=r"none\.json: no such reference; make one with"):
        call("check", STARTER[0], "--reference", tmp_path / "none.json")
    other = json.loads(reference.read_text())
    other["model"]["weights_sha256"] = "f" * 64
    (tmp_path / "other.json").write_text(json.dumps(other))
    with pytest.raises(NewsdeskError, match=r"made with model newsdesk \S+ \(ffffffffffff\), not with"):
        call("check", STARTER[0], "--reference", tmp_path / "other.json")
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(NewsdeskError, match="no reference as `newsdesk drift reference` makes it"):
        call("check", STARTER[0], "--reference", tmp_path / "bad.json")
    labels = tmp_path / "labels.jsonl"
    row = {name: [] for name in output_reader.COLUMNS} | {
        "article_id": "1",
        "region_scores": {},
        "topic_scores": {},
    }
    labels.write_text(json.dumps(row | {"reason": None}) + "\n{\n")
    with pytest.raises(NewsdeskError, match=r"labels\.jsonl: not readable behind row 1: JSONDecodeError"):
        call("check", labels, "--reference", reference)
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "1.jsonl").write_text(json.dumps(row | {"reason": None}) + "\n")
    assert [read.article_id for read in output_reader.read_output(parts)] == ["1"]
    (parts / "2.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(NewsdeskError, match=r"2\.parquet: not readable: ArrowInvalid"):
        list(output_reader.read_output(parts))
    with pytest.raises(NewsdeskError, match="no output of `newsdesk predict`"):
        list(output_reader.read_output(Path(STARTER[0])))
