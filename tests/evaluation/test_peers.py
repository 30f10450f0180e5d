"""Peers: the labels of other systems, of whole outlets."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.evaluation.peers import PeerLabels, add_peers, read_peer
from tests.evaluation.test_outlet_comparison import predictions

NO_ARTICLES = pa.table({})
OURS = predictions("a", [1, 1, 1, 1], [0] * 4)


def rows_of(split: str, **columns: object) -> list[dict[str, Any]]:
    return [{"article_id": f"{split}{i}", "region": ["us"], "topic": []} | columns for i in range(4)]


def peer(path: Path, rows: list[dict[str, Any]]) -> dict[str, PeerLabels]:
    pq.write_table(pa.Table.from_pylist(rows), path / "peer.parquet")
    return {"p": read_peer(path / "peer.parquet", NO_ARTICLES)}


def test_an_outlet_that_is_labelled_in_part_is_an_error(tmp_path: Path) -> None:
    rows = rows_of("a")
    (added,) = add_peers([OURS], peer(tmp_path, rows))
    assert added.by_system["p"].labels.all()
    with pytest.raises(NewsdeskError, match="peer p: no region for 1 articles of a, first a3"):
        add_peers([OURS], peer(tmp_path, rows[:3]))
    with pytest.raises(NewsdeskError, match="peer p: label 'mars' is not in the taxonomy"):
        add_peers([OURS], peer(tmp_path, rows_of("a", region=["mars"])))


def test_an_outlet_that_is_not_labelled_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = peer(tmp_path, rows_of("a"))
    without = predictions("b", [1, 1, 1, 1], [0] * 4)
    known, unknown = add_peers([OURS, without], labels)
    assert "p" in known.by_system
    assert [*unknown.by_system] == ["newsdesk", "other"]
    assert "peer p is not compared on b (region)" in capsys.readouterr().err
    with pytest.raises(NewsdeskError, match="peer p: no label of a test article"):
        add_peers([without], labels)


@pytest.mark.parametrize(
    ("columns", "first"),
    [({}, None), ({"ordered": False}, None), ({"ordered": None}, None), ({"ordered": True}, [1, 1, 1, 1])],
)
def test_only_ordered_lists_have_a_first_label(tmp_path: Path, columns: dict, first: list | None) -> None:
    both = replace(OURS, labels=("us", "asia"))
    (added,) = add_peers([both], peer(tmp_path, rows_of("a", region=["asia", "us"], **columns)))
    found = added.by_system["p"].first
    assert (None if found is None else found.tolist()) == first


def test_a_file_without_labels_is_no_peer(tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match="no column region, topic"):
        peer(tmp_path, [{"article_id": "a"}])
