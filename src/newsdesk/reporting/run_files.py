"""The files of a finished run. A file that is missing is passed over; one that is damaged is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, read_model, read_table, sha256
from newsdesk.base.schema import ARTICLES, TASKS
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import read_taxonomy, taxonomy_rows
from newsdesk.inference.scorer import Scorer
from newsdesk.reporting.predictions import Champion, HeadPredictions, read_predictions

PROFILES = ("starter", "public", "unseen")
METRICS = ("evaluate", "labels", "outlets", "outlets_labels")
T = TypeVar("T")
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The paths of a run's files; of two folders of metrics or plots, the later one takes precedence."""

    metrics: Sequence[Path]
    plots: Sequence[Path]
    account: Path
    predictions: Path
    articles: Path
    model: Path
    params: Path
    names: Path = Path("data")  # folder of the taxonomy and the table of sources


def find_run_paths(profile: str, root: Path) -> RunPaths:
    """Return where a profile of a checkout keeps its files; `unseen` has the articles of `public`."""
    public, unseen = root / "profiles/public", root / "profiles/unseen"
    own = {"starter": root, "public": public, "unseen": unseen}[profile]
    base = public if profile == "unseen" else own
    folders = [own, unseen] if profile == "public" else [own]
    predictions = "outlets_predictions" if profile == "unseen" else "predictions"
    return RunPaths(
        metrics=[folder / "metrics" for folder in folders],
        plots=[folder / "plots" for folder in folders],
        account=base / "metrics/clean.json",
        predictions=own / f"data/{predictions}.parquet",
        articles=base / "data/clean/articles.parquet",
        model=own / "model",
        params=base / "params.yaml",
        names=root / "data",
    )


@dataclass(frozen=True, slots=True)
class RunContent:
    """The content of a run's files."""

    metrics: Mapping[str, Any]  # of the JSON files, by name without suffix
    plots: Mapping[str, Rows]  # of the CSV files, by name without suffix
    predictions: Mapping[str, HeadPredictions]  # on the test articles, by task
    texts: Mapping[str, tuple[str, str]]  # title and text, by article
    scorer: Scorer | None
    settings: Settings
    hashes: Mapping[str, str]  # SHA-256 of each file that was read, by its name in the run
    damaged: Sequence[str]  # an error message for each file that could not be read
    names: Mapping[str, str]  # of labels and sources, by id
    champion: Champion | None = None  # a model to compare with

    def name(self, id: str) -> str:
        """Return the name of a label or source, its id if it has none."""
        return self.names.get(id, id)

    def plots_of(self, name: str) -> dict[str, Rows]:
        """Return the rows of the plots `name`, by task."""
        return {task: rows for task in TASKS if (rows := self.plots.get(f"{name}_{task}"))}


def read_run(paths: RunPaths, *, with_texts: bool) -> RunContent:
    """Read the files of a run that exist; with texts, also the model, which explains its mistakes."""
    reader = _Reader()
    settings = reader.read(paths.params, "params.yaml", read_settings) or Settings()
    metrics = {
        name: content
        for folder in paths.metrics
        for name in METRICS
        if (content := reader.read(folder / f"{name}.json", f"metrics/{name}.json", read_json)) is not None
    }
    if account := reader.read(paths.account, "metrics/clean.json", read_json):
        metrics["clean"] = account
    plots = {
        path.stem: rows
        for folder in paths.plots
        for path in sorted(folder.glob("*.csv"))
        if (rows := reader.read(path, f"plots/{path.name}", lambda p: pacsv.read_csv(p).to_pylist()))
    }
    origins = settings.evaluate.origins
    name = f"data/{paths.predictions.name}"
    predictions = reader.read(paths.predictions, name, lambda p: read_predictions(p, origins=origins)) or {}
    texts: Mapping[str, tuple[str, str]] = {}
    scorer = None
    if with_texts:
        ids = {article_id for head in predictions.values() for article_id in head.article_ids}
        texts = reader.read(paths.articles, "articles.parquet", lambda p: read_texts(p, ids)) or {}
        scorer = reader.read(paths.model, "model", read_model)
    names = {
        **(reader.read(paths.names / "sources.tsv", "data/sources.tsv", _source_names) or {}),
        **(reader.read(paths.names / "taxonomy.yaml", "data/taxonomy.yaml", _label_names) or {}),
    }
    hashes = dict(sorted(reader.hashes.items()))
    return RunContent(metrics, plots, predictions, texts, scorer, settings, hashes, reader.damaged, names)


def _source_names(path: Path) -> dict[str, str]:
    table = pacsv.read_csv(path, parse_options=pacsv.ParseOptions(delimiter="\t"))
    return dict(zip(table["source"].to_pylist(), table["outlet"].to_pylist(), strict=True))


def _label_names(path: Path) -> dict[str, str]:
    return {row["id"]: row["english"] for row in taxonomy_rows(read_taxonomy(path))}


class _Reader:
    """Reads files, and keeps the hash of each, or the reason why it could not be read."""

    def __init__(self) -> None:
        self.hashes: dict[str, str] = {}
        self.damaged: list[str] = []

    def read(self, path: Path, name: str, read: Callable[[Path], T]) -> T | None:
        """Return the content of a file, None if it is missing or damaged."""
        if not path.exists():
            return None
        try:
            content = read(path)
        except (NewsdeskError, KeyError, TypeError, ValueError, OSError) as error:
            message = str(error).replace(str(path), name)  # the same page on every machine
            self.damaged.append(f"{name} could not be read: {message}")
            return None
        self.hashes[name] = sha256(path)
        return content


def read_texts(path: Path, article_ids: set[str]) -> dict[str, tuple[str, str]]:
    """Read title and text of some articles."""
    table = read_table(path, ARTICLES).select(["article_id", "title", "text"])
    kept = table.filter(pc.is_in(table["article_id"], pa.array(sorted(article_ids), pa.string())))
    return {row["article_id"]: (row["title"] or "", row["text"] or "") for row in kept.to_pylist()}
