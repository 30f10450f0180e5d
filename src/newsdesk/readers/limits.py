"""The bounds within which a reader works, so that no input can exhaust memory or run for ever."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one input may cost.

    Parameters
    ----------
    max_field_chars : int
        Longest field of a record, in characters; a record with a longer one is refused by itself.
    max_line_bytes : int
        Longest line, JSON record, CSV row, TREC document, saved page or HTML page, in bytes. A longer one
        is skipped without being held. Six bytes a character leave room for a field written in JSON escapes.
    max_unpacked_bytes : int
        Most bytes that one input file may unpack to, all members and layers together.
    max_ratio : int
        Most unpacked bytes a packed byte. News text reaches 10, deflate's own bound is 1,032.
    ratio_from_bytes : int
        Unpacked bytes from which on the ratio is judged: a small repetitive file does no harm.
    max_nesting : int
        Most containers around a file: 2 takes a gzip within a zip.
    """

    max_field_chars: int = 2_000_000
    max_line_bytes: int = 16 * 2**20
    max_unpacked_bytes: int = 16 * 2**30
    max_ratio: int = 200
    ratio_from_bytes: int = 8 * 2**20
    max_nesting: int = 2
