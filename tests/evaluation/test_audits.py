"""Audits on made articles of three outlets."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization
from newsdesk.base.settings import read_settings
from newsdesk.cli.train.audit import main, read_study
from newsdesk.evaluation import audits
from newsdesk.evaluation.audits import Study
from newsdesk.evaluation.cross_validation import Scored
from newsdesk.inference.mentions import Gazetteer
from tests.conftest import ROOT
from tests.evaluation.test_leave_one_outlet_out import write_articles

PARAMS = """
features: {min_df: 1, max_df: 1.0, char_ngrams: null}
train: {min_positives: 4}
evaluate: {min_support: 3, n_bootstrap: 20}
outlets: {north: [n1, n2], south: [s], west: [w]}
"""
MISLABELLED, TESTED = "s:3", "w:4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty articles; one is mislabelled in both tasks, one is of the test split, the southern ones name رويترز."""
    folder = tmp_path_factory.mktemp("audits")
    rows = pq.read_table(write_articles(folder / "articles.parquet")).to_pylist()
    for row in rows:
        if row["article_id"] == MISLABELLED:
            row |= {"region": ["europe"], "topic": ["politics"], "region_origin": "editor"}
        if row["article_id"] == TESTED:
            row["split"] = "test"
        if row["source"] == "s":
            row["text"] = f"لندن - رويترز {row['text']}"
    pq.write_table(
        pa.Table.from_pylist(rows, schema=pq.read_schema(folder / "articles.parquet")),
        folder / "articles.parquet",
    )
    (folder / "params.yaml").write_text(PARAMS)
    return folder


def options(folder: Path) -> dict[str, Path]:
    return {
        "articles": folder / "articles.parquet",
        "taxonomy": ROOT / "data/taxonomy.yaml", "places": ROOT / "data/places",
        "fields": ROOT / "data/fields.tsv",
    }  # fmt: skip


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return read_study(read_settings(folder / "params.yaml"), **options(folder), chosen=(), n_jobs=1)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_neither_test_split_nor_evaluation_outlet_is_read(study: Study) -> None:
    assert study.articles.num_rows == 39
    assert TESTED not in study.rows.article_ids
    assert "aawsat" not in study.rows.outlets


def test_a_wrong_label_is_doubted_first(study: Study) -> None:
    held = audits.hold_all(study)
    doubted, counts = audits.doubt_labels(held, audits.fold_study(held), held.tasks[0])
    assert {(row["article_id"], row["label"], row["given"]) for row in doubted[:2]} == {
        (MISLABELLED, "europe", True),
        (MISLABELLED, "us", False),
    }
    assert doubted[0]["quality"] <= doubted[1]["quality"] < audits.DOUBT
    by_editor = {row["label"]: row["n_given_doubted"] for row in counts if row["origin"] == "editor"}
    assert by_editor["europe"] == 1
    assert "title" not in counts[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("دبي - رويترز - قال الوزير إن الحكومة ستعلن قرارها غدا", "قال الوزير ان الحكومه ستعلن قرارها غدا"),
        (
            "قال الوزير إن الحكومة ستعلن قرارها غدا وفق ما نقلت رويترز عنه أمس",
            "قال الوزير ان الحكومه ستعلن قرارها غدا وفق ما نقلت عنه امس",
        ),
        (
            "قال الوزير إن الحكومة ستعلن قرارها غدا\nالمصدر: سكاي نيوز عربية",
            "قال الوزير ان الحكومه ستعلن قرارها غدا",
        ),
        ("قال الوزير إن الحكومة ستعلن قرارها", "قال الوزير ان الحكومه ستعلن قرارها"),
    ],
)
def test_bylines_are_cut(gazetteer: Gazetteer, text: str, expected: str) -> None:
    stripped = audits.strip_bylines(text, audits.media_forms(gazetteer), Normalization())
    assert " ".join(stripped.replace("-", " ").split()) == expected


def test_terms_that_name_an_agency_are_told(study: Study) -> None:
    found = {row["term"]: row for row in audits.rank_terms(study)["region"]}
    assert found["رويترز"]["names"]
    assert found["رويترز"]["outlet"] == "south"
    assert found["رويترز"]["share"] == 1
    assert not found["باريس"]["names"]
    assert found["باريس"]["share"] < 0.5
    bylines = audits.without_bylines(study)
    assert not any("رويترز" in text for text in bylines.articles["text"].to_pylist())
    assert audits.without_places(study).tasks == study.tasks[:1]


