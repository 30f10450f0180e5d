"""The Python API: `newsdesk.load()` returns a model that labels texts, frames and files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import pyarrow as pa
from pydantic import ValidationError

from newsdesk.base import files, signals
from newsdesk.base.columns import Columns
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import Refusal
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import frames
from newsdesk.batch.input_reader import InputReader, find_inputs
from newsdesk.batch.labeling import label_columns
from newsdesk.batch.output_schema import build_schema
from newsdesk.inference.decision import BALANCED, PROFILES, Prediction
from newsdesk.inference.explain import Explanation, explanations
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.text import repair_text
from newsdesk.tracking import mlflow_model, runs

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    Frame = TypeVar("Frame", pd.DataFrame, pl.DataFrame, pa.Table)


class LabeledFiles(NamedTuple):
    """The articles of files with their labels, and the rows and files that could not be read."""

    articles: pa.Table
    refusals: list[Refusal]


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model. Threads may share it.

    Attributes
    ----------
    scorer : Scorer
    taxonomy : Taxonomy
        The regions and topics that the model was trained with.
    folder : Path
    identity : dict
        `name`, `version`, `run_id` and `sha256`. The version of an unregistered model is the one in its
        `model.json` and the start of its hash.
    """

    scorer: Scorer
    taxonomy: Taxonomy
    folder: Path
    identity: dict[str, Any]

    def __repr__(self) -> str:
        return f"<newsdesk model {self.identity['name']} {self.identity['version']}>"

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """The labels by task, `region` and `topic`."""
        return {head.task: head.labels for head in self.scorer.heads}

    @overload
    def predict(  # type: ignore[overload-overlap]  # a str is an iterable of str
        self, texts: str, *, title: str | None = None, profile: str = BALANCED, home: str | None = None
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        texts: Iterable[str | None],
        *,
        title: Iterable[str | None] | None = None,
        profile: str = BALANCED,
        home: str | Iterable[str | None] | None = None,
    ) -> list[Prediction]: ...

    def predict(self, texts: Any, *, title: Any = None, profile: str = BALANCED, home: Any = None) -> Any:
        """Label one text or several.

        Parameters
        ----------
        texts : str, or iterable of str or None, shape (n_articles,)
        title : str, or iterable of str or None, shape (n_articles,), optional
            The headline of each text.
        profile : {"balanced", "high_precision", "high_recall"}, default="balanced"
            The thresholds of the labels.
        home : str, or iterable of str or None, shape (n_articles,), optional
            The country that the source of all texts, or of each, writes from, by its ISO 3166-1 code such as
            "DZ". A story that names no place is then about home.

        Returns
        -------
        Prediction, or list of Prediction of length n_articles
            With `regions`, `topics`, `scores` and `reason`.

        Raises
        ------
        TypeError
            If `texts` is neither a string nor an iterable of strings.
        ValueError
            If the profile or a home is unknown, or there are more or fewer titles or homes than texts.

        Examples
        --------
        >>> import newsdesk
        >>> model = newsdesk.load()
        >>> prediction = model.predict("رفع المصرف المركزي الأوروبي سعر الفائدة لكبح التضخم في منطقة اليورو")
        >>> prediction.regions, prediction.topics
        (['europe'], ['economy'])
        """
        _check_profile(profile)
        if isinstance(texts, str):
            titles = None if title is None else [title]
            return self.predict([texts], title=titles, profile=profile, home=home)[0]
        if isinstance(title, str):
            raise ValueError("title: expected one for each text, found a single string")
        _check_texts(texts=texts, title=() if title is None else title)
        bodies = [_repaired(text) for text in texts]
        titles = [""] * len(bodies) if title is None else [_repaired(each) for each in title]
        homes = [home] * len(bodies) if isinstance(home, str) else home
        return self.scorer.predict(titles, bodies, profile, None if homes is None else list(homes))

    def predict_frame(
        self, frame: Frame, *, text: str = "text", title: str | None = None, profile: str = BALANCED,
        home: str | None = None,
    ) -> Frame:  # fmt: skip
        """Label the rows of a table.

        Parameters
        ----------
        frame : pandas.DataFrame, polars.DataFrame or pyarrow.Table, n_rows rows
        text : str, default="text"
            The column of texts; a missing value is an empty text.
        title : str, optional
            The column of headlines.
        profile : {"balanced", "high_precision", "high_recall"}, default="balanced"
        home : str, optional
            The column of home countries, as ISO 3166-1 codes.

        Returns
        -------
        table of the same type, n_rows rows
            In the same order, of pandas with the same index. Columns: `regions` and `topics` (lists),
            `region_scores` and `topic_scores` (probabilities by label) and `reason`.

        Raises
        ------
        NewsdeskError
            If a column is missing or does not hold text, or a home is no country of the taxonomy.
        TypeError
            If `frame` is another kind of table.

        Examples
        --------
        >>> import newsdesk
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"body": ["فاز ريال مدريد على برشلونة في الدوري الإسباني"]}, index=["a"])
        >>> newsdesk.load().predict_frame(frame, text="body")[["regions", "topics"]].loc["a"].tolist()
        [['europe'], ['sport']]
        """
        _check_profile(profile)
        articles = frames.to_articles(frame, text=text, title=title, home=home)
        frames.check_homes(articles, self.scorer.countries, home)
        labeled = [
            label_columns(batch, self.scorer, self.taxonomy, profile=profile)
            for batch in articles.to_batches(max_chunksize=frames.BATCH_ROWS)
        ]
        table = pa.Table.from_batches(labeled, build_schema(provenance=False)).select(frames.COLUMNS)
        predictions: Frame = frames.like(frame, table)
        return predictions

    def predict_files(
        self,
        *inputs: str | Path,
        profile: str = BALANCED,
        text_column: str | None = None,
        title_column: str | None = None,
        id_column: str | None = None,
        source_column: str | None = None,
        date_column: str | None = None,
        home_column: str | None = None,
        home: str | None = None,
    ) -> LabeledFiles:
        """Label the articles of files and folders, as `newsdesk predict` does.

        All articles are held in memory; for more than fit there, `newsdesk predict --output` writes parts.

        Parameters
        ----------
        *inputs : path
            Pages, HTML, JSON, CSV, Parquet, workbooks, feeds, messages, archives of them, and folders.
        profile : {"balanced", "high_precision", "high_recall"}, default="balanced"
        text_column, title_column, id_column, source_column, date_column, home_column : str, optional
            Columns of tables and keys of JSON records, where their names are not known or not unique.
        home : str, optional
            The home country of articles that name none, by its ISO 3166-1 code; that of an article which is
            no such code counts as missing.

        Returns
        -------
        LabeledFiles
            `articles`, an Arrow table with the columns of `newsdesk predict`, and `refusals`, a list.

        Raises
        ------
        NewsdeskError
            If an input does not exist.
        ValueError
            If the profile or the home is unknown.

        Examples
        --------
        >>> import newsdesk
        >>> articles, refusals = newsdesk.load().predict_files("data/starter/pages/page-10.txt")
        >>> articles.num_rows, articles["main_topic"][0].as_py(), refusals
        (5, 'terrorism', [])
        """
        _check_profile(profile)
        self.scorer.countries.number(home)  # raises if it is unknown
        for path in map(Path, inputs):
            if not path.exists():
                raise NewsdeskError(f"{path}: no such file or folder")
        columns = Columns(
            text_column=text_column, title_column=title_column, id_column=id_column,
            source_column=source_column, date_column=date_column, home_column=home_column,
        )  # fmt: skip
        found = find_inputs(map(str, inputs))
        reader = InputReader(found, sections=self.taxonomy.sections, columns=columns)
        labeled, refusals = [], []
        for batch in reader.batches():
            refusals += [refusal for _, refusal in batch.refused]
            labeled.append(
                label_columns(batch.articles, self.scorer, self.taxonomy, profile=profile, home=home)
            )
        return LabeledFiles(pa.Table.from_batches(labeled, build_schema(provenance=False)), refusals)

    def explain(
        self,
        text: str,
        *,
        title: str | None = None,
        labels: Sequence[str] | None = None,
        top: int | None = None,
        home: str | None = None,
    ) -> list[Explanation]:
        """Explain labels by what each word, each place and the home adds to their scores.

        Parameters
        ----------
        text : str
        title : str, optional
        labels : sequence of str, optional
            Regions and topics; those predicted by default.
        top : int, optional
            Number of contributions of a label; the others are added up as one remainder.
        home : str, optional
            The country that the source writes from, by its ISO 3166-1 code.

        Returns
        -------
        list of Explanation
            One for each label, with `score`, `intercept` and `contributions`, which add up. Empty if the
            article has no label or is not scored.

        Raises
        ------
        ValueError
            If the model has no such label, or the home is unknown.

        Examples
        --------
        >>> import newsdesk
        >>> [goal] = newsdesk.load().explain("سجل المهاجم هدفا في مباراة الدوري", labels=["sport"], top=1)
        >>> goal.contributions[0].surface
        'مباراة'
        """
        title, text = _repaired(title), _repaired(text)
        if labels is None:
            (prediction,) = self.scorer.predict(
                [title], [text], homes=[home]
            )  # as `predict` would repair it again
            labels = [*prediction.regions, *prediction.topics]
        return explanations(self.scorer, title, text, labels=labels, top=top, home=home)


