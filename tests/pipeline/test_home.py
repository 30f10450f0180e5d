"""The stages with `features.home`: only scores of articles with a home change."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from newsdesk.base.files import read_model
from newsdesk.base.schema import ARTICLES
from newsdesk.pipeline import featurize, package, train
from tests import ROOT
from tests.tiny_run import tiny_settings


def test_a_model_learns_homes_and_scores_as_before_without(tiny_run: Path, tmp_path: Path) -> None:
    settings = tiny_settings()
    settings = settings.model_copy(update={"features": settings.features.model_copy(update={"home": True})})
    table = pq.read_table(tiny_run / "data/clean/articles.parquet")
    homes = pa.array([("EG", "MA")[i % 2] for i in range(table.num_rows)])
    k = ARTICLES.get_field_index("home")
    articles, taxonomy = tmp_path / "articles.parquet", ROOT / "data/taxonomy.yaml"
    pq.write_table(table.set_column(k, ARTICLES.field("home"), homes), articles)
    features, heads, model = (
        tmp_path / "features",
        [tmp_path / "region", tmp_path / "topic"],
        tmp_path / "model",
    )
    featurize.main.callback(
        settings, articles=articles, places=ROOT / "data/places", fields=ROOT / "data/fields.tsv",
        taxonomy=taxonomy, features=features,
    )  # fmt: skip
    for head in heads:
        train.main.callback(settings, head.name, features=features, taxonomy=taxonomy, head=head)
    package.main.callback(
        settings, features=features, heads=heads, taxonomy=taxonomy, model=model, articles=articles
    )
    scorer, plain = read_model(model), read_model(tiny_run / "model")
    assert scorer.uses_home
    assert not plain.uses_home
    texts = table["title"].to_pylist()[:50], table["text"].to_pylist()[:50]
    without, _ = plain.predict_proba(*texts)
    assert scorer.predict_proba(*texts)[0].tobytes() == without.tobytes()
    with_home, _ = scorer.predict_proba(*texts, homes.to_pylist()[:50])
    region, topic = (head.columns for head in scorer.heads)
    assert not np.array_equal(with_home[:, region], without[:, region])
    assert np.array_equal(with_home[:, topic], without[:, topic])
