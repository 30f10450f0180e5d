"""Corrections: each format, each reason for a refusal, merging, and the command."""

import json
from pathlib import Path
from typing import Any

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.cli.operate.review import main
from newsdesk.corpus.label_tables import read_label_table
from newsdesk.review.corrections import COLUMNS, MergeResult, format_table, merge, read_table
from newsdesk.review.formats import Correction, RefusedRecord, parse_record
from tests import ROOT

DATA = {
    "article_id": "o:1", "outlet": "o", "key": "1", "stratum": "random", "probability": 0.25, "model": "newsdesk 1",
    "predicted_regions": "us|europe", "predicted_topics": "none",
}  # fmt: skip


def annotation(
    regions: list[str], topics: list[str], *, by: Any = 7, time: str = "2026-01-02T03:04:05.6Z", **more: Any
) -> dict:
    result = [
        {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": labels}}
        for name, labels in (("regions", regions), ("topics", topics))
        if labels
    ]
    return {"completed_by": by, "updated_at": time, "result": result, **more}


def test_label_studio() -> None:
    """Choices have the order of the configuration; the predicted main label stays first."""
    record = {
        "data": DATA,
        "annotations": [annotation(["europe", "us", "asia"], ["none"], by={"email": "a@b.c"})],
    }
    (found,) = parse_record(record)
    assert found == Correction(
        "o",
        "1",
        ("us", "europe", "asia"),
        (),
        "a@b.c",
        "2026-01-02T03:04:05Z",
        "newsdesk 1",
        "random",
        "0.25",
    )


@pytest.mark.parametrize("labels", [["us", "asia"], "us|asia"])
def test_lines_and_csv_keep_their_order(labels: Any) -> None:
    (found,) = parse_record(
        {**DATA, "regions": labels, "topics": "none", "reviewer": "", "reviewed_at": ""}, reviewer="me"
    )
    assert isinstance(found, Correction)
    assert (found.regions, found.topics, found.reviewer) == (("us", "asia"), (), "me")


@pytest.mark.parametrize(
    ("record", "reason", "detail"),
    [
        ({"data": DATA}, "not_reviewed", ""),
        ({**DATA, "regions": "us", "topics": "none"}, "not_reviewed", ""),
        ({"data": DATA, "annotations": [annotation(["us"], ["none"], was_cancelled=True)]}, "skipped", ""),
        ({"data": DATA, "annotations": [annotation(["us"], [])]}, "unanswered", "no topics; write 'none'"),
        ({"data": {}, "annotations": [annotation(["us"], ["none"])]}, "no_article", "no outlet or no key"),
        ({**DATA, "regions": "us|us", "topics": "none", "reviewer": "x"}, "bad_record", "us|us names a label twice"),
        ({**DATA, "regions": "us|none", "topics": "none", "reviewer": "x"}, "bad_record", "none beside one"),
        ({**DATA, "key": "a\tb", "regions": "us", "topics": "none", "reviewer": "x"}, "bad_record", "a tab"),
        ({**DATA, "regions": 3, "topics": "none", "reviewer": "x"}, "bad_record", "expected a list of labels, found 3"),
        ([], "bad_record", "expected a record with names, found a list"),
    ],
)  # fmt: skip
def test_refused_records(record: Any, reason: str, detail: str) -> None:
    (found,) = parse_record(record)
    assert isinstance(found, RefusedRecord)
    assert found.reason == reason
    assert detail in found.detail


def correction(key: str, regions: tuple[str, ...] = ("us",), *, by: str = "a", time: str = "") -> Correction:
    return Correction("o", key, regions, (), by, time, "newsdesk 1", "random", "0.25")


def merged(
    table: list, *records: Correction, taxonomy: Taxonomy, now: str = "2026-06-01T00:00:00Z"
) -> MergeResult:
    return merge(table, list(enumerate(records, 1)), taxonomy, batch="b", now=now)


def test_the_last_correction_is_kept(taxonomy: Taxonomy) -> None:
    late, early = (
        correction("1", (region,), by=by, time=f"2026-0{month}-01T00:00:00Z")
        for region, by, month in (("us", "a", 3), ("asia", "b", 2))
    )
    found = merged([], late, early, correction("2"), correction("3", ("mars",)), taxonomy=taxonomy)
    assert [row["regions"] for row in found.rows] == ["us", "us"]
    assert (found.n_read, found.outcomes) == (4, {"added": 2, "superseded": 1})
    ((position, refused),) = found.refused
    assert (position, refused.reason) == (4, "unknown_label")
    assert refused.detail.startswith("'mars' is not in the taxonomy; expected one of europe")
    assert found.conflicts == ["o 1: us / none (a); asia / none (b); kept: us / none (a)"]
    again = merged(found.rows, early, taxonomy=taxonomy)
    assert again.rows == found.rows, "an older correction changes nothing"
    assert (again.outcomes["superseded"], len(again.conflicts)) == (1, 1)
    newer = correction("1", ("asia",), by="b", time="2026-04-01T00:00:00Z")
    changed = merged(found.rows, newer, taxonomy=taxonomy)
    assert (changed.rows[0]["regions"], changed.outcomes["changed"]) == ("asia", 1)


def test_merging_again_changes_nothing(taxonomy: Taxonomy) -> None:
    records = [
        correction("1"),
        correction("2", ("asia", "us"), time="2026-03-01T00:00:00Z"),
        correction("1", ("asia",)),
    ]
    once = merged([], *records, taxonomy=taxonomy)
    twice = merged(once.rows, *records, taxonomy=taxonomy, now="2027-01-01T00:00:00Z")
    assert twice.rows == once.rows
    assert twice.outcomes == {"unchanged": 2, "superseded": 1}


def test_the_command_writes_a_table_that_clean_reads(
    tmp_path: Path, taxonomy: Taxonomy, capsys: pytest.CaptureFixture[str]
) -> None:
    queue, labels, refused = (tmp_path / name for name in ("done.json", "review.tsv", "refused.jsonl"))
    records = [
        {"data": DATA, "annotations": [annotation(["us"], ["sport"])]},
        {"data": DATA | {"key": "2"}, "annotations": [annotation(["moon"], ["sport"])]},
        {"data": DATA | {"key": "3"}},
    ]
    queue.write_text(json.dumps(records), encoding="utf-8")
    arguments = [
        "merge",
        queue,
        "--labels",
        labels,
        "--refused",
        refused,
        "--taxonomy",
        ROOT / "data/taxonomy.yaml",
    ]
    main.main([str(a) for a in arguments], standalone_mode=False)
    shown = capsys.readouterr().err
    assert "refused: " in shown
    assert "done.json:2: unknown_label: 'moon' is not in the taxonomy" in shown
    assert "read 3: added 1, changed 0, unchanged 0, superseded 0" in shown
    assert "refused: not_reviewed 1, unknown_label 1" in shown
    assert [json.loads(line)["position"] for line in refused.read_text().splitlines()] == [2, 3]
    (reading,) = read_label_table(labels, taxonomy, "review").values()
    assert (reading.region, reading.topic, reading.origin) == (("us",), ("sport",), "review")
    before = labels.read_bytes()
    main.main([str(a) for a in arguments], standalone_mode=False)
    assert labels.read_bytes() == before
    (row,) = read_table(labels)
    assert (row["reviewer"], row["model"], row["stratum"], row["batch"]) == (
        "7",
        "newsdesk 1",
        "random",
        "done",
    )


def test_wrong_files(tmp_path: Path) -> None:
    path = tmp_path / "review.tsv"
    path.write_text("outlet\tkey\n", encoding="utf-8")
    with pytest.raises(NewsdeskError, match="expected the columns outlet, key, regions"):
        read_table(path)
    path.write_text(format_table([dict.fromkeys(COLUMNS, "x")]) + "short\tline\n", encoding="utf-8")
    with pytest.raises(NewsdeskError, match=r"review\.tsv:3: expected 11 columns"):
        read_table(path)
    for name, content, message in (
        ("q.json", "{}", "expected a list of records, found dict"),
        ("q.jsonl", "{", "not readable"),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(NewsdeskError, match=message):
            main.main(
                ["merge", str(tmp_path / name), "--labels", str(tmp_path / "r.tsv")], standalone_mode=False
            )
