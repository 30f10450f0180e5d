"""The model card: every number in it is the run's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsdesk.evaluation.metrics import brier_score, calibration_error
from newsdesk.evaluation.test_set import select_test_set
from newsdesk.registry import versions
from newsdesk.registry.model_card import (
    SOURCES,
    CardData,
    build_card,
    measure_task,
    read_card_data,
    read_sources,
)
from newsdesk.tracking.hashes import read_hashes
from tests.commands import Command
from tests.recorded_runs import LABELS, N_BOOTSTRAP, make_predictions, make_run
from tests.stores import connect

PREDICTIONS = make_predictions(errors=0.1, seed=1)


@pytest.fixture
def data(mlflow_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CardData:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    client = connect(mlflow_file)
    run = versions.get_finished_run(client, make_run(client, tmp_path, PREDICTIONS))
    return read_card_data(client, run, tmp_path)


def rows_of(card: str, title: str) -> list[list[str]]:
    """The cells of the first table under a title."""
    part = card.split(f"# {title}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", part, re.MULTILINE)
    assert table
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()][2:]


def test_its_numbers_are_the_metrics(data: CardData) -> None:
    card = build_card(data)
    shown = {(row[0], row[1].strip("*")): row[2:] for row in rows_of(card, "Metrics")}
    assert len(shown) == 2 * (5 + 3)
    for task, head in data.metrics.items():
        for name in ("f1_macro", "f1_micro", "exact_match", "main_label", "first_label"):
            value, low, high = (f"{head[name + suffix]:.3f}" for suffix in ("", "_low", "_high"))
            assert shown[task, name] == ["", "", f"{value} ({low} to {high})", f"{head['n_articles']:,}"]
        for label, measured in data.labels[task].items():
            precision, recall, f1, support = shown[task, label]
            assert (precision, recall) == (f"{measured['precision']:.3f}", f"{measured['recall']:.3f}")
            value, low, high = (float(n) for n in re.findall(r"[\d.]+", f1))
            assert (f"{value:.3f}", int(support)) == (f"{measured['f1']:.3f}", measured["support"])
            assert low < value < high


def test_a_label_without_test_articles_is_not_measured(data: CardData) -> None:
    for row in data.rows:
        row["topic_true"] = [label for label in row["topic_true"] if label != "sport"]
    labels = measure_task(data, "topic")["labels"]
    assert labels["sport"] == {"f1": None, "f1_low": None, "f1_high": None}
    assert labels["economy"]["f1"] > 0


def test_no_other_number_is_in_it(data: CardData) -> None:
    """Numbers outside of tables and code are settings, or can be counted in the predictions."""
    prose = re.sub(r"^\|.*$", "", build_card(data), flags=re.MULTILINE)
    numbers = set(re.findall(r"\d[\d.,]*\d|\d", re.sub(r"`[^`]*`|F1|sha256", "", prose)))
    known = {"95", str(N_BOOTSTRAP), "0", "20"}  # the interval, the bootstrap, its seed, the support
    for task, labels in data.labels.items():
        known |= {f"{label['f1']:.3f}" for label in labels.values()}
        known |= {str(label["support"]) for label in labels.values()}
        rows = [row for row in data.rows if row[f"{task}_true"] is not None]
        known |= {str(sum(row["reason"] == "no_evidence" for row in rows))}
        for missed in LABELS[task]:
            for predicted in (*LABELS[task], "nothing"):
                known.add(str(count_missed(rows, task, missed, predicted)))
    assert numbers <= known


def count_missed(rows: Sequence[Mapping[str, Any]], task: str, missed: str, wrong: str) -> int:
    """Count articles in which a label was missed and another one, or nothing, was wrong."""
    n = 0
    for row in rows:
        true, predicted = row[f"{task}_true"], row[f"{task}_predicted"]
        wrong_labels = [label for label in predicted if label not in true] or ["nothing"]
        n += missed in true and missed not in predicted and wrong in wrong_labels
    return n


def test_calibration_outlets_and_data(data: CardData) -> None:
    card = build_card(data)
    for task, brier, error in rows_of(card, "Calibration"):
        rows = select_test_set(PREDICTIONS, origins=["gold"])
        labels = LABELS[task]
        y = np.array([[label in row[f"{task}_true"] for label in labels] for row in rows])
        p = np.array([[dict(row[f"{task}_scores"])[label] for label in labels] for row in rows])
        assert (brier, error) == (f"{brier_score(y, p):.3f}", f"{calibration_error(y, p):.3f}")
    assert [row[:3] for row in rows_of(card, "By outlet")][:2] == [
        ["region", "`north`", "120"],
        ["region", "`south`", "120"],
    ]
    north, south = rows_of(card, "Data")
    dates = "`2024-01-02` to `2025-03-04`"
    assert north == ["`north`", "not stated", "not stated", dates, "130", "120", "0", "0", "120"]
    assert south[3] == "undated"
    assert "No person has checked them" in card
    assert "### On an outlet without training articles" not in card


def test_table_of_sources() -> None:
    sources = read_sources(Path(__file__).parents[2] / SOURCES)
    assert sources["starter"]["licence"] == "CC0"
    assert {"skynews", "alarabiya", "almayadeen", "aawsat", "sabq"} < set(sources)


def test_card_of_a_version(mlflow_file: str, tmp_path: Path) -> None:
    client, newsdesk = connect(mlflow_file), Command(tmp_path, mlflow_file)
    run_id = make_run(client, tmp_path, PREDICTIONS)
    assert newsdesk("register", "--run", run_id, "--name", "carded").code == 0
    made = newsdesk("card", "--run", run_id)
    assert newsdesk("card", "1", "--name", "carded", "--output", "card.md").code == 0
    text = (tmp_path / "card.md").read_text()
    assert (made.out, text.startswith("# Model card: newsdesk\n")) == (text, True)
    version = client.get_model_version("carded", "1")
    assert read_hashes(version.tags)["card"] == versions.text_sha256(text)
    client.log_text(run_id, text + "better\n", versions.CARD_PATH)
    changed = newsdesk("card", "1", "--name", "carded")
    assert (changed.code, "the card of version 1 was changed" in changed.err) == (2, True)
