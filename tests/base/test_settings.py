"""Settings: params.yaml has the defaults, and errors name the setting."""

from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]


def test_params_files_are_valid_and_the_default_has_the_defaults() -> None:
    assert read_settings(ROOT / "params.yaml") == Settings(), "the defaults of the code are those of the file"
    read_settings(ROOT / "profiles/public/params.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("train: {c: 1}", "train.c: expected no such key, found 1"),
        ("train: {C: 0}", "train.C: expected greater than 0, found 0"),
        (
            "train: {classifier: forest}",
            "train.classifier: expected 'logistic_regression', 'nb_logistic_regression' or 'linear_svc', found 'forest'",
        ),
        ("train: {origin_weights: {tweet: 1}}", "train.origin_weights.tweet"),
        ("features: {char_ngrams: [5, 3]}", "features.char_ngrams: expected two lengths"),
        ("features: {place_weight: 0}", "features.place_weight: expected greater than 0, found 0"),
        ("package: {quantize: 4}", "package.quantize: expected greater than or equal to 8, found 4"),
        ("clean: {evaluation_outlets: aawsat}", "clean.evaluation_outlets: expected a list"),
        ("text: {fold_alef: no}", "text.fold_alef: expected a valid boolean, found 'no'"),
        ("clean: {samples: {a: 2}}", "clean.samples.a: expected less than or equal to 1, found 2"),
        ("corpora: {a: {opening: '('}}", "corpora.a.opening: expected a regular expression"),
        ("corpora: {a: {fields: {name: x}}}", "corpora.a.fields.name"),
        ("evaluate: {candidates: {C: [1, 0]}}", "evaluate.candidates: train.C: expected greater than 0"),
        (
            "evaluate: {candidates: {floors: [{topic: 2}]}}",
            "train.floors.topic: expected less than or equal to 1",
        ),
        ("evaluate: {candidates: {C: 3}}", "evaluate.candidates.C: expected a list, found 3"),
        ("evaluate: {candidates: {place_tasks: [[]]}}", "evaluate.candidates.place_tasks"),
        ("- 1", "the file: expected a mapping"),
        ("a: [", "not readable as YAML"),
    ],
)
def test_wrong_settings(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(NewsdeskError, match=message) as caught:
        read_settings(path)
    assert "\n" not in str(caught.value)


def test_numbers_as_dvc_writes_them(tmp_path: Path) -> None:
    """YAML 1.2: 1e-3 is a number and NO is text."""
    path = tmp_path / "params.yaml"
    path.write_text("train: {C: 1e-3}\nclean: {evaluation_outlets: [NO]}")
    settings = read_settings(path)
    assert settings.train.C == 0.001
    assert settings.clean.evaluation_outlets == ("NO",)


def test_candidates_are_all_combinations_behind_the_settings_themselves(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("evaluate: {candidates: {C: [1, 2], most_labels: [{topic: 2}, {}]}}\ntrain: {C: 5}")
    settings = read_settings(path)
    found = settings.evaluate.train_candidates(settings.train)
    assert [(train.C, train.most_labels) for train in found] == [
        (5, {}), (1, {"topic": 2}), (1, {}), (2, {"topic": 2}), (2, {}),
    ]  # fmt: skip


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match="no such file; give a params file with --params"):
        read_settings(tmp_path / "none.yaml")


def test_columns_of_a_corpus(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("corpora: {news.csv: {text_column: body}}")
    assert read_settings(path).corpora["news.csv"].chosen == {"text_column": "body"}
    path.write_text("corpora: {news.csv: {text: body}}")
    with pytest.raises(NewsdeskError, match=r"corpora.news.csv.text: expected no such key, found 'body'"):
        read_settings(path)
