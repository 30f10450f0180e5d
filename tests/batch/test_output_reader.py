"""Outputs of `newsdesk predict` that were saved by another program."""

import csv
from pathlib import Path

from newsdesk.batch.output_reader import COLUMNS, is_output, read_output


def test_a_table_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(COLUMNS)
        table.writerow(["a1", "us", "sport|economy", '{"us": 0.9}', "{}", ""])
    assert is_output(path)
    (row,) = read_output(path)
    assert (row.article_id, row.prediction.topics) == ("a1", ["sport", "economy"])
