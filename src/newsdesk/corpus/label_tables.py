"""Labels from label tables, from the editor's country and from the section of an article."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import Article, Origin
from newsdesk.base.taxonomy import Taxonomy

NONE = "none"


@dataclass(frozen=True, slots=True)
class Annotation:
    """The labels that an annotator gave an article, main label first; empty if none applies."""

    region: tuple[str, ...]
    topic: tuple[str, ...]
    origin: Origin = "gold"


LabelTable = Mapping[tuple[str, str], Annotation]  # by source and the outlet's key of the article


@contextmanager
def open_rows(path: Path) -> Iterator[TextIO]:
    """Open a text file of rows; an error while it is read becomes a `NewsdeskError`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield handle
    except (OSError, ValueError, csv.Error) as error:
        raise NewsdeskError(f"{path}: not readable: {error}") from None


@contextmanager
def open_table(path: Path, columns: Collection[str]) -> Iterator[csv.DictReader[str]]:
    """Open a tab-separated table with a header, which has at least these columns."""
    with open_rows(path) as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        if missing := {*columns} - {*(rows.fieldnames or ())}:
            raise NewsdeskError(f"{path}: no column {', '.join(sorted(missing))}; found {rows.fieldnames}")
        yield rows


def read_label_tables(
    taxonomy: Taxonomy, *, silver: Path | None, review: Path | None, gold: Path | None
) -> LabelTable:
    """Read and merge label tables: gold labels replace those of a review, and these silver ones."""
    merged: dict[tuple[str, str], Annotation] = {}
    merged |= read_label_table(silver, taxonomy, "silver") if silver else {}
    merged |= read_label_table(review, taxonomy, "review") if review else {}
    merged |= read_label_table(gold, taxonomy, "gold") if gold else {}
    return merged


def read_label_table(
    path: Path, taxonomy: Taxonomy, origin: Origin = "gold"
) -> dict[tuple[str, str], Annotation]:
    """Read a label table: `outlet key regions topics …`, tab-separated, with a header.

    Parameters
    ----------
    path : Path
    taxonomy : Taxonomy
    origin : str
        Origin of all labels of the table.

    Returns
    -------
    dict of (str, str) to Annotation
        By source and key. The source of an outlet written as `corpus/outlet` is its last part, as readers
        name it.

    Raises
    ------
    NewsdeskError
        If the file is missing, lacks a column, repeats a key or has a label that the taxonomy lacks.

    Examples
    --------
    >>> from newsdesk.base.taxonomy import read_taxonomy
    >>> gold = read_label_table(Path("data/labels/gold.tsv"), read_taxonomy(Path("data/taxonomy.yaml")))
    >>> gold["alarabiya", "AL-culture-133-20180306"].region
    ('middle_east', 'us')
    """
    annotations: dict[tuple[str, str], Annotation] = {}
    with open_table(path, ("outlet", "key", "regions", "topics")) as rows:
        for row in rows:
            where = f"{path}:{rows.line_num}"
            key = ((row["outlet"] or "").rpartition("/")[2], row["key"] or "")
            if not all(key):
                raise NewsdeskError(f"{where}: outlet or key is empty")
            if key in annotations:
                raise NewsdeskError(f"{where}: {key[0]} {key[1]} is labelled twice; keep one line")
            region = _parse(row["regions"], taxonomy.region_ids, where)
            topic = _parse(row["topics"], taxonomy.topic_ids, where)
            annotations[key] = Annotation(region, topic, origin)
    return annotations


def _parse(cell: str | None, known: tuple[str, ...], where: str) -> tuple[str, ...]:
    if not cell:
        raise NewsdeskError(f"{where}: an empty label; write {NONE!r} if none applies")
    labels = () if cell == NONE else tuple(cell.split("|"))
    if len(set(labels)) < len(labels):
        raise NewsdeskError(f"{where}: {cell!r} names a label twice")
    if problem := describe_unknown(labels, known):
        raise NewsdeskError(f"{where}: {problem}")
    return labels


def describe_unknown(labels: Sequence[str], known: Sequence[str]) -> str | None:
    """Describe the first label that the taxonomy lacks; None if it has all."""
    unknown = next((label for label in labels if label not in known), None)
    return unknown and f"{unknown!r} is not in the taxonomy; expected one of {', '.join(known)}"


def has_labels(article: Article, table: LabelTable) -> bool:
    """Return whether an article has labels of its own or of a label table."""
    in_table = (article.source, table_key(article)) in table
    return in_table or article.region is not None or article.topic is not None


def table_key(article: Article) -> str:
    """Return the key by which label tables refer to an article: without one, the hash of its content."""
    return article.key or article.article_id.removeprefix(f"{article.source}:")


def label_article(article: Article, taxonomy: Taxonomy, table: LabelTable) -> Article:
    """Label an article by its record, the table, the editor's country (region only) or the section."""
    annotation = table.get((article.source, table_key(article)))
    found: dict[str, Any] = {}
    if article.region is None:
        if annotation:
            found = {"region": annotation.region, "region_origin": annotation.origin}
        elif region := article.country and taxonomy.region_of_country(article.country):
            found = {"region": (region,), "region_origin": "editor"}
        elif region := article.section and taxonomy.region_of_section(article.section):
            found = {"region": (region,), "region_origin": "section"}
    if article.topic is None:
        if annotation:
            found |= {"topic": annotation.topic, "topic_origin": annotation.origin}
        elif topic := article.section and taxonomy.topic_of_section(article.section):
            found |= {"topic": (topic,), "topic_origin": "section"}
    return replace(article, **found) if found else article
