"""Errors: the evidence for a wrong label, and confused labels."""

from dataclasses import replace

import numpy as np

from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus
from newsdesk.evaluation.inner_validation.cross_validation import HeldOutScores
from newsdesk.evaluation.inner_validation.errors import count_confusions, explain_errors
from tests.evaluation.inner_validation.conftest import MISLABELLED


def test_errors_show_text_and_evidence(corpus: ValidationCorpus) -> None:
    """If it is trusted, the mislabelled article is an error, with the word that contradicts its label."""
    targets = corpus.labelled.targets[0]
    trusted = replace(targets, trusted=np.ones_like(targets.trusted))
    rows, pairs = explain_errors(corpus, corpus.build_folds(), trusted)
    missed, spurious = sorted(
        (row for row in rows if row["article_id"] == MISLABELLED), key=lambda row: row["error"]
    )
    assert (missed["error"], missed["label"], missed["truth"]) == ("missed", "europe", "europe")
    assert (spurious["error"], spurious["said"]) == ("spurious", "us")
    assert any(name in spurious["terms"] for name in ("@us:", "واشنط"))
    assert "واشنطن=US/us" in spurious["places"]
    assert "رويترز" in spurious["text"]
    assert {"missed": "europe", "spurious": "us", "n": 1, "pair": "europe / us"} in pairs
    assert all({*row} == {"missed", "spurious", "n", "pair"} for row in pairs), "no text"


def test_confusions_by_hand() -> None:
    y_true = np.array([[1, 0], [1, 0], [0, 0], [1, 1]], dtype=bool)
    y_pred = np.array([[0, 1], [0, 0], [0, 1], [1, 1]], dtype=bool)
    names = np.array(["a"] * 4, dtype=object)
    scored = HeldOutScores(np.arange(4), y_true, np.zeros((4, 2)), names, names)
    found = {(row["missed"], row["spurious"]): row["n"] for row in count_confusions(scored, y_pred, "xy")}
    assert found == {("x", "y"): 1, ("x", "none"): 1, ("none", "y"): 1}