def test_each_spelling_is_switched_alone(study: Study) -> None:
    switched = dict(audits.switch_spellings(study))
    assert len(switched) == len(Normalization.model_fields)
    assert switched["fold_hamza: true"].settings.text == Normalization(fold_hamza=True)


def test_learning_curve_keeps_what_is_tested(study: Study) -> None:
    few, half = audits.thin_study(study, 0.1, seed=0), audits.thin_study(study, 0.5, seed=0)
    for task, small, whole in zip(half.tasks, few.tasks, study.tasks, strict=True):
        assert (task.trusted == whole.trusted).all()
        assert ((small.weights > 0) <= (task.weights > 0)).all(), "a larger share holds a smaller one"
    assert (half.tasks[1].weights > 0).sum() == round(0.5 * 39)
    assert half.tasks[0].weights[study.rows.article_ids == MISLABELLED] == 0.5, "of an editor: it stays"
    assert audits.try_study(half).n_train["topic"] < audits.try_study(study).n_train["topic"]
    whole = audits.thin_study(study, 1.0, seed=0)
    assert all((a.weights == b.weights).all() for a, b in zip(whole.tasks, study.tasks, strict=True))


def test_changes_are_paired(study: Study) -> None:
    outcome = audits.try_study(study)
    worse = replace(outcome, draws={name: draws - 0.1 for name, draws in outcome.draws.items()})
    _, row = audits.tell_outcomes({"a": outcome, "b": worse}, "region", base="a")
    assert row["f1_macro_change"] == row["f1_macro_change_low"] == row["f1_macro_change_high"] == -0.1


def test_errors_show_text_and_evidence(study: Study) -> None:
    """Trusted, the mislabelled article is an error with the word that speaks against its label."""
    task = study.tasks[0]
    trusted = replace(task, trusted=np.ones_like(task.trusted))
    rows, pairs = audits.explain_errors(study, audits.fold_study(study), trusted)
    missed, spurious = sorted(
        (row for row in rows if row["article_id"] == MISLABELLED), key=lambda r: r["error"]
    )
    assert (missed["error"], missed["label"], missed["truth"]) == ("missed", "europe", "europe")
    assert (spurious["error"], spurious["said"]) == ("spurious", "us")
    assert any(name in spurious["terms"] for name in ("@us:", "واشنط"))
    assert "واشنطن=US/us" in spurious["places"]
    assert "رويترز" in spurious["text"]
    assert {"missed": "europe", "spurious": "us", "n": 1, "pair": "europe / us"} in pairs
    assert all({*row} == {"missed", "spurious", "n", "pair"} for row in pairs)


def test_pairs_by_hand() -> None:
    y_true = np.array([[1, 0], [1, 0], [0, 0], [1, 1]], dtype=bool)
    said = np.array([[0, 1], [0, 0], [0, 1], [1, 1]], dtype=bool)
    names = np.array(["a"] * 4, dtype=object)
    scored = Scored(np.arange(4), y_true, np.zeros((4, 2)), names, names)
    found = {(row["missed"], row["spurious"]): row["n"] for row in audits.pair_errors(scored, said, "xy")}
    assert found == {("x", "y"): 1, ("x", "none"): 1, ("none", "y"): 1}


@pytest.mark.parametrize("name", main.commands)
def test_commands_write_what_they_say(folder: Path, tmp_path: Path, name: str) -> None:
    given = [
        word
        for option, path in [*options(folder).items(), ("params", folder / "params.yaml")]
        for word in (f"--{option}", str(path))
    ]
    done = CliRunner().invoke(
        main, [name, *given, "--task", "topic", "--out", str(tmp_path / "o"), "--plots", str(tmp_path / "p")]
    )
    assert done.exit_code == 0, done.output
    plotted = tmp_path / "p" / f"audit_{name}_topic.csv"
    assert not {"title", "text", "term", "terms"} & {*read_rows(plotted)[0]}
    assert [path.name for path in (tmp_path / "p").iterdir()] == [plotted.name]
    if name == "labels":
        assert read_rows(tmp_path / "o/labels_topic.csv")[0]["article_id"] == MISLABELLED
    assert "f1_macro_change" in done.output or name in ("labels", "errors")


def test_help_shows_an_example() -> None:
    for name in main.commands:
        shown = CliRunner().invoke(main, [name, "--help"]).output
        assert f"newsdesk audit {name}" in shown.partition("Example")[2]


def test_one_outlet_is_too_few(folder: Path, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("outlets: {south: [s]}")
    with pytest.raises(NewsdeskError, match="one outlet alone, south; two are needed"):
        read_study(read_settings(params), **options(folder), chosen=())
