"""Systems trained on one side of a split."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.normalization import Normalization
from newsdesk.base.settings import Features, Settings
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.evaluation.labelled_corpus import LabelledCorpus, build_labelled_corpus
from newsdesk.evaluation.leave_one_outlet_out import (
    build_terms,
    compute_homes,
    compute_places,
    predict_split,
)
from newsdesk.evaluation.splits import leave_outlet_out
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.inference.gazetteer import Gazetteer
from tests.evaluation.made import SETTINGS, write_articles, write_places


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy) -> LabelledCorpus:
    path = write_articles(tmp_path_factory.mktemp("corpus") / "articles.parquet")
    return build_labelled_corpus(pq.read_table(path), taxonomy, SETTINGS)


@pytest.fixture(scope="module")
def small_gazetteer(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy) -> Gazetteer:
    folder = write_places(tmp_path_factory.mktemp("gazetteer") / "places")
    return read_places(folder, taxonomy, Normalization())


def test_each_system_predicts_the_outlet_left_out(corpus: LabelledCorpus, small_gazetteer: Gazetteer) -> None:
    split = leave_outlet_out(corpus.columns, "north")
    places = compute_places(corpus.articles, small_gazetteer, SETTINGS)
    region, topic = predict_split(corpus, split, places=places, fields={}, settings=SETTINGS, n_jobs=1)
    assert [*region.by_system] == ["newsdesk", "tfidf_svc", "places", "majority"]
    assert [*topic.by_system] == ["newsdesk", "tfidf_svc", "majority"], "places name no topic"
    assert sorted(region.article_ids) == sorted(f"{source}:{i}" for source in ("n1", "n2") for i in range(10))
    assert region.n_train == 20, "neither the outlet's own twenty nor the ten of aawsat"
    for predictions in (region, topic):
        ours = predictions.by_system["newsdesk"]
        assert (ours.labels == predictions.y_true).mean() > 0.95
        assert ours.probabilities.shape == ours.uncalibrated.shape == predictions.y_true.shape
    assert (region.by_system["places"].labels == region.y_true).all(), "each article names a capital"


def test_the_home_of_an_outlet_left_out_is_learned_from_others(
    tmp_path: Path, taxonomy: Taxonomy, small_gazetteer: Gazetteer
) -> None:
    """Three articles of an outlet have no word that tells their region, which is that of the home."""
    words = {"africa": "المحيط القارة الغابات", "middle_east": "الخليج الصحراء النفط"}

    def change(row: dict) -> None:
        number = int(row["article_id"].partition(":")[2])
        row["home"] = {"n1": "TN", "n2": "TN", "s": "SA", "w": "EG"}.get(row["source"])
        if number < 9:
            region = ["africa", "middle_east", "africa" if row["home"] == "TN" else "middle_east"][
                number // 3
            ]
            row |= {"title": "", "text": words[region] if number < 6 else "كلام عام", "region": [region]}

    path = write_articles(tmp_path / "articles.parquet", change)
    settings = Settings.model_validate(SETTINGS.model_dump() | {"features": {"home": True, "min_df": 1}})
    corpus = build_labelled_corpus(pq.read_table(path), taxonomy, settings)
    places = compute_places(corpus.articles, small_gazetteer, settings)
    homes = compute_homes(corpus.articles, places, taxonomy, settings)
    split = leave_outlet_out(corpus.columns, "west")
    options = {"places": places, "fields": {}, "settings": settings, "n_jobs": 1}
    region, topic = predict_split(corpus, split, homes=homes, **options)
    without, _ = predict_split(corpus, split, **options)
    assert "newsdesk_home" not in topic.by_system | without.by_system
    assert region.unnamed.sum() == 9
    ours, with_home = region.by_system["newsdesk"], region.by_system["newsdesk_home"]
    assert np.array_equal(ours.probabilities, without.by_system["newsdesk"].probabilities)
    middle_east = taxonomy.region_ids.index("middle_east")
    added = (with_home.probabilities - ours.probabilities)[6:9, middle_east]
    assert region.article_ids[6:9].tolist() == ["w:6", "w:7", "w:8"]
    assert added.min() > 0.1
    assert compute_homes(corpus.articles, places, taxonomy, SETTINGS) is None


def test_settings_are_chosen_on_training_articles(corpus: LabelledCorpus, small_gazetteer: Gazetteer) -> None:
    """With C near 0, as the settings have it, no label is learned."""
    candidates = {"candidates": {"C": (1e-6, 10.0, 3.0)}}
    settings = SETTINGS.model_copy(
        update={
            "train": SETTINGS.train.model_copy(update={"C": 1e-6}),
            "evaluate": SETTINGS.evaluate.model_copy(update=candidates),
        }
    )
    split = leave_outlet_out(corpus.columns, "north")
    places = compute_places(corpus.articles, small_gazetteer, settings)
    options = {"places": places, "fields": {}, "n_jobs": 1}
    nested = predict_split(corpus, split, settings=settings, nested=True, **options)
    fixed = predict_split(corpus, split, settings=settings, **options)
    plain = predict_split(corpus, split, settings=SETTINGS, **options)
    for chosen, as_set, best in zip(nested, fixed, plain, strict=True):
        assert [*chosen.by_system][:3] == ["newsdesk", "newsdesk_fixed", "tfidf_svc"]
        assert chosen.choice["chosen"] == {"C": 10.0}
        assert [candidate["C"] for candidate in chosen.choice["candidates"]] == [1e-6, 10.0, 3.0]
        assert as_set.choice == {}
        assert "newsdesk_fixed" not in as_set.by_system
        for system, expected in (("newsdesk", best), ("newsdesk_fixed", as_set)):
            found, own = chosen.by_system[system], expected.by_system["newsdesk"]
            assert np.array_equal(found.probabilities, own.probabilities)
            assert np.array_equal(found.labels, own.labels)
            assert np.array_equal(found.first, own.first)
    wrong = [replace(each, y=each.y ^ split.test[:, None]) for each in corpus.targets]
    other = predict_split(corpus.with_targets(wrong), split, settings=settings, nested=True, **options)
    assert [each.choice for each in other] == [each.choice for each in nested], "no test label takes part"


def test_a_task_without_test_articles_has_no_predictions(
    corpus: LabelledCorpus, small_gazetteer: Gazetteer
) -> None:
    region, topic = corpus.targets
    elsewhere = replace(topic, trusted=topic.trusted & (corpus.columns.outlets != "north"))
    untrusted = corpus.with_targets([region, elsewhere])
    places = compute_places(corpus.articles, small_gazetteer, SETTINGS)
    split = leave_outlet_out(corpus.columns, "north")
    predictions = predict_split(untrusted, split, places=places, fields={}, settings=SETTINGS, n_jobs=1)
    assert [each.task for each in predictions] == ["region"]


def test_the_vocabulary_is_of_the_training_articles(corpus: LabelledCorpus) -> None:
    train = corpus.columns.outlets != "west"
    settings = Settings(features=Features(max_df=1.0))
    whole, terms = build_terms(corpus.articles, train, settings, n_jobs=1)
    alone, own = build_terms(corpus.articles.filter(pa.array(train)), train[train], settings, n_jobs=1)
    assert (whole[train] != alone).nnz == 0
    assert terms == own


def test_filtering_keeps_rows_aligned(corpus: LabelledCorpus) -> None:
    kept = np.arange(50) % 3 == 0
    filtered = corpus.filter(kept)
    assert filtered.articles["article_id"].to_pylist() == filtered.columns.article_ids.tolist()
    assert filtered.articles["region_origin"].is_valid().to_numpy().sum() == kept.sum()
    assert np.array_equal(filtered.targets[1].y, corpus.targets[1].y[kept])
