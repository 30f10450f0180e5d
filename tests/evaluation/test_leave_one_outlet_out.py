"""The headline comparison on made articles of three outlets."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, read_model
from newsdesk.base.normalization import Normalization
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Features, Settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.evaluation.leave_one_outlet_out import (
    Said,
    Trial,
    build_features,
    compare,
    plot_risk,
    tell_labels,
)
from newsdesk.evaluation.metrics import draw_f1
from newsdesk.pipeline.outlets import add_peers, read_peer, read_test_only, run
from tests.conftest import ROOT

STORIES = {
    ("europe", "politics"): "فرنسا باريس الحكومة البرلمان الانتخابات الوزير",
    ("us", "terrorism"): "واشنطن أميركا الشرطة هجوم إرهابي تفجير",
}
SETTINGS = Settings.model_validate(
    {
        "features": {"min_df": 1, "max_df": 1.0},
        "train": {"min_positives": 4},
        "evaluate": {"min_support": 3, "n_bootstrap": 20},
        "outlets": {"north": ["n1", "n2"], "south": ["s"], "west": ["w"]},
    }
)


def write_articles(path: Path, *, without_gold: str = "") -> Path:
    """Ten articles of each source in turn, and aawsat's; words drawn from those of their story."""
    rng = np.random.default_rng(5)
    rows = []
    for source in ("n1", "n2", "s", "w", "aawsat"):
        for i in range(10):
            (region, topic), words = list(STORIES.items())[i % 2]
            drawn = " ".join([*rng.permutation(words.split()).tolist()[:5], f"كلمه{source}"])
            gold = None if source == without_gold else "gold"
            rows.append(
                dict.fromkeys(ARTICLES.names)
                | {
                    "article_id": f"{source}:{i}", "source": source, "kind": "article", "title": drawn,
                    "text": f"{drawn} {i}", "published": datetime(2020, 1, 1 + i, tzinfo=UTC), "group_id": f"{source}:{i}",
                    "split": "evaluation" if source == "aawsat" else "train",
                    "region": [region], "topic": [topic],
                    "region_origin": gold or "editor", "topic_origin": gold or "editor",
                }
            )  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=ARTICLES), path)
    return path


def measure(folder: Path, settings: Settings = SETTINGS, **changed: object) -> Path:
    folder.mkdir(exist_ok=True)
    options = {
        "articles": folder / "articles.parquet", "taxonomy": ROOT / "data/taxonomy.yaml",
        "places": ROOT / "data/places", "fields": ROOT / "data/fields.tsv", "test_only": None, "gold": None, "peers": {}, "chosen": (),
        "metrics": folder / "m.json", "by_label": folder / "l.json", "plots": folder / "plots",
        "predictions": folder / "p.parquet", "n_jobs": 1,
    }  # fmt: skip
    if not options["articles"].exists():
        write_articles(options["articles"])
    run(settings, **(options | changed))
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measure(tmp_path_factory.mktemp("one") / "run")


def test_every_gold_article_is_tested_once_and_no_other(measured: Path) -> None:
    rows = pq.read_table(measured / "p.parquet").to_pylist()
    tested = [
        r["article_id"]
        for r in rows
        if (r["protocol"], r["task"], r["system"]) == ("outlet", "region", "places")
    ]
    assert sorted(tested) == sorted(f"{source}:{i}" for source in ("n1", "n2", "s", "w") for i in range(10))
    assert {r["split"] for r in rows if r["article_id"].startswith("n")} >= {
        "north",
        "random",
        "group",
        "time",
    }
    assert "text" not in rows[0]


