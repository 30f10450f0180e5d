"""Repair, normalize and tokenize text: the reference for what the compiled path does with bytes."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

CHAR_PREFIX = "#"  # begins the terms that are character n-grams
STEMMERS = {"snowball": "arabic"}  # setting to algorithm of PyStemmer
ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
SEPARATOR = re.compile("[\x0b\x0c\x1c-\x1f\x85]")  # controls that separate words; other controls are dropped
CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x9f]")
TOKEN = re.compile(r"\w\w+")
SENTENCE_END = re.compile("[.!?\u061f\n]")
LETTER = re.compile(r"[^\W\d_]")
ARABIC_LETTER = re.compile(
    "[\u0620-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06fc\u06ff\u0750-\u077f\ufb50-\ufefc]"
)
# Letters of Persian, Urdu, Pashto, Kurdish and Uyghur that Arabic does not use. Arabic news contains a few,
# in foreign names and where a keyboard writes every yeh as Farsi yeh.
FOREIGN_LETTER = re.compile("[پچژگکیٹڈڑےہھںۀېۍڼړښځڅډڕڵۆێەۇۈۋڭ]")
ARABIC_WORD = re.compile(
    r"(?:[وفبك]?ال\w+|لل\w+|في|من|على|إلى|الى|أن|ان|عن|مع|هذا|هذه|التي|الذي|بعد|قال|كان)"
)
MIN_ARABIC_LETTERS = 0.3  # low, because scraped articles contain scripts and lists of foreign titles
MAX_FOREIGN_LETTERS = 0.02
MIN_ARABIC_WORDS = 0.15


def repair_text(text: str) -> str:
    """Decode HTML entities, remove control characters and strip surrounding whitespace."""
    if ENTITY.search(text):
        text = html.unescape(text)
    return CONTROL.sub("", SEPARATOR.sub(" ", text)).strip()


def normalize(text: str, table: Mapping[int, int | str | None]) -> str:
    """Bring a text to the spelling in which terms are counted; the result is a fixed point.

    NFKC, `table` and lower case repeat until nothing changes, since removing a mark can let others compose.

    Parameters
    ----------
    text : str
    table : mapping of int to int, str or None
        A table for `str.translate`; `newsdesk.base.normalization.build_table` makes one from settings.

    Examples
    --------
    >>> normalize("أخبار", str.maketrans("أ", "ا"))
    'اخبار'
    """
    while True:
        folded = unicodedata.normalize("NFKC", text).translate(table).lower()
        if folded == text:
            return folded
        text = folded


def tokenize(normalized: str) -> list[str]:
    """Split a normalized text into tokens of at least two letters or digits."""
    return TOKEN.findall(normalized)


def tokenize_sentences(normalized: str, *, scope: str) -> list[list[str]]:
    """Tokenize a normalized text by sentence; with `scope` "text" the whole text is one sentence."""
    parts = SENTENCE_END.split(normalized) if scope == "sentence" else [normalized]
    return [tokenize(part) for part in parts]


def word_ngrams(words: Sequence[str], *, ngram_max: int) -> list[str]:
    """List the n-grams of 1 to `ngram_max` words, joined by spaces; none for 0."""
    return [" ".join(words[i : i + n]) for n in range(1, ngram_max + 1) for i in range(len(words) - n + 1)]


def char_ngrams(token: str, *, shortest: int, longest: int) -> list[str]:
    """List the character n-grams of a token padded with spaces, as scikit-learn's `char_wb` does."""
    padded, ngrams = f" {token} ", []
    for n in range(shortest, longest + 1):
        ngrams += [padded[i : i + n] for i in range(max(1, len(padded) - n + 1))]
        if len(padded) <= n:
            break  # a short word is counted once, not once for each n
    return ngrams


def build_stemmer(name: str | None) -> Callable[[list[str]], list[str]] | None:
    """Return a function that stems a list of normalized words, or None for no stemming."""
    if name is None:
        return None
    try:
        from Stemmer import Stemmer
    except ImportError:
        raise ValueError("words are stemmed by PyStemmer, which is missing: pip install PyStemmer") from None
    stem = Stemmer(STEMMERS[name], 0).stemWords  # PyStemmer's own cache costs more than it saves
    return lambda words: [stemmed or word for stemmed, word in zip(stem(words), words, strict=True)]


def is_arabic(text: str) -> bool:
    """Return whether a text is in Arabic, not in another language or another language's Arabic script."""
    n_letters = len(LETTER.findall(text))
    if not n_letters or len(ARABIC_LETTER.findall(text)) < MIN_ARABIC_LETTERS * n_letters:
        return False
    if len(FOREIGN_LETTER.findall(text)) <= MAX_FOREIGN_LETTERS * n_letters:
        return True
    # enough words must have the Arabic article or be common Arabic words
    words = re.findall(r"\w+", text)
    return sum(ARABIC_WORD.fullmatch(word) is not None for word in words) >= MIN_ARABIC_WORDS * len(words)
