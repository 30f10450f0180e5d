"""Homes of sources by every door: files, options, jobs, the Python API and an export."""

import csv
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from newsdesk import load
from newsdesk.base.errors import NewsdeskError
from newsdesk.cli.main import newsdesk
from newsdesk.inference.scorer import Scorer
from tests.home_model import UNNAMED

HOMES = ["MA", " dz ", "Algeria", "", None]  # as rows of a file have them
MEANT = ["MA", "DZ", None, None, None]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(newsdesk, [str(argument) for argument in arguments])


def scores(model: Path, homes: list[str | None]) -> list[dict[str, float]]:
    predictions = Scorer.load(model).predict([""] * len(homes), [UNNAMED] * len(homes), homes=homes)
    return [prediction.scores["region"] for prediction in predictions]


def write(folder: Path, suffix: str, column: str = "home") -> Path:
    rows = [{"id": str(i), "text": UNNAMED, column: home} for i, home in enumerate(HOMES)]
    path = folder / f"news.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "csv":
        with path.open("w", encoding="utf-8", newline="") as handle:
            table = csv.DictWriter(handle, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_rows_have_their_home_and_others_that_of_the_option(
    home_model: Path, tmp_path: Path, suffix: str
) -> None:
    path = write(tmp_path, suffix)
    for option, default in (((), None), (("--home", "sa"), "SA")):
        done = run("predict", path, "--model", home_model, "--format", "jsonl", *option)
        assert done.exit_code == 0, done.output
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["region_scores"] for row in rows] == scores(home_model, [h or default for h in MEANT])


def test_column_of_another_name_and_a_carried_home(home_model: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "parquet", column="land")
    done = run("predict", path, "--model", home_model, "--format", "jsonl", "--home-column", "land",
               "--carry", "land,home")  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["region_scores"] for row in rows] == scores(home_model, MEANT)
    assert [row["land"] for row in rows] == HOMES


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_an_option_that_is_no_country_is_one_line(home_model: Path, command: str) -> None:
    done = run(command, UNNAMED, "--model", home_model, "--home", "XX")
    assert done.exit_code != 0
    assert "--home XX: expected the ISO 3166-1 code of a country, such as DZ" in str(done.exception)
    assert isinstance(done.exception, NewsdeskError)


def test_a_model_without_homes_says_that_the_option_changes_nothing(tiny_model: Path) -> None:
    done = run("predict", UNNAMED, "--model", tiny_model, "--home", "DZ", "--format", "jsonl")
    assert "--home changes nothing: the model has learned no homes" in done.stderr
    without = run("predict", UNNAMED, "--model", tiny_model, "--format", "jsonl")
    assert done.stdout == without.stdout
    assert "--home" not in without.stderr


def test_the_home_belongs_to_what_a_job_is(home_model: Path, tmp_path: Path) -> None:
    path, folder = write(tmp_path, "jsonl"), tmp_path / "out"
    job = ["predict", path, "--model", home_model, "--output", f"{folder}/", "--resume", "--format", "jsonl"]
    assert run(*job, "--home", "SA").exit_code == 0
    rows = [json.loads(line) for line in (folder / "part-00000.jsonl").read_text().splitlines()]
    assert [row["region_scores"] for row in rows] == scores(home_model, [home or "SA" for home in MEANT])
    assert json.loads((folder / "_manifest.json").read_text())["settings"]["home"] == "SA"
    again = run(*job, "--home", "MA")
    assert "another job" in str(again.exception)
    assert run(*job, "--home", "sa").exit_code == 0, "the same code in small letters"


@pytest.mark.integration
@pytest.mark.parametrize("options", [("--workers", 2), ("--engine", "spark", "--master", "local[1]")])
def test_other_engines_write_the_same_rows(home_model: Path, tmp_path: Path, options: tuple) -> None:
    if "spark" in options:
        pytest.importorskip("pyspark")
    path = write(tmp_path, "jsonl")
    job = ["predict", path, "--model", home_model, "--home", "SA", "--scored-at", "2026-11-27T02:00:00Z"]
    assert run(*job, "--output", f"{tmp_path / 'one'}/").exit_code == 0
    done = run(*job, "--output", f"{tmp_path / 'two'}/", *options)
    assert done.exit_code == 0, done.output
    one, two = (pq.read_table(tmp_path / name / "part-00000.parquet") for name in ("one", "two"))
    assert one.equals(two)


def test_explain_names_the_country(home_model: Path, tmp_path: Path) -> None:
    done = run("explain", UNNAMED, "--model", home_model, "--label", "africa", "--home", "dz")
    assert done.exit_code == 0, done.output
    assert "home: Algeria" in done.stdout
    path = write(tmp_path, "jsonl")
    shown = run("explain", path, "--model", home_model, "--label", "africa", "--format", "json", "--top", 99)
    terms = []
    for line in shown.stdout.splitlines():
        [evidence] = json.loads(line)["evidence"]
        terms.append([c["term"] for c in evidence["contributions"] if c["kind"] == "home"])
    assert terms == [["MA"], ["DZ"], [], [], []]


def test_python_api(home_model: Path, tmp_path: Path) -> None:
    model, n = load(home_model), len(MEANT)
    expected = scores(home_model, MEANT)
    found = model.predict([UNNAMED] * n, home=MEANT)
    assert [prediction.scores["region"] for prediction in found] == expected
    assert model.predict(UNNAMED, home="MA").scores["region"] == expected[0]
    assert [p.scores["region"] for p in model.predict([UNNAMED] * 2, home="MA")] == [expected[0]] * 2
    frame = pd.DataFrame({"text": [UNNAMED] * n, "country": MEANT})
    assert model.predict_frame(frame, home="country")["region_scores"].tolist() == expected
    files = model.predict_files(write(tmp_path, "csv"), home="SA")
    assert [dict(row) for row in files.articles["region_scores"].to_pylist()] == scores(
        home_model, [home or "SA" for home in MEANT]
    )
    [explained] = model.explain(UNNAMED, labels=["africa"], home="DZ")
    assert [c.term for c in explained.contributions if c.kind == "home"] == ["DZ"]


def test_arguments_that_are_no_country_are_errors(home_model: Path, tmp_path: Path) -> None:
    model, message = (
        load(home_model),
        "home: expected the ISO 3166-1 code of a country, such as DZ, found 'XX'",
    )
    for call in (
        lambda: model.predict(UNNAMED, home="XX"),
        lambda: model.predict([UNNAMED], home=["XX"]),
        lambda: model.predict_files(tmp_path, home="XX"),
        lambda: model.explain(UNNAMED, home="XX"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match="1 homes for 2 texts"):
        model.predict([UNNAMED, UNNAMED], home=["DZ"])
    frame = pd.DataFrame({"text": [UNNAMED], "land": ["XX"]})
    with pytest.raises(NewsdeskError, match=f"column 'land': {message}"):
        model.predict_frame(frame, home="land")


def test_an_export_takes_homes(home_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "exported_home"
    assert run("export", folder, "--model", home_model).exit_code == 0
    spec = spec_from_file_location(folder.name, folder / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[folder.name] = package = module_from_spec(spec)
    spec.loader.exec_module(package)
    found = package.load().predict([""] * len(MEANT), [UNNAMED] * len(MEANT), homes=MEANT)
    assert [prediction.scores["region"] for prediction in found] == scores(home_model, MEANT)