def load(model: str | Path | None = None, *, threads: int | None = None) -> Model:
    """Load a model.

    Parameters
    ----------
    model : str or Path, optional
        A model folder, `models:/NAME@ALIAS`, `models:/NAME/VERSION` or `runs:/RUN_ID/model`; by default the
        model that comes with newsdesk. URIs need `newsdesk[train]`.
    threads : int, optional
        Threads that label large inputs; by default one for each processor.

    Returns
    -------
    Model

    Raises
    ------
    NewsdeskError
        If there is no such model, or it can't be read.

    Examples
    --------
    >>> import newsdesk
    >>> newsdesk.load().labels["region"][:3]
    ('europe', 'us', 'asia')
    """
    registered = _registry_entry(model) if isinstance(model, str) else {}
    folder = find_folder(registered.pop("uri", model))
    with signals.deferred():
        scorer = files.read_model(folder)
    scorer.threads = threads or os.cpu_count() or 1
    sha256 = files.sha256(folder)
    version = f"{scorer.info.get('version', '0')}+{sha256[:12]}"  # unless it is registered
    identity = {"name": str(scorer.info.get("name", folder.name)), "version": version, "run_id": None}
    return Model(scorer, read_taxonomy(scorer), folder, {**identity, **registered, "sha256": sha256})


