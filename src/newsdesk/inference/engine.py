"""The driver of the compiled path: batches of articles to tokens, and tokens to counts, rows or scores.

It decides what the kernel sees: the map of characters, the tables of terms, what is remembered of tokens,
and which thread does what. Needs NumPy and the kernel, with which it is copied into every model; pyarrow only
where Arrow columns come in.
"""

from __future__ import annotations

import math
import re
import threading
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from . import kernel  # relative, since in a model's folder the package has another name
from .kernel import (
    AFTER,
    ARABIC,
    AREA,
    BEFORE,
    BESIDE,
    BREAK,
    CITY,
    COUNTRY,
    DEMONYM,
    END,
    FOREIGN,
    LETTER,
    LOW,
    MEDIA,
    NAMED,
    NOT_AFTER,
    NOT_BEFORE,
    SKIP,
    SLOW,
    WORD,
    Array,
    Cues,
    Lexicon,
    Names,
    Rules,
    Spans,
    Weights,
    Work,
    Works,
)
from .mentions import DATELINE_TOKENS, GROUP_BY_KIND, GROUPS, SHARES, Gazetteer, feature_names, lends_to

KINDS = {"media": MEDIA, "area": AREA, "demonym": DEMONYM, "city": CITY, "country": COUNTRY}
CONJUNCTION = "و"
NORMS = {None: 0, "l1": 1, "l2": 2}
SMALL_SIGMA = "\u03c3"
MAX_TOKENS = 1_000_000  # remembered at a time, some hundred bytes each
MIN_PART = 4096  # bytes or tokens that are worth a thread


def build_weights(
    word_idf: Array,
    char_idf: Array,
    *,
    sublinear: bool,
    norm: str | None,
    word_weight: float,
    char_weight: float,
) -> Weights:
    """Weights as the compiled functions take them."""
    logs = np.array([0.0, *(math.log(count) + 1.0 for count in range(1, 256))])
    return Weights(
        np.ascontiguousarray(word_idf), np.ascontiguousarray(char_idf), bool(sublinear), NORMS[norm],
        float(word_weight), float(char_weight), logs,
    )  # fmt: skip


def build_identity(classes: Mapping[str, re.Pattern[str]]) -> Array:
    """The map for text that is normalized already: every character stays as it is."""
    points = np.concatenate([np.arange(0xD800), np.arange(0xE000, 0x110000)]).astype("<u4")
    every = points.tobytes().decode("utf-32-le")
    identity = np.zeros(0x110000, np.uint32)
    for run in re.finditer(f"(?:{classes['word'].pattern})+", every):
        span = points[run.start() : run.end()]
        identity[span] = span | WORD
    for found in classes["end"].finditer(every):
        identity[points[found.start()]] = END
    return identity


