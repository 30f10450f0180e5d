"""Prepare text for the compiled path: UTF-8 buffers, and maps that normalize one character at a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .kernel import ARABIC, END, FOREIGN, LETTER, SKIP, SLOW, WORD, Array

SMALL_SIGMA = "\u03c3"
Classes = Mapping[str, re.Pattern[str]]


def build_maps(normalize: Callable[[str], str], classes: Classes) -> tuple[Array, Array]:
    """Build the maps for raw and for normalized text."""
    identity = build_identity(classes)
    return build_charmap(normalize, classes, identity), identity


def build_identity(classes: Classes) -> Array:
    """Build the map for normalized text, which leaves every character as it is."""
    points = np.concatenate([np.arange(0xD800), np.arange(0xE000, 0x110000)]).astype("<u4")
    characters = points.tobytes().decode("utf-32-le")
    identity = np.zeros(0x110000, np.uint32)
    for run in re.finditer(f"(?:{classes['word'].pattern})+", characters):
        span = points[run.start() : run.end()]
        identity[span] = span | WORD
    for end in classes["end"].finditer(characters):
        identity[points[end.start()]] = END
    return identity


def build_charmap(normalize: Callable[[str], str], classes: Classes, identity: Array) -> Array:
    """Build the map for raw text of the first two planes: what each character becomes, and its classes.

    A character is marked as slow if its normal form depends on its neighbours or has several characters:
    characters that compose with the one before, capital sigma (its small form depends on its position),
    expansions.

    Parameters
    ----------
    normalize : callable of str to str
    classes : mapping of str to pattern
        Classes of raw characters: letter, arabic, foreign; of normalized characters: word, end.
    identity : ndarray
        As `build_identity` returns it.
    """
    charmap = identity[:0x20000].copy()
    points = [c for c in range(len(charmap)) if not 0xD800 <= c < 0xE000 and c != 0x0A]
    raw = "".join(map(chr, points))
    for name, bit in (("letter", LETTER), ("arabic", ARABIC), ("foreign", FOREIGN)):
        for run in re.finditer(f"(?:{classes[name].pattern})+", raw):
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
    """Encode texts as UTF-8 in one buffer.

    Parameters
    ----------
    texts : sequence of str or None, or Arrow array of strings
        The buffers of an Arrow array are used without a copy.

    Returns
    -------
    data : uint8 ndarray
    starts, ends : int64 ndarrays of shape (n_texts,)
        Where each text begins and ends in `data`.
    """
    if hasattr(texts, "combine_chunks") or hasattr(texts, "buffers"):
        return _encode_arrow(texts)
    encoded = [_utf8(text) for text in texts]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return data, np.concatenate([np.zeros(1, np.int64), ends])[: len(encoded)], ends


def _utf8(text: Any) -> bytes:
    if text is None:
        return b""
    if not isinstance(text, str):
        raise ValueError(f"expected texts, found {type(text).__name__}")
    return text.encode("utf-8", "surrogatepass")


def _encode_arrow(texts: Any) -> tuple[Array, Array, Array]:
    import pyarrow as pa

    kind = texts.type.value_type if pa.types.is_dictionary(texts.type) else texts.type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    if not any(test(kind) for test in tests):
        raise ValueError(f"expected texts, found {texts.type}")
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.chunk(0) if texts.num_chunks == 1 else texts.cast(pa.large_string()).combine_chunks()
    if isinstance(texts, pa.ChunkedArray):  # without chunks
        texts = pa.array([], pa.string())
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
