"""Labels from outside an article's record: the tables of readings, the editor's country, the section."""

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
class Reading:
    """The labels that a reader gave an article, main label first; empty where none applies."""

    region: tuple[str, ...]
    topic: tuple[str, ...]
    origin: Origin = "gold"


ReadingTable = Mapping[tuple[str, str], Reading]


def read_readings(path: Path, taxonomy: Taxonomy, origin: Origin = "gold") -> dict[tuple[str, str], Reading]:
    """Read a table of readings: `outlet key regions topics …`, tab-separated, with a header.

    Returns
    -------
    dict
        By outlet and the outlet's own key. An outlet written `corpus/outlet` is keyed by its last part,
        the source that the corpus' reader gives.

    Raises
    ------
    NewsdeskError
        If the file is missing, lacks a column, repeats a key or holds a label unknown to the taxonomy.
    """
    readings: dict[tuple[str, str], Reading] = {}
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
                if key in readings:
                    raise NewsdeskError(f"{where}: {key[0]} {key[1]} is labelled twice; keep one line")
                readings[key] = Reading(
                    _parse(row["regions"], taxonomy.region_ids, where),
                    _parse(row["topics"], taxonomy.topic_ids, where),
                    origin,
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NewsdeskError(f"{path}: not readable: {error}") from None
    return readings


def _parse(cell: str | None, known: tuple[str, ...], where: str) -> tuple[str, ...]:
    if not cell:
        raise NewsdeskError(f"{where}: an empty label; write {NONE!r} where none applies")
    labels = () if cell == NONE else tuple(cell.split("|"))
    if len(set(labels)) < len(labels):
        raise NewsdeskError(f"{where}: {cell!r} names a label twice")
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise NewsdeskError(
            f"{where}: {unknown[0]!r} is not in the taxonomy; expected one of {', '.join(known)}"
        )
    return labels


def resolve(article: Article, taxonomy: Taxonomy, readings: ReadingTable) -> Article:
    """Give an article the best label known for each head; what its own record says comes first.

    Then the tables of readings, then the editor's country (region only), then the section.
    """
    # an article without a key of its own is known by the hash of its content
    key = article.key or article.article_id.removeprefix(f"{article.source}:")
    found = readings.get((article.source, key))
    if article.region is None:
        if found:
            article = replace(article, region=found.region, region_origin=found.origin)
        elif region := article.country and taxonomy.region_of_country(article.country):
            article = replace(article, region=(region,), region_origin="editor")
        elif region := article.section and taxonomy.region_of_section(article.section):
            article = replace(article, region=(region,), region_origin="section")
    if article.topic is None:
        if found:
            article = replace(article, topic=found.topic, topic_origin=found.origin)
        elif topic := article.section and taxonomy.topic_of_section(article.section):
            article = replace(article, topic=(topic,), topic_origin="section")
    return article
