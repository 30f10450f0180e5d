"""Made articles of three outlets, small place tables and settings for tests of the evaluation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings
from tests import ROOT

STORIES = {
    ("europe", "politics"): "فرنسا باريس الحكومة البرلمان الانتخابات الوزير",
    ("us", "terrorism"): "واشنطن أميركا الشرطة هجوم إرهابي تفجير",
}
SOURCES = ("n1", "n2", "s", "w", "aawsat")
SETTINGS = Settings.model_validate(
    {
        "features": {"min_df": 1, "max_df": 1.0, "char_ngrams": None},
        "train": {"min_positives": 4},
        "evaluate": {"min_support": 3, "n_bootstrap": 20},
        "outlets": {"north": ["n1", "n2"], "south": ["s"], "west": ["w"]},
    }
)
CITIES = "FR\tباريس\nUS\tواشنطن\n"
MEDIA = "رويترز, سكاي نيوز عربية\n"


def write_articles(path: Path, change: Callable[[dict[str, Any]], object] = lambda row: None) -> Path:
    """Write ten articles of each source; the words are drawn from those of their story.

    `change` may update the row of an article.
    """
    rng = np.random.default_rng(5)
    rows = []
    for source in SOURCES:
        for i in range(10):
            (region, topic), words = list(STORIES.items())[i % 2]
            drawn = " ".join([*rng.permutation(words.split()).tolist()[:5], f"كلمه{source}"])
            row = dict.fromkeys(ARTICLES.names) | {
                "article_id": f"{source}:{i}", "source": source, "kind": "article", "title": drawn,
                "text": f"{drawn} {i}", "published": datetime(2020, 1, 1 + i, tzinfo=UTC), "group_id": f"{source}:{i}",
                "split": "evaluation" if source == "aawsat" else "train",
                "region": [region], "topic": [topic], "region_origin": "gold", "topic_origin": "gold",
            }  # fmt: skip
            change(row)
            rows.append(row)
    pq.write_table(pa.Table.from_pylist(rows, schema=ARTICLES), path)
    return path


def write_places(folder: Path) -> Path:
    """Write place tables that name two capitals and two media; reading all tables takes seconds."""
    folder.mkdir()
    for table in (ROOT / "data/places").glob("*.tsv"):
        (folder / table.name).write_text("", encoding="utf-8")
    (folder / "cities.tsv").write_text(CITIES, encoding="utf-8")
    (folder / "media.tsv").write_text(MEDIA, encoding="utf-8")
    return folder


def inputs(folder: Path, articles: Path) -> dict[str, Path]:
    """The files that the commands read, with the place tables in a folder."""
    places = folder / "places"
    return {
        "articles": articles,
        "taxonomy": ROOT / "data/taxonomy.yaml",
        "places": places if places.exists() else write_places(places),
        "fields": ROOT / "data/fields.tsv",
    }


def arguments(inputs: dict[str, Path]) -> list[str]:
    """The same files as command-line options."""
    return [word for option, path in inputs.items() for word in (f"--{option}", str(path))]
