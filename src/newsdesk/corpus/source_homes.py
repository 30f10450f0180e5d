"""The home country of each source, as the corpus registry lists it."""

from __future__ import annotations

from pathlib import Path

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.corpus.label_tables import open_table


def read_source_homes(path: Path, taxonomy: Taxonomy) -> dict[str, str]:
    """Read the registry of sources, `source … home`, tab-separated with a header; an empty home is none.

    Parameters
    ----------
    path : Path
        A file such as data/sources.tsv.
    taxonomy : Taxonomy

    Returns
    -------
    dict of str to str
        ISO 3166-1 codes by source, for the sources that have a home.

    Raises
    ------
    NewsdeskError
        If the file is missing, lacks a column, repeats a source or has a code that the taxonomy lacks.

    Examples
    --------
    >>> from newsdesk.base.taxonomy import read_taxonomy
    >>> homes = read_source_homes(Path("data/sources.tsv"), read_taxonomy(Path("data/taxonomy.yaml")))
    >>> homes["okaz"], "skynews" in homes
    ('SA', False)
    """
    homes: dict[str, str] = {}
    with open_table(path, ("source", "home")) as rows:
        for row in rows:
            source, home, where = row["source"] or "", row["home"] or "", f"{path}:{rows.line_num}"
            if source in homes:
                raise NewsdeskError(f"{where}: {source} is listed twice; keep one line")
            if home and not taxonomy.is_country(home):
                expected = "the ISO 3166-1 code of a country of the taxonomy"
                raise NewsdeskError(f"{where}: home of {source}: expected {expected}, found {home!r}")
            homes[source] = home.strip().upper()
    return {source: home for source, home in homes.items() if home}