def find_folder(model: str | Path | None) -> Path:
    """Return the folder of a model, downloaded if it is a URI; None is the model that newsdesk comes with."""
    if model is None:
        return files.SHIPPED
    if isinstance(model, str) and model.startswith(runs.URI_SCHEMES):
        return runs.download_model(model)
    return mlflow_model.packaged_folder(Path(model))


def read_taxonomy(scorer: Scorer) -> Taxonomy:
    """Return the taxonomy that a model was trained with; raise if `model.json` has none or lacks a head."""
    try:
        taxonomy = Taxonomy.model_validate(scorer.info["taxonomy"])
    except (KeyError, ValidationError):
        raise NewsdeskError("the model's model.json holds no taxonomy that this version reads") from None
    if {head.task for head in scorer.heads} != {"region", "topic"}:
        raise NewsdeskError("the model's model.json lacks the head of regions or that of topics")
    return taxonomy


def _registry_entry(uri: str) -> dict[str, Any]:
    """Return what the store knows of a model: its run and, if it is registered, its name, version and URI."""
    if uri.startswith("runs:/"):
        return {"run_id": uri.removeprefix("runs:/").split("/")[0]}
    match = runs.ALIAS_URI.fullmatch(uri) or runs.VERSION_URI.fullmatch(uri)
    if not match:
        return {}
    with runs.connect() as client:
        has_alias = match.re is runs.ALIAS_URI
        read = client.get_model_version_by_alias if has_alias else client.get_model_version
        found = read(**match.groupdict())
    version, uri = str(found.version), f"models:/{found.name}/{found.version}"  # as the alias may move
    return {"name": found.name, "version": version, "run_id": found.run_id or None, "uri": uri}


def _check_profile(profile: str) -> None:
    if profile not in PROFILES:
        raise ValueError(f"profile: expected one of {', '.join(PROFILES)}, found {profile!r}")


def _check_texts(**given: Any) -> None:
    """Refuse what is no iterable of texts, or is one of something else, as a table is of its columns."""
    for name, texts in given.items():
        is_table = hasattr(texts, "columns")
        if is_table or isinstance(texts, (bytes, Mapping)) or not isinstance(texts, Iterable):
            advice = "; label a table with predict_frame" if is_table else ""
            found = type(texts).__name__
            raise TypeError(f"{name}: expected a string or an iterable of strings, found {found}{advice}")


def _repaired(text: str | None) -> str:
    if text is not None and not isinstance(text, str):
        raise TypeError(f"expected a string or None for each text and title, found {type(text).__name__}")
    return repair_text(text or "")
