"""Labels from label tables, from the editor's country and from the section of an article."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

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


def read_label_tables(
    taxonomy: Taxonomy, *, silver: Path | None, review: Path | None, gold: Path | None
) -> LabelTable:
    """Read and merge label tables: gold labels replace those of a review, and these silver ones."""
    paths: dict[Origin, Path | None] = {"silver": silver, "review": review, "gold": gold}
    merged: dict[tuple[str, str], Annotation] = {}
    for origin, path in paths.items():
        if path:
            merged |= read_label_table(path, taxonomy, origin)
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
    """
    annotations: dict[tuple[str, str], Annotation] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
            missing = {"outlet", "key", "regions", "topics"} - set(rows.fieldnames or ())
            if missing:
                raise NewsdeskError(
                    f"{path}: no column {', '.join(sorted(missing))}; found {rows.fieldnames}"
                )
            for row in rows:
                where = f"{path}:{rows.line_num}"
                key = ((row["outlet"] or "").rpartition("/")[2], row["key"] or "")
                if not all(key):
                    raise NewsdeskError(f"{where}: outlet or key is empty")
                if key in annotations:
                    raise NewsdeskError(f"{where}: {key[0]} {key[1]} is labelled twice; keep one line")
                annotations[key] = Annotation(
                    _parse(row["regions"], taxonomy.region_ids, where),
                    _parse(row["topics"], taxonomy.topic_ids, where),
                    origin,
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NewsdeskError(f"{path}: not readable: {error}") from None
    return annotations


def _parse(cell: str | None, known: tuple[str, ...], where: str) -> tuple[str, ...]:
    if not cell:
        raise NewsdeskError(f"{where}: an empty label; write {NONE!r} if none applies")
    labels = () if cell == NONE else tuple(cell.split("|"))
    if len(set(labels)) < len(labels):
        raise NewsdeskError(f"{where}: {cell!r} names a label twice")
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise NewsdeskError(
            f"{where}: {unknown[0]!r} is not in the taxonomy; expected one of {', '.join(known)}"
        )
    return labels


def label_article(article: Article, taxonomy: Taxonomy, table: LabelTable) -> Article:
    """Give an article its best known label of each head.

    In this order: the label of its own record, of the label table, of the editor's country (region only)
    and of the section.
    """
    # an article without a key of its own is known by the hash of its content
    key = article.key or article.article_id.removeprefix(f"{article.source}:")
    annotation = table.get((article.source, key))
    if article.region is None:
        if annotation:
            article = replace(article, region=annotation.region, region_origin=annotation.origin)
        elif region := article.country and taxonomy.region_of_country(article.country):
            article = replace(article, region=(region,), region_origin="editor")
        elif region := article.section and taxonomy.region_of_section(article.section):
            article = replace(article, region=(region,), region_origin="section")
    if article.topic is None:
        if annotation:
            article = replace(article, topic=annotation.topic, topic_origin=annotation.origin)
        elif topic := article.section and taxonomy.topic_of_section(article.section):
            article = replace(article, topic=(topic,), topic_origin="section")
    return article
