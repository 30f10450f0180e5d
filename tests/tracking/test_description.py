"""The description of a run, its headline metrics, and the table of all others."""

from newsdesk.tracking.datasets import SplitDataset
from newsdesk.tracking.description import describe_run, headline_metrics, metric_rows

HEAD = {
    "n_articles": 12, "f1_macro": 0.9, "f1_macro_low": 0.8, "f1_macro_high": 0.95, "f1_micro": 0.7,
    "exact_match": 0.6, "main_label": None,
}  # fmt: skip
METRICS = {"region": HEAD, "topic": {**HEAD, "f1_macro": 0.5}}
DATASETS = [SplitDataset(name, "a", n, {}, "articles") for name, n in (("train", 1200), ("test", 12))]


def test_headline_metrics_are_few_and_measured() -> None:
    assert headline_metrics(METRICS) == {
        "region.f1_macro": 0.9, "region.f1_micro": 0.7, "topic.f1_macro": 0.5, "topic.f1_micro": 0.7,
    }  # fmt: skip


def test_all_metrics_are_in_the_table_with_their_intervals() -> None:
    labels = {"region": {"us": {"f1": 1.0, "support": 3}}}
    rows = {row["metric"]: row for row in metric_rows(METRICS, labels, {"clean": {"read": 5, "refused": {}}})}
    assert rows["region.f1_macro"] == {"metric": "region.f1_macro", "value": 0.9, "low": 0.8, "high": 0.95}
    assert rows.keys() >= {"region.us.f1", "region.us.support", "clean.read", "topic.exact_match"}
    assert not {"region.f1_macro_low", "region.main_label", "clean.refused"} & rows.keys()


def test_the_description_begins_with_the_scores_of_each_head() -> None:
    account = {"sources": {name: {"kept": 5} for name in "ab"}}
    text = describe_run(METRICS, account, DATASETS)
    first, *_ = text.splitlines()
    assert first.startswith("Macro F1: region **0.900** (0.800 to 0.950), topic **0.500** (")
    assert "on 12 test articles" in first
    assert "articles of a, b; with labels: train 1,200, test 12." in text
    many = {"sources": {name: {"kept": 5} for name in "abcd"}}
    assert "articles of 4 sources" in describe_run(METRICS, many, DATASETS)
