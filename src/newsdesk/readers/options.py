"""Options that all readers share, and limits so that no input exhausts memory or time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsdesk.base.columns import Columns, Corpus

if TYPE_CHECKING:
    from newsdesk.readers.column_aliases import FoundColumns


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the size of one input.

    Parameters
    ----------
    max_field_chars : int
        Longest field of a record, in characters. A record with a longer field is refused.
    max_line_bytes : int
        Longest line, JSON record, CSV row, TREC document, saved page, HTML page, feed or web response, in
        bytes, and a quarter of the longest message. A longer one is skipped without being held in memory.
        The default allows six bytes a character, as JSON escapes need.
    max_unpacked_bytes : int
        Largest unpacked size of one input file, summed over its archive members and nested archives. A large
        file may also unpack to `max_growth` times its own size.
    max_growth : int
        See `max_unpacked_bytes`. What is packed twice counts twice.
    max_ratio : int
        Largest ratio of unpacked to packed bytes. News text reaches 10; deflate can reach 1,032.
    ratio_from_bytes : int
        Unpacked bytes below which the ratio is not checked, because a small file does no harm.
    max_nesting : int
        Largest number of archives around a file: 3 allows gzip files within a `.tar.gz`.
    max_workbook_bytes : int
        Largest workbook, unpacked, and half of the memory that reading one may take.

    Examples
    --------
    >>> Limits(max_field_chars=1000).max_nesting
    3
    """

    max_field_chars: int = 2_000_000
    max_line_bytes: int = 16 * 2**20
    max_unpacked_bytes: int = 16 * 2**30
    max_growth: int = 20
    max_ratio: int = 200
    ratio_from_bytes: int = 8 * 2**20
    max_nesting: int = 3
    max_workbook_bytes: int = 2**29


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Section labels of saved pages, size limits, and how the columns of tables are used."""

    sections: tuple[str, ...] = ()
    limits: Limits = Limits()
    carry: tuple[str, ...] = ()  # further columns to carry along
    columns: Columns = Columns()  # noqa: RUF009 - frozen; of the user's choice
    on_columns: Callable[[FoundColumns, str], None] | None = None  # called with the name of the file
    corpus: Corpus = Corpus()  # noqa: RUF009 - frozen; of the settings
    path: str = ""  # of the file within the folder of its corpus