def test_metrics_tell_what_the_predictions_are(measured: Path) -> None:
    rows = pq.read_table(measured / "p.parquet").to_pylist()
    found = json.loads((measured / "m.json").read_text())
    for system, told in found["region"]["outlets"]["north"]["systems"].items():
        own = [r for r in rows if (r["split"], r["task"], r["system"]) == ("north", "region", system)]
        y, p = ([[label in r[k] for label in ("europe", "us")] for r in own] for k in ("true", "predicted"))
        expected = draw_f1(np.array(y), np.array(p), groups=["g"] * len(own), n_bootstrap=0, seed=0)
        if system in ("newsdesk", "places"):  # which say no other label here
            assert told["f1_macro"] == pytest.approx(expected[0, 0], abs=1e-6)
    north = found["region"]["outlets"]["north"]
    assert north["n_articles"] == 20
    assert north["n_train"] == 20, "neither its own twenty nor the ten of aawsat"
    assert found["topic"]["mean"]["systems"]["newsdesk"]["f1_micro"] > 0.9
    assert "places" not in found["topic"]["mean"]["systems"]


def test_any_number_of_jobs_writes_the_same_bytes(measured: Path, tmp_path: Path) -> None:
    other = measure(tmp_path / "two", n_jobs=2)
    for name in ("m.json", "l.json", "p.parquet", "plots/outlets_region.csv"):
        assert (other / name).read_bytes() == (measured / name).read_bytes(), name


def test_vocabulary_is_of_the_training_articles_alone(tmp_path: Path) -> None:
    table = pq.read_table(write_articles(tmp_path / "a.parquet"))
    train = np.array(table["source"].to_pylist()) != "w"
    options = {"normalization": Normalization(), "features": Features(max_df=1.0), "n_jobs": 1}
    whole, terms = build_features(table, train, **options)
    alone, own = build_features(table.filter(pa.array(train)), train[train], **options)
    assert (whole[train] != alone).nnz == 0
    assert terms == own


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"chosen": ("mars",)}, r"no outlet 'mars' in the settings \(`outlets`\); found north, south, west"),
        ({"settings": Settings()}, "no article of any outlet to leave out"),
        ({"settings": Settings(outlets={"x": ("absent",)}), "chosen": ("x",)}, "no article of outlet 'x'"),
        ({"test_only": Path("egypt.jsonl")}, "give --gold too"),
    ],
)
def test_errors_tell_what_to_do(tmp_path: Path, changed: dict, message: str) -> None:
    with pytest.raises(NewsdeskError, match=message):
        measure(tmp_path / "run", **changed)


def test_an_outlet_without_gold_is_named(tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match="outlet 'west' has no gold label"):
        measure(tmp_path, articles=write_articles(tmp_path / "a.parquet", without_gold="w"))


def test_test_only_takes_the_labelled_and_trains_nothing(tmp_path: Path) -> None:
    """One of two articles has a gold label; its copy among the training articles is dropped with it."""
    articles = write_articles(tmp_path / "articles.parquet")
    copied = pq.read_table(articles).to_pylist()[0]
    corpus = tmp_path / "far.jsonl"
    lines = [
        {"id": name, "outlet": "far", "title": copied["title"], "text": text}
        for name, text in (("k1", copied["text"]), ("k2", "خبر آخر لا يحمل أي تصنيف في الجدول"))
    ]
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    gold = tmp_path / "gold.tsv"
    gold.write_text("outlet\tkey\tregions\ttopics\nfar\tk1\teurope\tpolitics\n", encoding="utf-8")
    settings = SETTINGS.model_copy(update={"outlets": {**SETTINGS.outlets, "far": ("far",)}})
    folder = measure(tmp_path, settings, test_only=corpus, gold=gold)
    far = json.loads((folder / "m.json").read_text())["region"]["outlets"]["far"]
    assert far["n_articles"] == 1
    assert far["n_train"] == 39, "all forty but the one that it is a copy of"


def test_test_only_without_a_label_is_told(tmp_path: Path) -> None:
    gold, path = tmp_path / "gold.tsv", tmp_path / "far.jsonl"
    gold.write_text("outlet\tkey\tregions\ttopics\n", encoding="utf-8")
    path.write_text(json.dumps({"id": "k", "outlet": "far", "title": "t", "text": "x"}) + "\n")
    with pytest.raises(NewsdeskError, match=r"far\.jsonl: no article has a label in"):
        read_test_only(path, gold, SETTINGS, read_taxonomy(ROOT / "data/taxonomy.yaml"))


