"""Doubtful labels."""

from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus
from newsdesk.evaluation.inner_validation.label_audit import DOUBT, find_doubtful_labels, hold_out_all
from tests.evaluation.inner_validation.conftest import MISLABELLED


def test_a_wrong_label_is_doubted_first(corpus: ValidationCorpus) -> None:
    every = hold_out_all(corpus)
    doubtful, counts = find_doubtful_labels(every, every.build_folds(), every.labelled.targets[0])
    assert {(row["article_id"], row["label"], row["given"]) for row in doubtful[:2]} == {
        (MISLABELLED, "europe", True),
        (MISLABELLED, "us", False),
    }
    assert doubtful[0]["quality"] <= doubtful[1]["quality"] < DOUBT
    by_editor = {row["label"]: row["n_given_doubted"] for row in counts if row["origin"] == "editor"}
    assert by_editor["europe"] == 1
    assert "title" not in counts[0]
