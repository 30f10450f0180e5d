"""A corpus for inner validation that the tests of audits share."""

from pathlib import Path
from typing import Any

import pytest

from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus, read_validation_corpus
from tests.evaluation.made import SETTINGS, inputs, write_articles

MISLABELLED, TESTED = "s:3", "w:4"


def change(row: dict[str, Any]) -> None:
    """Mislabel an article in both tasks, move one to the test split, and let those of outlet south name رويترز."""
    if row["article_id"] == MISLABELLED:
        row.update(region=["europe"], topic=["politics"], region_origin="editor")
    if row["article_id"] == TESTED:
        row["split"] = "test"
    if row["source"] == "s":
        row["text"] = f"لندن - رويترز {row['text']}"


@pytest.fixture(scope="session")
def audit_inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("audit")
    return inputs(folder, write_articles(folder / "articles.parquet", change))


@pytest.fixture(scope="session")
def corpus(audit_inputs: dict[str, Path]) -> ValidationCorpus:
    return read_validation_corpus(SETTINGS, **audit_inputs, n_jobs=1)
