"""The studies of benchmarks/studies, on made articles."""

import csv
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization
from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus
from tests import ROOT
from tests.evaluation.inner_validation.conftest import MISLABELLED
from tests.evaluation.made import SETTINGS, arguments, inputs, write_articles

PARAMS = """
features: {min_df: 1, max_df: 1.0, char_ngrams: null}
train: {min_positives: 4, origin_weights: {gold: 1.0}}
evaluate: {min_support: 3, n_bootstrap: 20}
outlets: {north: [n1], south: [s], west: [w]}
"""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"benchmarks/studies/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def change(row: dict[str, Any]) -> None:
    """Make a source the starter corpus, let an editor label regions, and leave two articles a source unlabelled."""
    number = int(row["article_id"].split(":")[1])
    if row["source"] == "n2":
        row["source"] = "starter"
    if number in (8, 9):
        row |= dict.fromkeys(("region", "topic", "region_origin", "topic_origin"))
    elif number in (6, 7):
        row |= {"region_origin": "editor", "topic": None, "topic_origin": None}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("studies")
    (folder / "params.yaml").write_text(PARAMS)
    return inputs(folder, write_articles(folder / "articles.parquet", change)) | {
        "params": folder / "params.yaml"
    }


@pytest.mark.integration  # thirteen variants take long
def test_label_sources_compares_each_mix_with_the_settings(files: dict[str, Path], tmp_path: Path) -> None:
    options = [*arguments(files), "--unlabelled", "10", "--plots", str(tmp_path)]
    done = CliRunner().invoke(load("label_sources").main, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    tables = {}
    for task in ("region", "topic"):
        with (tmp_path / f"audit_sources_{task}.csv").open(encoding="utf-8", newline="") as lines:
            tables[task] = {row["variant"]: row for row in csv.DictReader(lines)}
    assert [*tables["region"]] == [
        "as set", "gold", "gold + editor", "gold + starter", "all", "gold + word list 0.1",
        "as set + word list 0.1", "gold + word list 0.3", "as set + word list 0.3",
    ]  # fmt: skip
    assert [*tables["topic"]] == ["as set", "gold", "gold + starter", "all"], "no editor labels topics"
    changes = {value for name, value in tables["region"]["as set"].items() if "change" in name}
    assert changes == {"0"}
    trained = {name: float(row["n_train"]) for name, row in tables["region"].items()}
    assert trained["gold"] < trained["gold + starter"] == trained["as set"] < trained["all"]
    assert trained["gold"] < trained["gold + editor"], "at its default weight"
    assert trained["gold"] < trained["gold + word list 0.1"], "each unlabelled article names a country"


def test_the_word_list_labels_unlabelled_articles_only(files: dict[str, Path]) -> None:
    study = load("label_sources")
    options = {name: path for name, path in files.items() if name != "params"}
    corpus = study.read_corpus(SETTINGS, {"gold": 1.0}, n_unlabelled=4, **options)
    unlabelled = study.is_unlabelled(corpus.labelled.articles)
    (targets,) = study.label_by_places(corpus, weight=0.2).labelled.targets
    assert unlabelled.sum() == 4
    assert (targets.weights[unlabelled] == 0.2).all()
    assert (targets.y[unlabelled].sum(axis=1) == 1).all()
    assert (targets.y[~unlabelled] == corpus.labelled.targets[0].y[~unlabelled]).all()
    outlets = SETTINGS.outlets | {"starter": ("starter",)}
    every = study.read_corpus(SETTINGS.model_copy(update={"outlets": outlets}), {"gold": 1.0}, **options)
    with pytest.raises(NewsdeskError, match="no gold region outside the outlets left out"):
        study.label_by_places(every, weight=0.2)


def test_the_learning_curve_keeps_test_articles_and_editors_labels(corpus: ValidationCorpus) -> None:
    thin = load("learning_curve").thin
    few, half, whole = (thin(corpus, share, seed=0).labelled for share in (0.1, 0.5, 1.0))
    for small, large, all_targets, targets in zip(
        few.targets, half.targets, whole.targets, corpus.labelled.targets, strict=True
    ):
        assert np.array_equal(large.trusted, targets.trusted)
        assert np.array_equal(all_targets.weights, targets.weights)
        assert ((small.weights > 0) <= (large.weights > 0)).all(), "a larger share contains the smaller one"
    assert (half.targets[1].weights > 0).sum() == round(0.5 * 39)
    assert half.targets[0].weights[half.columns.article_ids == MISLABELLED] == 0.5, "an editor's label"


def test_each_spelling_is_switched_alone(corpus: ValidationCorpus) -> None:
    switched = dict(load("normalization").switch_spellings(corpus))
    assert len(switched) == len(Normalization.model_fields)
    assert switched["fold_hamza: true"].settings.text == Normalization(fold_hamza=True)
