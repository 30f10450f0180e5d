"""`newsdesk audit` on made articles."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from newsdesk.cli.train.audit import main
from tests.evaluation.inner_validation.conftest import MISLABELLED, change
from tests.evaluation.made import arguments, inputs, write_articles

PARAMS = """
features: {min_df: 1, max_df: 1.0, char_ngrams: null}
train: {min_positives: 4}
evaluate: {min_support: 3, n_bootstrap: 20}
outlets: {north: [n1, n2], south: [s], west: [w]}
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("audit")
    (folder / "params.yaml").write_text(PARAMS)
    files = inputs(folder, write_articles(folder / "articles.parquet", change))
    return arguments(files | {"params": folder / "params.yaml"})


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("name", main.commands)
def test_tables_without_text_are_apart(given: list[str], tmp_path: Path, name: str) -> None:
    out, plots = tmp_path / "o", tmp_path / "p"
    done = CliRunner().invoke(
        main, [name, *given, "--task", "topic", "--out", str(out), "--plots", str(plots)]
    )
    assert done.exit_code == 0, done.output
    assert [path.name for path in plots.iterdir()] == [f"audit_{name}_topic.csv"]
    assert not {"title", "text", "term", "terms"} & {*read_rows(plots / f"audit_{name}_topic.csv")[0]}
    if name == "labels":
        assert read_rows(out / "labels_topic.csv")[0]["article_id"] == MISLABELLED
    if name == "shortcuts":
        assert "f1_macro_change" in done.output


def test_help_shows_an_example() -> None:
    for name in main.commands:
        shown = CliRunner().invoke(main, [name, "--help"]).output
        assert f"newsdesk audit {name}" in shown.partition("Example")[2]
