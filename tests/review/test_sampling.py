"""Sampling for review: the same sample in any order, inclusion probabilities, and the exported queue."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED
from newsdesk.cli.operate.review import main
from newsdesk.inference.decision import Head, Prediction
from newsdesk.review.sampling import Candidate, SampledArticle, margin, nearest_label, sample_articles
from tests import ROOT

HEADS = (
    Head("region", ("us",), (0.5,), slice(0, 1), {"balanced": (0.5,)}),
    Head("topic", ("sport",), (0.4,), slice(1, 2), {"balanced": (0.4,)}),
)
STARTER = ROOT / "data/starter/st1.jsonl"


def prediction(us: float, sport: float, reason: str | None = None) -> Prediction:
    labels = {"region": ["us"] if us >= 0.5 else [], "topic": ["sport"] if sport >= 0.4 else []}
    return Prediction(labels, {"region": {"us": us}, "topic": {"sport": sport}}, reason)


def candidates(n: int) -> list[Candidate]:
    """A tenth uncertain, a fifth with unknown words, and one that is not Arabic."""
    rows = [
        Candidate(
            f"a{i}",
            "outlet",
            f"a{i}",
            "",
            "new" if i % 5 == 0 else "old",
            prediction(0.52 if i % 10 == 1 else 0.9, 0.05),
        )
        for i in range(n)
    ]
    foreign = Prediction({"region": [], "topic": []}, {"region": {}, "topic": {}}, "not_arabic")
    return [*rows, Candidate("foreign", "outlet", "foreign", "", "new", foreign)]


def sample(rows: list[Candidate], *, n: int = 30, seed: int = 0) -> list[SampledArticle]:
    return sample_articles(
        rows,
        n=n,
        seed=seed,
        heads=HEADS,
        unknown_share=lambda title, text: float(text == "new"),
        unknown_limit=0.5,
    )


def test_margin_in_log_odds() -> None:
    assert margin(prediction(0.6, 0.1), HEADS) == pytest.approx(math.log(0.6 / 0.4))
    assert nearest_label(prediction(0.6, 0.1), HEADS) == "us"
    assert nearest_label(prediction(0.99, 0.39), HEADS) == "sport"
    unscored = Prediction({"region": [], "topic": []}, {"region": {}, "topic": {}}, "no_evidence")
    assert margin(unscored, HEADS) == math.inf
    assert nearest_label(unscored, HEADS) is None


def test_a_third_of_each_stratum_in_any_order() -> None:
    rows = candidates(1000)
    first = sample(rows)
    assert [row.strata[0] for row in first] == ["uncertain"] * 10 + ["drifting"] * 10 + ["random"] * 10
    assert first == sample(rows[::-1]) == sample(rows + rows[:50]), "repeated articles count once"
    assert {row.candidate.article_id for row in first} != {
        row.candidate.article_id for row in sample(rows, seed=1)
    }
    assert all(row.candidate.article_id != "foreign" for row in sample(rows, n=2000))


def test_more_random_articles_where_a_stratum_is_short() -> None:
    few = sample(candidates(40))
    assert len(few) == 30
    assert len({row.candidate.article_id for row in few}) == 30
    everything = sample(candidates(20), n=100)
    assert len(everything) == 20
    assert all(row.probability == 1.0 for row in everything)
    without = sample_articles(candidates(1000), n=30, seed=0, heads=HEADS)
    assert {row.strata[0] for row in without} == {"uncertain", "random"}


def test_inverse_probabilities_estimate_totals() -> None:
    """The Horvitz-Thompson estimator is unbiased for all articles and for a part."""
    rows = candidates(400)
    samples = [sample(rows, n=60, seed=seed) for seed in range(150)]
    total = np.mean([sum(1 / row.probability for row in found) for found in samples])
    new = np.mean([sum(row.unknown_share / row.probability for row in found) for found in samples])
    assert total == pytest.approx(400, rel=0.05)
    assert new == pytest.approx(80, rel=0.05)


def call(*arguments: object) -> None:
    main.main([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from newsdesk.cli.label.predict import main as predict

    path = tmp_path_factory.mktemp("labels") / "labels.parquet"
    predict.main([str(STARTER), "--output", str(path)], standalone_mode=False)
    return path


@pytest.mark.parametrize("form", ["label-studio", "jsonl", "csv"])
def test_exported_queue(labels: Path, tmp_path: Path, form: str) -> None:
    paths = [tmp_path / f"{k}" for k in range(2)]
    for path in paths:
        call(
            "export", "--labels", labels, "--articles", STARTER, "--output", path, "--format", form, "--n", 12
        )
    text = paths[0].read_text(encoding="utf-8")
    assert text == paths[1].read_text(encoding="utf-8")
    if form == "label-studio":
        tasks = json.loads(text)
        assert len(tasks) == 12
        data, (predicted,) = tasks[0]["data"], tasks[0]["predictions"]
        assert data["outlet"] == "starter"
        assert data["stratum"] == "uncertain"
        assert 0 < data["probability"] <= 1
        assert [r["from_name"] for r in predicted["result"]] == ["regions", "topics"]
        assert re.search(r"^\w+ [01]\.\d\d: \S[^,]* [+-]\d\.\d\d(?:,|$)", data["evidence"])
        config = (tmp_path / "0.config.xml").read_text(encoding="utf-8")
        assert '<Choices name="topics" toName="text" choice="multiple" required="true">' in config
        assert config.count('<Choice value="none"/>') == 2
    else:
        assert text.count("newsdesk 0.") >= 12


def test_labels_of_other_articles(labels: Path, tmp_path: Path) -> None:
    output = tmp_path / "queue.json"
    with pytest.raises(NewsdeskError, match="row 1 is st1-001, the article st2-001"):
        call("export", "--labels", labels, "--articles", ROOT / "data/starter/st2.jsonl", "--output", output)
    with pytest.raises(NewsdeskError, match="row 121 is nothing, the article st2-001"):
        call("export", "--labels", labels, "--articles", STARTER, "--articles", ROOT / "data/starter/st2.jsonl",
             "--output", output)  # fmt: skip
    with pytest.raises(NewsdeskError, match="give --format, or a name that ends in"):
        call("export", "--labels", labels, "--articles", STARTER, "--output", tmp_path / "queue.txt")
    with pytest.raises(NewsdeskError, match="no such reference"):
        call("export", "--labels", labels, "--articles", STARTER, "--output", output, "--reference", tmp_path / "x",
             "--model", SHIPPED)  # fmt: skip
    assert not list(tmp_path.iterdir())
