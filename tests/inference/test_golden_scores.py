"""The shipped model scores as it did before the code was split into modules, to the last bit."""

import json
import sys
from functools import cache
from pathlib import Path

import pytest

from newsdesk.base.files import SHIPPED, sha256
from newsdesk.inference.scorer import Scorer
from tests import ROOT
from tests.inference.articles import MENTIONS


@cache
def golden() -> dict[str, dict[str, list[str]]]:
    """Linear scores as hexadecimal floats, by article: every twelfth of the starter corpus, and `MENTIONS`."""
    return json.loads(Path(__file__).with_name("golden_scores.json").read_text(encoding="utf-8"))


def articles() -> dict[str, tuple[str, str]]:
    """Titles and texts of the articles of the golden scores."""
    files = sorted((ROOT / "data/starter").glob("*.jsonl"))
    rows = [json.loads(line) for file in files for line in file.open(encoding="utf-8")]
    texts = {row["id"]: (row["title"], row["text"]) for row in rows} | MENTIONS
    return {name: texts[name] for name in golden()["scores"]}


@pytest.mark.parametrize("compile_from", [0, sys.maxsize], ids=["compiled", "reference"])
def test_scores_are_equal_to_the_last_bit(compile_from: int) -> None:
    """Scores before the sigmoid, because `exp` may differ between processors in the last bit."""
    assert sha256(SHIPPED / "weights.npz") == golden()["weights_sha256"], "another model: its scores differ"
    scorer = Scorer.load(SHIPPED)
    scorer.compile_from = compile_from
    titles, texts = zip(*articles().values(), strict=True)
    scores, unscored = scorer.linear_scores(titles, texts)
    assert unscored == [None] * len(texts)
    assert [f"{head.task}:{label}" for head in scorer.heads for label in head.labels] == golden()["labels"]
    for name, row in zip(articles(), scores.tolist(), strict=True):
        assert [score.hex() for score in row] == golden()["scores"][name], name
