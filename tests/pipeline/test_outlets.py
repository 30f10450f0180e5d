"""Stage `outlets` on made articles of three outlets."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, read_model
from newsdesk.base.settings import Settings
from newsdesk.evaluation.metrics import draw_f1
from newsdesk.pipeline.outlets import main
from tests.evaluation.made import SETTINGS, inputs, write_articles


def measure(folder: Path, settings: Settings = SETTINGS, **changed: object) -> Path:
    folder.mkdir(exist_ok=True)
    articles = folder / "articles.parquet"
    options = {
        "test_only": None, "gold": None, "sources": None, "peers": {}, "chosen": (), "metrics": folder / "m.json",
        "by_label": folder / "l.json", "plots": folder / "plots", "predictions": folder / "p.parquet", "n_jobs": 1,
    } | inputs(folder, articles if articles.exists() else write_articles(articles))  # fmt: skip
    main.callback(settings, **(options | changed))
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measure(tmp_path_factory.mktemp("one") / "run")


def test_every_trusted_article_is_tested_once(measured: Path) -> None:
    rows = pq.read_table(measured / "p.parquet").to_pylist()
    tested = [
        row["article_id"]
        for row in rows
        if (row["protocol"], row["task"], row["system"]) == ("outlet", "region", "places")
    ]
    assert sorted(tested) == sorted(f"{source}:{i}" for source in ("n1", "n2", "s", "w") for i in range(10))
    splits = {row["split"] for row in rows if row["article_id"].startswith("n")}
    assert splits >= {"north", "random", "group", "time"}
    assert "text" not in rows[0]


def test_metrics_are_those_of_the_predictions(measured: Path) -> None:
    rows = pq.read_table(measured / "p.parquet").to_pylist()
    found = json.loads((measured / "m.json").read_text())
    north = found["region"]["outlets"]["north"]
    for system in ("newsdesk", "places"):  # they predict no third label here
        own = [r for r in rows if (r["split"], r["task"], r["system"]) == ("north", "region", system)]
        y, p = ([[label in r[k] for label in ("europe", "us")] for r in own] for k in ("true", "predicted"))
        expected = draw_f1(np.array(y), np.array(p), groups=["g"] * len(own), n_bootstrap=0, seed=0)
        assert north["systems"][system]["f1_macro"] == pytest.approx(expected[0, 0], abs=1e-6)
    assert (north["n_articles"], north["n_train"]) == (20, 20)
    assert found["topic"]["mean"]["systems"]["newsdesk"]["f1_micro"] > 0.9
    assert "places" not in found["topic"]["mean"]["systems"]


def test_the_settings_of_each_outlet_are_written_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate = SETTINGS.evaluate.model_copy(update={"candidates": {"C": (1e-6, 10.0)}})
    measure(tmp_path, SETTINGS.model_copy(update={"evaluate": evaluate}), chosen=("west",))
    found = json.loads((tmp_path / "m.json").read_text())
    for task in ("region", "topic"):
        west = found[task]["outlets"]["west"]
        assert west["settings"]["chosen"] == {"C": 10.0}
        assert west["difference"]["newsdesk_fixed"]["f1_micro"] == 0
        assert found[task]["mean"]["best_baseline"] != "newsdesk_fixed"
        assert "newsdesk_fixed" not in found[task]["contrast"]["random"]["systems"]
    assert "C 10.0" in capsys.readouterr().out


@pytest.mark.integration
def test_any_number_of_jobs_writes_the_same_bytes(measured: Path, tmp_path: Path) -> None:
    other = measure(tmp_path / "two", n_jobs=2)
    for name in ("m.json", "l.json", "p.parquet", "plots/outlets_region.csv"):
        assert (other / name).read_bytes() == (measured / name).read_bytes(), name


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"settings": Settings(outlets={"x": ("absent",)}), "chosen": ("x",)}, "outlet 'x' has no article"),
        ({"test_only": Path("far.jsonl")}, "give --gold too"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, changed: dict, message: str) -> None:
    with pytest.raises(NewsdeskError, match=message):
        measure(tmp_path / "run", **changed)


def test_an_outlet_without_gold_is_named(tmp_path: Path) -> None:
    def change(row: dict) -> None:
        if row["source"] == "w":
            row.update(region_origin="editor", topic_origin="editor")

    with pytest.raises(NewsdeskError, match="outlet 'west' has no gold label"):
        measure(tmp_path, articles=write_articles(tmp_path / "a.parquet", change))


def test_a_packaged_model_takes_part(tmp_path: Path) -> None:
    measure(tmp_path, peers={"shipped": SHIPPED}, chosen=("west",))
    rows = pq.read_table(tmp_path / "p.parquet").to_pylist()
    articles = pq.read_table(tmp_path / "articles.parquet").to_pydict()
    predicted = read_model(SHIPPED).predict(articles["title"], articles["text"])
    expected = dict(zip(articles["article_id"], predicted, strict=True))
    of_peer = [row for row in rows if row["system"] == "shipped"]
    assert len(of_peer) == 2 * 10
    for row in of_peer:
        assert {*row["predicted"]} == {*expected[row["article_id"]].labels[row["task"]]}
    assert any(row["predicted"] == ["us"] for row in of_peer)


def test_a_peer_is_a_name_and_a_path() -> None:
    done = CliRunner().invoke(main, ["--peer", "model"])
    assert done.exit_code == 2
    assert "expected NAME=PATH, found 'model'" in done.output