def trial(split: str, ours: list[int], other: list[int]) -> Trial:
    """Four articles that all carry the one label."""
    scores = np.array([[0.9], [0.8], [0.7], [0.6]])
    said = {
        "newsdesk": Said(np.array(ours, dtype=bool)[:, None], scores, scores),
        "other": Said(np.array(other, dtype=bool)[:, None]),
    }
    names = np.array([f"{split}{i}" for i in range(4)], dtype=object)
    return Trial(split, "region", ("us",), 9, names, names, np.ones((4, 1), dtype=bool), said)


def test_mean_and_difference_by_hand() -> None:
    """F1 of k of four found is 2k / (4 + k)."""
    trials = [trial("a", [1, 1, 1, 1], [1, 1, 0, 0]), trial("b", [1, 1, 0, 0], [1, 1, 1, 1])]
    found = compare(trials, n_bootstrap=200, seed=0, min_support=4)
    assert found["splits"]["a"]["difference"]["other"]["f1_macro"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["splits"]["a"]["difference"]["other"]["f1_macro_low"] >= 0
    assert found["mean"]["difference"]["other"]["f1_macro"] == 0
    assert found["mean"]["systems"]["newsdesk"]["f1_micro"] == pytest.approx(5 / 6, abs=1e-6)
    assert found["mean"]["best_baseline"] == "other"
    assert found["mean"]["systems"]["newsdesk"]["brier"] == pytest.approx(0.075, abs=1e-6)


def test_labels_of_all_splits_are_counted_together() -> None:
    told = tell_labels([trial("a", [1, 1, 1, 1], [0] * 4), trial("b", [1, 0, 0, 0], [0] * 4)])
    assert told["newsdesk"]["all"]["us"]["recall"] == 0.625
    assert told["newsdesk"]["all"]["us"]["support"] == 8
    assert told["newsdesk"]["a"]["us"]["coverage"] == 1


def test_risk_is_of_the_likeliest_first() -> None:
    points = plot_risk([trial("a", [1, 1, 1, 0], [0] * 4)])
    assert points[-1] == {"coverage": 1.0, "risk": 0.25}
    assert points[0] == {"coverage": 0.25, "risk": 0.0}


def test_peers_are_read_and_must_be_complete(tmp_path: Path) -> None:
    path = tmp_path / "peer.parquet"
    rows = [{"article_id": f"a{i}", "region": ["us"], "topic": []} for i in range(4)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    one = trial("a", [1, 1, 1, 1], [0] * 4)
    assert add_peers(one, {"p": read_peer(path)}).said["p"].labels.all()
    with pytest.raises(NewsdeskError, match="peer p: no region for 1 of a; first a3"):
        add_peers(one, {"p": {k: v for k, v in read_peer(path).items() if k != "a3"}})
    pq.write_table(pa.Table.from_pylist([{"article_id": "a"}]), path)
    with pytest.raises(NewsdeskError, match="no column region, topic"):
        read_peer(path)


def test_a_packaged_model_takes_part(tmp_path: Path) -> None:
    measure(tmp_path, peers={"shipped": SHIPPED}, chosen=("west",))
    rows = pq.read_table(tmp_path / "p.parquet").to_pylist()
    articles = pq.read_table(tmp_path / "articles.parquet").to_pydict()
    said = read_model(SHIPPED).predict(articles["title"], articles["text"])
    expected = dict(zip(articles["article_id"], said, strict=True))
    asked = [row for row in rows if row["system"] == "shipped"]
    assert len(asked) == 2 * 10
    for row in asked:
        assert {*row["predicted"]} == {*expected[row["article_id"]].labels[row["task"]]}
    assert any(row["predicted"] == ["us"] for row in asked)
