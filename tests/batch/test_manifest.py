"""The manifest is a pure function of checkpoints: totals, parts, and identifiers that come twice."""

from collections import Counter

from newsdesk.batch.input_reader import Offset
from newsdesk.batch.manifest import NAMED_DUPLICATES, build_manifest, count_duplicates
from newsdesk.batch.part_writer import Checkpoint

FIRST = Checkpoint(
    name="part-00000.csv", ends=Offset(1, 2), job="j", rows=5, bytes=50, sha256="aa", read=Counter({0: 4, 1: 2}),
    lines=Counter({1: 2}), broken=Counter({0: 1}), refused={0: Counter(truncated=1)},
    abstained=Counter(ambiguous=2), carried=Counter(url=3), tally={},
)  # fmt: skip
SECOND = Checkpoint(
    name="part-00001.csv", ends=Offset(2), job="j", rows=1, bytes=10, sha256="bb", read=Counter({1: 3}),
    lines=Counter({1: 4}), broken=Counter(), refused={1: Counter(bad_record=2)},
    abstained=Counter(ambiguous=1), carried=Counter(url=0), tally={},
)  # fmt: skip


def test_counts_of_parts_are_added() -> None:
    manifest = build_manifest(
        [FIRST, SECOND],
        {
            "started_at": "s", "scored_at": "t", "code": {"sha256": "c"}, "model": {"name": "m"}, "settings": {"carry": ["url"]},
            "inputs": [{"file": "a"}, {"file": "b"}],
        },
        finished_at="f",
        duplicate_ids={},
        quarantine_sha256="cc",
        drift=None,
    )  # fmt: skip
    assert manifest["rows"] == {
        "read": 9,
        "scored": 6,
        "refused": 3,
        "refused_by_reason": {"bad_record": 2, "truncated": 1},
        "abstained_by_reason": {"ambiguous": 3},
        "files_broken": 1,
    }
    assert manifest["carried"] == {"url": 3}
    assert manifest["inputs"] == [
        {"file": "a", "read": 4, "refused": 1}, {"file": "b", "read": 5, "refused": 2}
    ]  # fmt: skip
    assert manifest["account"] == {
        "n_files": 2, "seen": 9, "kept": 6, "refused": {"bad_record": 2, "truncated": 1}, "lines": 6,
        "files": {
            "a": {"seen": 4, "kept": 3, "refused": {"truncated": 1}},
            "b": {"seen": 5, "kept": 3, "refused": {"bad_record": 2}, "lines": 6},
        },
    }  # fmt: skip
    assert manifest["code"] == {"sha256": "c"}
    assert manifest["parts"][1] == {"name": "part-00001.csv", "rows": 1, "bytes": 10, "sha256": "bb"}
    assert manifest["quarantine"] == {"name": "_quarantine.jsonl", "rows": 3, "sha256": "cc"}
    assert (manifest["scored_at"], manifest["model"], manifest["drift"]) == ("t", {"name": "m"}, None)


def test_repeated_identifiers_are_counted_over_parts() -> None:
    parts = [[b"a", b"b"], [], [b"a", b"c", b"a", b"c"]]
    assert count_duplicates(lambda: parts) == {"rows": 3, "ids": 2, "first": {"a": 3, "c": 2}}
    assert count_duplicates(lambda: []) == {"rows": 0, "ids": 0, "first": {}}


def test_only_the_first_repeated_identifiers_are_named() -> None:
    ids = [str(k).encode() for k in range(NAMED_DUPLICATES + 5)]
    found = count_duplicates(lambda: [ids, ids])
    assert (found["rows"], found["ids"]) == (len(ids), len(ids))
    assert list(found["first"]) == [identifier.decode() for identifier in ids[:NAMED_DUPLICATES]]
