"""Peers: their labels must be complete."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.evaluation.peers import add_peers, read_peer
from tests.evaluation.test_outlet_comparison import predictions

NO_ARTICLES = pa.table({})


def test_a_peer_must_label_every_test_article(tmp_path: Path) -> None:
    path = tmp_path / "peer.parquet"
    rows = [{"article_id": f"a{i}", "region": ["us"], "topic": []} for i in range(4)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    ours, labels = predictions("a", [1, 1, 1, 1], [0] * 4), read_peer(path, NO_ARTICLES)
    assert add_peers(ours, {"p": labels}).by_system["p"].labels.all()
    with pytest.raises(NewsdeskError, match="peer p: no region for 1 articles of a, first a3"):
        add_peers(ours, {"p": {name: row for name, row in labels.items() if name != "a3"}})
    with pytest.raises(NewsdeskError, match="peer p: label 'mars' is not in the taxonomy"):
        add_peers(ours, {"p": {name: row | {"region": ["mars"]} for name, row in labels.items()}})


def test_a_file_without_labels_is_no_peer(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{"article_id": "a"}]), tmp_path / "peer.parquet")
    with pytest.raises(NewsdeskError, match="no column region, topic"):
        read_peer(tmp_path / "peer.parquet", NO_ARTICLES)
