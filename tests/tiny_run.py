"""A pipeline run in the process of the test, in seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

from ruamel.yaml import YAML

from newsdesk.base.settings import Settings, read_settings
from newsdesk.pipeline import clean, evaluate, featurize, package, train
from tests import ROOT

TINY = {  # settings that differ from params.yaml: few terms, few resamples
    "features": {"char_ngrams": (4, 5), "min_df": 3, "max_features": 6000, "lead_weight": 0.7},
    "evaluate": {"n_bootstrap": 100},
}


def tiny_settings() -> Settings:
    """Read params.yaml, and set what `TINY` names."""
    settings = read_settings(ROOT / "params.yaml").model_dump()
    for section, values in TINY.items():
        settings[section] |= values
    return Settings.model_validate(settings)


def make_tiny_run(folder: Path) -> None:
    """Run the stages from `clean` to `evaluate` in this process."""
    settings = tiny_settings()
    taxonomy = folder / "data/taxonomy.yaml"
    articles, features = folder / "data/clean/articles.parquet", folder / "data/features"
    metrics, model = folder / "metrics", folder / "model"
    taxonomy.parent.mkdir(parents=True)
    shutil.copy(ROOT / "data/taxonomy.yaml", taxonomy)
    for name in ("starter", "places", "fields.tsv"):
        (folder / "data" / name).symlink_to(ROOT / "data" / name)
    YAML(typ="safe", pure=True).dump(settings.model_dump(mode="json"), folder / "params.yaml")
    clean.main.callback(
        settings, raw=[folder / "data/starter"], taxonomy=taxonomy, gold=None, silver=None, review=None, sources=None,
        articles=articles, quarantine=folder / "data/clean/quarantine.parquet", account=metrics / "clean.json",
    )  # fmt: skip
    featurize.main.callback(
        settings, articles=articles, places=ROOT / "data/places", fields=ROOT / "data/fields.tsv",
        taxonomy=taxonomy, features=features,
    )  # fmt: skip
    heads = [folder / "data/heads/region", folder / "data/heads/topic"]
    train.main.callback(settings, "region", features=features, taxonomy=taxonomy, head=heads[0])
    train.main.callback(settings, "topic", features=features, taxonomy=taxonomy, head=heads[1])
    package.main.callback(
        settings, features=features, heads=heads, taxonomy=taxonomy, model=model, articles=articles
    )
    evaluate.main.callback(
        settings, model=model, articles=articles, metrics=metrics / "evaluate.json",
        labels=metrics / "labels.json", plots=folder / "plots", predictions=folder / "data/predictions.parquet",
    )  # fmt: skip
