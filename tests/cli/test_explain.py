"""`newsdesk explain`: as a table and as JSON."""

import json
from pathlib import Path

from tests.commands import invoke
from tests.inference.test_explain import TEXT, TITLE


def test_table_and_json(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"title": TITLE, "text": f"&quot;{TEXT}"}), encoding="utf-8")
    done = invoke("explain", "a.jsonl", "--format", "json", cwd=tmp_path)
    row = json.loads(done.stdout)
    assert row["text"].startswith('"')  # repaired, and spans count the repaired text
    assert {"terrorism", "europe"} <= {e["label"] for e in row["evidence"]}
    for c in (c for e in row["evidence"] for c in e["contributions"] if c["part"]):
        assert row[c["part"]][c["start"] : c["end"]] == c["surface"]
    table = invoke("explain", "a.jsonl", "--label", "terrorism", "--top", "2", cwd=tmp_path).stdout
    assert "terrorism: probability 1.0000 >= " in table
    assert "remainder (" in table


def test_unknown_label_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"title": TITLE, "text": TEXT}), encoding="utf-8")
    done = invoke("explain", "a.jsonl", "--label", "weather", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("newsdesk: the model has no label 'weather'")


def test_offsets_refer_to_the_text_without_html_as_by_predict(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(
        json.dumps({"title": TITLE, "text": f"<p>&amp;quot;بيان&amp;quot;</p><p class='x'>{TEXT}</p>"}),
        encoding="utf-8",
    )
    record = json.loads(invoke("explain", str(source), "--format", "json").stdout)
    assert record["text"] == f'"بيان"\n{TEXT}'
    located = [
        part for label in record["evidence"] for part in label["contributions"] if part["part"] is not None
    ]
    assert located
    assert all(record[part["part"]][part["start"] : part["end"]] == part["surface"] for part in located)
