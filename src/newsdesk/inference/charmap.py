"""Prepare text for the compiled path: UTF-8 buffers, and maps that normalize one character at a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np

from . import text
from .kernel import ARABIC, END, FOREIGN, LETTER, SKIP, SLOW, WORD, Array

CLASSES = ((text.LETTER, LETTER), (text.ARABIC_LETTER, ARABIC), (text.FOREIGN_LETTER, FOREIGN))
SMALL_SIGMA = "\u03c3"


def build_maps(normalize: Callable[[str], str]) -> tuple[Array, Array]:
    """Build the maps for raw and for normalized text."""
    identity = build_identity()
    return build_charmap(normalize, identity), identity


def build_identity() -> Array:
    """Build the map for normalized text, which leaves every character as it is."""
    points = np.concatenate([np.arange(0xD800), np.arange(0xE000, 0x110000)]).astype("<u4")
    characters = points.tobytes().decode("utf-32-le")
    identity = np.zeros(0x110000, np.uint32)
    for run in re.finditer(r"\w+", characters):
        span = points[run.start() : run.end()]
        identity[span] = span | WORD
    for end in text.SENTENCE_END.finditer(characters):
        identity[points[end.start()]] = END
    return identity


def build_charmap(normalize: Callable[[str], str], identity: Array) -> Array:
    """Build the map for raw text of the first two planes: what each character becomes, and its classes."""
    charmap = identity[:0x20000].copy()
    points = [c for c in range(len(charmap)) if not 0xD800 <= c < 0xE000 and c != 0x0A]
    raw = "".join(map(chr, points))
    for pattern, bit in CLASSES:
        for run in re.finditer(f"(?:{pattern.pattern})+", raw):
            charmap[points[run.start() : run.end()]] |= bit
    lines = "\n".join(raw)
    composing = _composing(lines)
    folded = normalize(lines).split("\n")
    for c, char, form in zip(points, raw, folded, strict=True):
        if form != char:
            charmap[c] = charmap[c] & (LETTER | ARABIC | FOREIGN) | _entry(form, identity, composing)
    charmap[list(composing)] |= SLOW
    charmap[charmap & SLOW != 0] &= LETTER | ARABIC | FOREIGN | SLOW
    return charmap


def _entry(form: str, identity: Array, composing: set[int]) -> int:
    """Return the map entry of a character with this normal form."""
    # slow is what depends on its neighbours or has several characters
    points = [ord(char) for char in form]
    if not composing.isdisjoint(points) or SMALL_SIGMA in form:
        return SLOW
    if len(points) == 1:
        return int(identity[points[0]])
    bits = int(np.bitwise_or.reduce(identity[points])) if points else SKIP
    return SLOW if bits & WORD else bits & (SKIP | END)


def _composing(lines: str) -> set[int]:
    """Return the characters that can compose with one before them: all but the first of any decomposition."""
    return {ord(c) for parts in unicodedata.normalize("NFD", lines).split("\n") for c in parts[1:]}


def encode(texts: Any) -> tuple[Array, Array, Array]:
    """Encode texts, str or None or an Arrow array, in one UTF-8 buffer; return it with starts and ends."""
    if hasattr(texts, "combine_chunks") or hasattr(texts, "buffers"):
        return _encode_arrow(texts)
    encoded = [_utf8(each) for each in texts]
    bounds = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), bounds[:-1], bounds[1:]


def _utf8(value: Any) -> bytes:
    if not isinstance(value, str | None):
        raise ValueError(f"expected texts, found {type(value).__name__}")
    return (value or "").encode("utf-8", "surrogatepass")


def _encode_arrow(texts: Any) -> tuple[Array, Array, Array]:
    import pyarrow as pa

    kind = texts.type.value_type if pa.types.is_dictionary(texts.type) else texts.type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    if not any(test(kind) for test in tests):
        raise ValueError(f"expected texts, found {texts.type}")
    if isinstance(texts, pa.ChunkedArray):  # a single chunk is not copied
        texts = texts.chunk(0) if texts.num_chunks == 1 else texts.cast(pa.large_string()).combine_chunks()
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        texts = texts.cast(pa.large_string())
    if texts.null_count:
        texts = texts.fill_null("")
    texts.validate(full=True)  # the kernel does not check for truncated characters
    _, offsets, data = texts.buffers()
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    if not len(texts) or data is None:
        empty = np.zeros(len(texts), np.int64)
        return np.frombuffer(b"", np.uint8), empty, empty
    bounds = np.frombuffer(offsets, width)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return np.frombuffer(data, np.uint8), bounds[:-1], bounds[1:]