def build_charmap(
    normalize: Callable[[str], str], classes: Mapping[str, re.Pattern[str]], identity: Array
) -> Array:
    """What each character of the lower planes becomes by itself, and what it is.

    Marks as slow what needs its neighbours or becomes several characters: whoever can be composed with
    the character before it, capital sigmas (whose small form depends on their place), expansions.

    Parameters
    ----------
    normalize : str to str
    classes : mapping of str to pattern
        Of one raw character: letter, arabic, foreign; of one folded character: word, end.
    identity : ndarray
        As `build_identity` gives it.
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
            charmap[c] = charmap[c] & (LETTER | ARABIC | FOREIGN) | _folded(form, identity, composing)
    charmap[list(composing)] |= SLOW
    charmap[charmap & SLOW != 0] &= LETTER | ARABIC | FOREIGN | SLOW
    return charmap


def _folded(form: str, identity: Array, composing: set[int]) -> int:
    """Map entry of a character that becomes another one, none or several."""
    points = [ord(char) for char in form]
    if not composing.isdisjoint(points) or SMALL_SIGMA in form:
        return SLOW
    if len(points) == 1:
        return int(identity[points[0]])
    bits = int(np.bitwise_or.reduce(identity[points])) if points else SKIP
    return SLOW if bits & WORD else bits & (SKIP | END)


def _composing(lines: str) -> set[int]:
    """Characters that may be composed with one before them: all but the first of any decomposition."""
    return {ord(c) for parts in unicodedata.normalize("NFD", lines).split("\n") for c in parts[1:]}


def build_maps(
    normalize: Callable[[str], str], classes: Mapping[str, re.Pattern[str]]
) -> tuple[Array, Array]:
    """Both maps, for raw and for normalized text."""
    identity = build_identity(classes)
    return build_charmap(normalize, classes, identity), identity


def encode(texts: Any) -> tuple[Array, Array, Array]:
    """The UTF-8 bytes of texts in one buffer, and where each one starts and ends.

    Parameters
    ----------
    texts : sequence of str or None, or an Arrow array of strings
        An Arrow array's own buffers are read, without a copy.
    """
    if hasattr(texts, "combine_chunks") or hasattr(texts, "buffers"):
        return _encode_arrow(texts)
    pieces = [_utf8(text) for text in texts]
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    data = np.frombuffer(b"".join(pieces), np.uint8)
    return data, np.concatenate([np.zeros(1, np.int64), ends])[: len(pieces)], ends


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
    if isinstance(texts, pa.ChunkedArray):  # of no chunk
        texts = pa.array([], pa.string())
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        texts = texts.cast(pa.large_string())
    if texts.null_count:
        texts = texts.fill_null("")
    texts.validate(full=True)  # the kernel trusts that no character is cut off
    _, offsets, data = texts.buffers()
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    if not len(texts) or data is None:
        empty = np.zeros(len(texts), np.int64)
        return np.frombuffer(b"", np.uint8), empty, empty
    bounds = np.frombuffer(offsets, width)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return np.frombuffer(data, np.uint8), bounds[:-1], bounds[1:]


@dataclass(frozen=True, slots=True)
class Scanned:
    """A batch as tokens.

    Attributes
    ----------
    spans : Spans
    letters : ndarray of shape (n_articles, 3)
        Letters, Arabic letters, letters foreign to Arabic; without meaning for a slow article.
    slow : bool ndarray of shape (n_articles,)
        Whether the article was normalized by the plain path.
    """

    spans: Spans
    letters: Array
    slow: Array

    def __len__(self) -> int:
        return len(self.slow)

    def n_tokens(self) -> Array:
        """Tokens of title and text, shape (n_articles,)."""
        s = self.spans
        total = np.zeros(len(self), np.int64)
        for tokens, starts, stops in ((s.title, s.title_starts, s.title_stops), (s.text, s.starts, s.stops)):
            words = np.concatenate([[0], np.cumsum(tokens != BREAK)])
            total += words[stops] - words[starts]
        return total


def _places(n: int) -> Array:
    """An empty table for so many terms, at most two thirds of its places taken."""
    return np.zeros(2 << max(10, (3 * n // 2).bit_length()), np.uint64)


@dataclass(slots=True)
class Table:
    """A hash table of terms that grows."""

    slots: Array = field(default_factory=lambda: _places(0))
    n: int = 0
    collisions: int = 0

    def reserve(self, extra: int) -> None:
        """Make room for so many more terms."""
        larger = _places(self.n + extra)
        if len(larger) > len(self.slots):
            kernel.copy(self.slots, larger)
            self.slots = larger

    def intern(self, hashes: Array, checks: Array) -> tuple[Array, Array]:
        """Identifiers of terms, of which those not seen before get the next ones; where these stood first."""
        self.reserve(len(hashes))
        identifiers, firsts, collisions = kernel.intern(self.slots, self.n, hashes, checks)
        self.n += len(firsts)
        self.collisions += collisions
        return identifiers, firsts

    def find(self, hashes: Array, checks: Array) -> Array:
        """Identifiers of terms, -1 for those that are not there."""
        return np.asarray(kernel.lookup_all(self.slots, hashes, checks))

    def hashes(self) -> tuple[Array, Array]:
        """Hash and check of each term, shape (n,) each."""
        hashes, checks = np.empty(self.n, np.uint64), np.empty(self.n, np.uint64)
        taken = self.slots[1::2] != 0
        entries = self.slots[1::2][taken]
        identifiers = (entries & LOW).astype(np.int64) - 1
        hashes[identifiers], checks[identifiers] = self.slots[::2][taken], entries >> np.uint64(32)
        return hashes, checks

    def renumbered(self, columns: Array) -> Table:
        """The terms whose column is not -1, known by their columns."""
        n = int((columns >= 0).sum())
        kept = Table(_places(n), n, self.collisions)
        kernel.copy_columns(self.slots, columns, kept.slots)
        return kept


class Growing:
    """An array that grows at its end."""

    def __init__(self, dtype: Any, width: int | None = None) -> None:
        self._array = np.empty((1024, width) if width else 1024, dtype)
        self.n = 0

    def extend(self, values: Array) -> None:
        """Add values behind the last."""
        need = self.n + len(values)
        if need > len(self._array):
            larger = np.empty((max(need, 2 * len(self._array)), *self._array.shape[1:]), self._array.dtype)
            larger[: self.n] = self._array[: self.n]
            self._array = larger
        self._array[self.n : need] = values
        self.n = need

    @property
    def values(self) -> Array:
        """All values so far."""
        return self._array[: self.n]


class Spellings:
    """Code points of many strings, one after the other."""

    def __init__(self) -> None:
        self.points = Growing(np.uint32)
        self.bounds = Growing(np.int64)
        self.bounds.extend(np.zeros(1, np.int64))

    def extend(self, points: Array, bounds: Array) -> None:
        """Add strings."""
        self.bounds.extend(self.points.n + bounds[1:])
        self.points.extend(points)

    def strings(self, first: int = 0) -> list[str]:
        """The strings from the one of that number on."""
        return unspell(self.points.values, self.bounds.values[first:])


def unspell(points: Array, bounds: Array) -> list[str]:
    """The strings of code points."""
    whole = points[bounds[0] : bounds[-1]].tobytes().decode("utf-32-le")
    return [whole[a:b] for a, b in pairwise((bounds - bounds[0]).tolist())]


def spell(strings: Sequence[str]) -> tuple[Array, Array]:
    """Code points of strings and where each starts; the reverse of `unspell`."""
    points = np.frombuffer("".join(strings).encode("utf-32-le"), np.uint32)
    return points, np.concatenate(
        [np.zeros(1, np.int64), np.cumsum([len(s) for s in strings], dtype=np.int64)]
    )


@dataclass(frozen=True, slots=True)
class Places:
    """A gazetteer as the kernel reads it, and the tables that tell of a token what it is to names.

    Attributes
    ----------
    names : Names
    spellings, words : Table
        Spellings and what they begin with; words of the rules.
    n_values : int
        Of each article.
    """

    names: Names
    spellings: Table
    words: Table
    n_values: int


def build_places(gazetteer: Gazetteer, *, lead_tokens: int, mask: Any) -> Places:
    """Lay a gazetteer out in arrays; the first `lead_tokens` of a text are its lead."""

    def table(strings: Sequence[str]) -> Table:
        made = Table()
        made.intern(*kernel.hash_words(*spell(strings), mask))
        return made

    forms = {form: i for i, form in enumerate(dict.fromkeys(gazetteer.forms.values()))}
    rules = {rule: i for i, rule in enumerate(dict.fromkeys(form.rule for form in forms if form.rule))}
    words = sorted({word for rule in rules for listed in rule[:4] for word in listed})
    number = {word: i for i, word in enumerate(words)}
    beside = np.zeros((len(words), len(rules)), np.uint8)
    for rule, i in rules.items():
        for listed, bit in zip(rule[:4], (AFTER, BEFORE, NOT_AFTER, NOT_BEFORE), strict=True):
            beside[[number[word] for word in listed], i] |= bit
    longer = {" ".join(s.split(" ")[:n]) for s in gazetteer.forms for n in range(1, s.count(" ") + 1)}
    spellings = list(dict.fromkeys([*gazetteer.forms, *sorted(longer)]))
    found = table(spellings)
    lends = {name: i for i, name in enumerate(dict.fromkeys(map(lends_to, gazetteer.places)))}
    places = gazetteer.places
    names = Names(
        slots=found.slots,
        form=np.array([forms[f] if (f := gazetteer.forms.get(s)) else -1 for s in spellings], np.int32),
        longer=np.array([s in longer for s in spellings], np.bool_),
        bounds=np.cumsum([0, *(len(form.places) for form in forms)]),
        places=np.array([i for form in forms for i in form.places], np.int32),
        rule=np.array([rules[form.rule] if form.rule else -1 for form in forms], np.int32),
        asks=np.array([r.named * NAMED | bool(r.after or r.before) * BESIDE for r in rules], np.uint8),
        beside=beside,
        region=np.array([gazetteer.regions.index(p.region) if p.region else -1 for p in places], np.int32),
        kind=np.array([KINDS.get(p.kind, 0) for p in places], np.uint8),
        group=np.array([GROUPS.index(GROUP_BY_KIND.get(p.kind, GROUPS[0])) for p in places], np.int32),
        lends=np.array([lends[lends_to(p)] for p in places], np.int32),
        n_lends=len(lends),
        n_regions=len(gazetteer.regions),
        n_groups=len(GROUPS),
        shares=np.array(SHARES),
        dateline_tokens=DATELINE_TOKENS,
        lead_tokens=lead_tokens,
    )
    return Places(names, found, table(words), len(feature_names(gazetteer.regions)))


class Engine:
    """Articles to tokens, and tokens to counts, rows, values of places or scores, in threads.

    It learns terms until `freeze` gives each its column (or is given frozen tables), and from then on
    only looks them up. What it remembers of tokens changes no result and is forgotten when it gets large.

    Parameters
    ----------
    normalize : str to str
        The plain path, for articles with characters that the map can't fold.
    maps : (ndarray, ndarray)
        As `build_charmap` and `build_identity` give them.
    ngram_max : int
        Longest run of words; 0 for none. The kernel writes where this, `char_ngrams` and `title_weight`
        say: callers have `scorer.check_counted` look at them.
    sentences : bool
        Whether a run of words ends where a sentence does.
    char_ngrams : (int, int) or None
    title_weight : int
    stem : list of str to list of str, or None
        Called once for each different token.
    threads : int
    hash_bits : int
        64 but in tests.
    """

    def __init__(
        self,
        *,
        normalize: Callable[[str], str],
        maps: tuple[Array, Array],
        ngram_max: int,
        sentences: bool,
        char_ngrams: Sequence[int] | None,
        title_weight: int,
        stem: Callable[[list[str]], list[str]] | None,
        threads: int = 1,
        hash_bits: int = 64,
    ) -> None:
        self._normalize = normalize
        self._charmap, self._identity = maps
        self._sentences, self._char_ngrams, self._stem = sentences, char_ngrams, stem
        self._mask = np.uint64((1 << hash_bits) - 1)
        self._ngram_max = ngram_max
        self._rules = Rules(title_weight, ngram_max > 0)
        self.threads = threads
        self.lock = threading.Lock()  # for those who share an engine: it remembers tokens
        self.words, self.chars = Table(), Table()
        self.frozen = False
        self.n_articles = 0
        self._places: Places | None = None
        self._logs = np.zeros(1)
        self.forget()
        self._works: list[Works] = []

    def restore(self, words: Table, chars: Table) -> None:
        """Take over frozen tables."""
        self.words, self.chars, self.frozen = words, chars, True

    def set_terms(self, words: Sequence[str], chars: Sequence[str]) -> None:
        """Freeze the engine with terms whose columns are their places."""
        self.words.intern(*kernel.hash_words(*spell(words), self._mask))
        self.chars.intern(*kernel.hash_runs(*spell(chars), self._mask))
        self.frozen = True

    def set_places(self, gazetteer: Gazetteer, *, lead_tokens: int) -> None:
        """Look for the names of a gazetteer from now on; to be called before anything is learned."""
        self._places = build_places(gazetteer, lead_tokens=lead_tokens, mask=self._mask)
        self.forget()

    def forget(self) -> None:
        """Drop what is remembered of tokens."""
        self._tokens = Table()
        self.spellings = Spellings()  # of tokens
        self.word_spellings = Spellings() if self._stem else self.spellings  # of their words
        self._word_hash, self._word_check = Growing(np.uint64), Growing(np.uint64)
        self._word_id, self._char_ids, self._char_ends = (
            Growing(np.int32),
            Growing(np.int32),
            Growing(np.int64),
        )
        self._char_ends.extend(np.zeros(1, np.int64))
        self._cues = [Growing(dtype) for dtype in (np.uint64, np.uint64, np.int32, np.int32, np.bool_)]
        self.word_examples = np.full((1024, max(1, self._ngram_max)), -1, np.int32)  # tokens of a run
        self.char_examples = Growing(np.int32, 3)  # token, start, length

    # from bytes to tokens

    def scan(self, titles: Any, texts: Any) -> Scanned:
        """Read a batch; `titles` and `texts` as `encode` takes them."""
        if self.frozen and self._tokens.n > MAX_TOKENS:
            self.forget()
        of_titles, of_texts = (
            encode(titles),
            encode(texts),
        )  # what is refused is refused before anything is kept
        if len(of_titles[1]) != len(of_texts[1]):
            raise ValueError(f"{len(of_titles[1])} titles for {len(of_texts[1])} texts")
        try:
            return self._scan(of_titles, of_texts)
        except BaseException:
            if self.frozen:
                self.forget()  # an interrupt may have left half of what is remembered
            raise

    def _scan(self, of_titles: tuple[Array, Array, Array], of_texts: tuple[Array, Array, Array]) -> Scanned:
        title, title_starts, title_stops, title_letters, title_slow = self._read(*of_titles)
        text, starts, stops, letters, slow = self._read(*of_texts)
        self._describe(self._word_id.n)
        title_runs, runs = self._runs(title), self._runs(text)
        spans = Spans(title, title_starts, title_stops, title_runs, text, starts, stops, runs)
        if self.frozen and self._ngram_max > 1:
            self._find_runs(*spans[:4])
            self._find_runs(*spans[4:])
        return Scanned(spans, title_letters + letters, title_slow | slow)

    def _runs(self, tokens: Array) -> Array:
        more = max(0, self._ngram_max - 1)
        return np.full((len(tokens) if more else 0, more), -1, np.int32)

    def _find_runs(self, tokens: Array, starts: Array, stops: Array, runs: Array) -> None:
        words = self._word_hash.values, self._word_check.values, self.words.slots
        self._map(
            lambda lo, hi: kernel.find_runs(
                tokens, starts, stops, lo, hi, *words, 0, self.word_examples, self._mask, runs, False
            ),
            _split(stops - starts, self.threads),
        )

    def _read(self, data: Array, starts: Array, ends: Array) -> tuple[Array, Array, Array, Array, Array]:
        tokens, first, last, letters, slow = self._read_by(self._charmap, data, starts, ends)
        if slow.any():
            raw = (
                data[starts[d] : ends[d]].tobytes().decode("utf-8", "surrogatepass")
                for d in np.flatnonzero(slow)
            )
            encoded = encode([self._normalize(text) for text in raw])
            more, more_first, more_last, _, _ = self._read_by(self._identity, *encoded)
            first[slow], last[slow] = len(tokens) + more_first, len(tokens) + more_last
            tokens = np.concatenate([tokens, more])
        return tokens, first, last, letters, slow

    def _read_by(
        self, charmap: Array, data: Array, starts: Array, ends: Array
    ) -> tuple[Array, Array, Array, Array, Array]:
        n_known, slots = self._tokens.n, self._tokens.slots
        parts = self._map(
            lambda lo, hi: kernel.scan(
                data, starts[lo:hi], ends[lo:hi], charmap, slots, n_known, self._sentences, self._mask
            ),
            _split(np.asarray(ends - starts), self.threads),
        )
        tokens = [self._adopt(part[0], n_known, *part[4:]) for part in parts]
        shifts = np.cumsum([0, *map(len, tokens)])
        last = np.concatenate([part[1] + shift for part, shift in zip(parts, shifts, strict=False)])
        first = np.concatenate(
            [[shift, *(part[1][:-1] + shift)] for part, shift in zip(parts, shifts, strict=False)]
        )
        return (
            np.concatenate(tokens),
            first.astype(np.int64)[: len(last)],
            last,
            np.concatenate([part[2] for part in parts]),
            np.concatenate([part[3] for part in parts]),
        )

    def _adopt(
        self, tokens: Array, n_known: int, hashes: Array, checks: Array, points: Array, bounds: Array
    ) -> Array:
        """Give a part's new tokens their identifiers among all."""
        if len(hashes):
            identifiers, firsts = self._tokens.intern(hashes, checks)
            fresh = np.zeros(len(hashes), np.bool_)
            fresh[firsts] = True
            lengths = np.diff(bounds)
            kept = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[fresh])])
            self.spellings.extend(points[np.repeat(fresh, lengths)], kept)
            self._word_hash.extend(hashes[fresh])
            self._word_check.extend(checks[fresh])
            new = tokens >= n_known
            tokens[new] = identifiers[tokens[new] - n_known]
        return tokens

    def _describe(self, first: int) -> None:
        """Find out what the tokens from `first` on are."""
        n = self._tokens.n
        if n == first:
            return
        if self._places:
            self._describe_names(self._places, first)
        if self._ngram_max:
            self._describe_words(first)
        else:
            self._word_id.extend(np.full(n - first, -1, np.int32))
        if self._char_ngrams:
            for lo in range(first, n, 1 << 14):
                self._describe_runs(lo, min(lo + (1 << 14), n), *self._char_ngrams)

    def _describe_names(self, places: Places, first: int) -> None:
        # not yet those of stems
        hashes, checks = self._word_hash.values[first:], self._word_check.values[first:]
        starts = self.spellings.bounds.values[first:-1]
        described = Cues(
            hashes,
            checks,
            places.spellings.find(hashes, checks),
            places.words.find(hashes, checks),
            self.spellings.points.values[starts] == ord(CONJUNCTION),
        )
        for kept, values in zip(self._cues, described, strict=True):
            kept.extend(values)

    def _describe_words(self, first: int) -> None:
        if self._stem:
            words = self.spellings.strings(first)
            points, bounds = spell(self._stem(words))
            self.word_spellings.extend(points, bounds)
            self._word_hash.values[first:], self._word_check.values[first:] = kernel.hash_words(
                points, bounds, self._mask
            )
        hashes, checks = self._word_hash.values[first:], self._word_check.values[first:]
        if self.frozen:
            self._word_id.extend(self.words.find(hashes, checks))
        else:
            known = self.words.n
            identifiers, firsts = self.words.intern(hashes, checks)
            self._word_id.extend(identifiers)
            self._make_room(0)
            self.word_examples[known : self.words.n, 0] = first + firsts

    def _make_room(self, extra: int) -> None:
        """Room for so many more words in the table and among the examples."""
        if self.words.n + extra > len(self.word_examples):
            shape = (2 * (self.words.n + extra), self.word_examples.shape[1])
            larger = np.full(shape, -1, np.int32)
            larger[: len(self.word_examples)] = self.word_examples
            self.word_examples = larger
        self.words.reserve(len(self.word_examples) - self.words.n)

    def _describe_runs(self, lo: int, hi: int, shortest: int, longest: int) -> None:
        bounds = self.spellings.bounds.values[lo : hi + 1]
        hashes, checks, places, ends = kernel.char_runs(
            self.spellings.points.values, bounds, shortest, longest, self._mask
        )
        if self.frozen:
            identifiers = self.chars.find(hashes, checks)
        else:
            identifiers, firsts = self.chars.intern(hashes, checks)
            self.char_examples.extend(places[firsts] + np.array([lo, 0, 0], np.int32))
        self._char_ends.extend(self._char_ids.n + ends[1:])
        self._char_ids.extend(identifiers)

    # from tokens to numbers

    @property
    def lexicon(self) -> Lexicon:
        """What is remembered of tokens."""
        return Lexicon(self._word_id.values, self._char_ids.values, self._char_ends.values)

    def learn(self, scanned: Scanned) -> None:
        """Add a batch's runs of words to the terms, and its terms to the frequencies."""
        for part in (scanned.spans[:4], scanned.spans[4:]) if self._ngram_max > 1 else ():
            self._learn_runs(*part)
        self._each(scanned, kernel.count)
        self.n_articles += len(scanned)

    def _learn_runs(self, tokens: Array, starts: Array, stops: Array, runs: Array) -> None:
        lengths, more, d = stops - starts, self._ngram_max - 1, 0
        while d < len(starts):  # most runs occur once, so about half of a batch's are new
            self._make_room(more * max(int(lengths[d:].sum()) // 2, int(lengths[d])))
            d, self.words.n, collisions = kernel.find_runs(
                tokens, starts, stops, d, len(starts), self._word_hash.values, self._word_check.values,
                self.words.slots, self.words.n, self.word_examples, self._mask, runs, True,
            )  # fmt: skip
            self.words.collisions += collisions

    def frequencies(self) -> tuple[Array, Array, Array, Array]:
        """Document and term frequencies of the words, then of the characters, shape (n_terms,) each."""

        def total(name: str, kind: str, n: int) -> Array:
            parts = (getattr(getattr(works, kind), name)[:n] for works in self._works)
            return sum(parts, np.zeros(n, np.int64))

        n_words, n_chars = self.words.n, self.chars.n
        return (
            total("df", "words", n_words), total("tf", "words", n_words),
            total("df", "chars", n_chars), total("tf", "chars", n_chars),
        )  # fmt: skip

    def freeze(self, word_columns: Array, char_columns: Array, scanned: Sequence[Scanned] = ()) -> None:
        """Give each term its column, -1 for those to drop; nothing more is learned.

        Batches that were learned can be given along, to be turned into rows afterwards.
        """
        self.words, self.chars = self.words.renumbered(word_columns), self.chars.renumbered(char_columns)
        word_columns, char_columns = (np.append(c, np.int32(-1)) for c in (word_columns, char_columns))
        self._word_id.values[:] = word_columns[self._word_id.values]
        self._char_ids.values[:] = char_columns[self._char_ids.values]
        for batch in scanned:
            for runs in (batch.spans.title_runs, batch.spans.runs):
                runs[:] = word_columns[runs]  # the last stands for none
        self._works = []
        self.word_examples, self.char_examples = self.word_examples[:0], Growing(np.int32, 3)
        self.frozen = True

    def rows(self, scanned: Scanned, weights: Weights) -> list[tuple[Array, Array, Array]]:
        """Parts of a CSR matrix one below the other: values, columns, and lengths of rows."""
        size = max(1 << 18, 2 * (self.words.n + self.chars.n))

        def rows(spans: Spans, lo: int, hi: int, *given: Any) -> list[tuple[Array, Array, Array]]:
            parts, columns, values = [], np.empty(size, np.int32), np.empty(size)
            while lo < hi:
                lo, *part = kernel.rows(spans, lo, hi, *given, weights, columns, values)
                parts.append(tuple(part))
            return parts

        return [part for parts in self._each(scanned, rows) for part in parts]

    def place_values(self, scanned: Scanned) -> Array:
        """What `mentions.place_features` gives of each article, shape (n_articles, n_values)."""
        if self._places is None:
            return np.empty((len(scanned), 0))
        spans, names = scanned.spans, self._places.names
        values = np.zeros((len(scanned), self._places.n_values))
        most = spans.title_stops - spans.title_starts + spans.stops - spans.starts
        if 2 * most.max(initial=0) >= len(self._logs):
            self._logs = np.array([math.log1p(n) for n in range(4 * most.max() + 1)])  # the plain path's own
        cues = Cues(*(kept.values for kept in self._cues))
        self._map(
            lambda lo, hi: kernel.place_values(spans, lo, hi, cues, names, self._mask, self._logs, values),
            _split(spans.stops - spans.starts, self.threads),
        )
        return values

    def scores(self, scanned: Scanned, weights: Weights, places: Array, coef: Array) -> tuple[Array, Array]:
        """Linear scores without intercept, and how many values each row has.

        Parameters
        ----------
        places : ndarray of shape (n_articles, n_values)
            Further values; their coefficients are the last of `coef`.
        coef : ndarray of shape (n_terms + n_values, n_labels)

        Returns
        -------
        ndarray of shape (n_articles, n_labels), ndarray of shape (n_articles,)
        """
        parts = self._each(scanned, lambda *given: kernel.scores(*given, weights, places, coef))
        scores, lengths = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        return scores, lengths

    def _each(self, scanned: Scanned, function: Callable[..., Any]) -> list[Any]:
        spans, lexicon = scanned.spans, self.lexicon
        parts = _split(spans.stops - spans.starts, self.threads)
        while len(self._works) < len(parts):
            self._works.append(Works(Work.of(0), Work.of(0), Work.of(0)))
        sizes = self.words.n, self.chars.n, self._tokens.n
        summed = not self.frozen, not self.frozen, False
        self._works = [
            Works(*(work.grown(n, sums) for work, n, sums in zip(works, sizes, summed, strict=True)))
            for works in self._works
        ]
        return self._map(
            lambda lo, hi, works: function(spans, lo, hi, self._rules, lexicon, works),
            [(*part, works) for part, works in zip(parts, self._works, strict=False)],
        )

    def _map(self, function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> list[Any]:
        if len(calls) == 1:
            return [function(*calls[0])]
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(lambda call: function(*call), calls))


def _split(sizes: Array, parts: int) -> list[tuple[int, int]]:
    """Ranges of articles of about equal size, one a thread."""
    total = np.cumsum(sizes)
    if parts == 1 or not len(total) or total[-1] < MIN_PART * parts:
        return [(0, len(sizes))]
    cuts = np.searchsorted(total, np.linspace(0, total[-1], parts + 1)[1:-1]).tolist()
    return list(pairwise(np.unique([0, *cuts, len(sizes)]).tolist()))  # a long article may fill a part
