"""Inner validation: which articles take part, and the comparison of variants."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.settings import Settings
from newsdesk.evaluation.inner_validation.corpus import (
    ValidationCorpus,
    measure_variant,
    read_validation_corpus,
    variant_rows,
)
from newsdesk.evaluation.inner_validation.cross_validation import HeldOutScores, calibrate
from tests.evaluation.inner_validation.conftest import TESTED


def test_neither_test_split_nor_evaluation_outlet_takes_part(corpus: ValidationCorpus) -> None:
    columns = corpus.labelled.columns
    assert corpus.labelled.articles.num_rows == 39
    assert TESTED not in columns.article_ids
    assert "aawsat" not in columns.outlets
    assert corpus.outlets == ("north", "south", "west")


def test_one_head_alone(audit_inputs: dict[str, Path]) -> None:
    one = read_validation_corpus(
        Settings(outlets={"s": ("s",), "w": ("w",)}), **audit_inputs, tasks=("topic",)
    )
    assert [targets.task for targets in one.labelled.targets] == ["topic"]


def test_one_outlet_is_too_few(audit_inputs: dict[str, Path]) -> None:
    with pytest.raises(NewsdeskError, match="only outlet south has articles; two are needed"):
        read_validation_corpus(Settings(outlets={"south": ("s",)}), **audit_inputs)


def test_a_fold_learns_from_the_other_outlets(corpus: ValidationCorpus) -> None:
    fold = corpus.build_folds()[1]
    assert fold.outlet == "south"
    assert {*corpus.labelled.columns.outlets[fold.train]} == {"north", "west"}
    assert fold.terms.shape == (39, len(fold.term_names))
    assert "رويترز" not in fold.term_names, "only the outlet left out has this word"


def test_changes_are_paired(corpus: ValidationCorpus) -> None:
    result = measure_variant(corpus)
    worse = replace(result, draws={name: draws - 0.1 for name, draws in result.draws.items()})
    _, row = variant_rows({"a": result, "b": worse}, "region", base="a")
    assert row["f1_macro_change"] == row["f1_macro_change_low"] == row["f1_macro_change_high"] == -0.1
    assert row["n_train"] == 26, "the mean of 19, 29 and 30 articles"


def test_calibration_uses_the_other_outlets() -> None:
    """The scores of outlet b are wrong: they ruin the probabilities of a, and those of a serve b well."""
    y = np.array([[1], [1], [0], [0]] * 2, dtype=bool)
    scores = np.array([[2.0], [1.0], [-1.0], [-2.0], [-2.0], [-1.0], [1.0], [2.0]])
    outlets = np.array(["a"] * 4 + ["b"] * 4, dtype=object)
    probabilities, _ = calibrate(HeldOutScores(np.arange(8), y, scores, outlets, outlets))
    assert probabilities[:4] == pytest.approx(0.5), "a sigmoid of slope 0"
    assert (probabilities[4:, 0] > 0.5).tolist() == [False, False, True, True]
