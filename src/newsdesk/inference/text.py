"""Repair, normalize and tokenize text: the reference for what the compiled path does with bytes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from .markup import MAX_ROUNDS, decode_entities, strip_tags

CHAR_PREFIX = "#"  # begins the terms that are character n-grams
LEAD_PREFIX = "^"  # begins the names of terms that are counted in title and lead alone
STEMMERS = {"snowball": "arabic"}  # setting to algorithm of PyStemmer
SEPARATOR = re.compile("[\x0b\x0c\x1c-\x1f\x85]")  # controls that separate words; other controls are dropped
CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x9f]")
ANY_CONTROL = re.compile(f"{SEPARATOR.pattern}|{CONTROL.pattern}")
TOKEN = re.compile(r"\w\w+")
SENTENCE_END = re.compile("[.!?\u061f\n]")
LONG_RUN = re.compile(r"[^\w\s]{32,}")  # of marks, perhaps; no mark is a letter, digit or space
SAMPLED_RUN = re.compile(r"[^\w\s]{2}")  # what is left of a long run in every 16th character
LETTER = re.compile("[^\\W\\d_\u0640]")  # tatweel is none
ARABIC_LETTER = re.compile(
    "[\u0620-\u063f\u0641-\u064a\u066e\u066f\u0671-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06fc\u06ff\u0750-\u077f\ufb50-\ufefc]"
)
# Letters of Persian, Urdu, Kurdish and others that Arabic does not use. Arabic news contains a few, in names,
# and many where a Persian keyboard writes every yeh and kaf.
FOREIGN_LETTER = re.compile(
    "[\u0620\u063b-\u063f\u066e\u066f\u0672-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06fc\u06ff\u0750-\u077f\ufb52-\ufbff]"
)
KEYBOARD_LETTERS = str.maketrans("ٱیېےکڪہھۀ", "ايييككههه")
UNPRONOUNCED = re.compile(  # marks, tatweel and invisible characters
    "[\u0640\u064b-\u065f\u0670\u0610-\u061a\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff"
    "\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
ARABIC_WORD = re.compile(
    r"[وفبك]?ال\w+|لل\w+|\w+ة|[أإ]\w+|في|من|على|علي|إلى|الى|الي|ان|عن|مع|هذا|هذه|بعد|قال|كان"
)
FOREIGN_WORD = re.compile(
    "از|در|که|كه|را|این|است|با|به|بر|برای|های|ها|می|شد|شده|کرد|یک|گفت|ہے|کے|کی|کو|نے|میں|اور|سے"
)
MIN_ARABIC_LETTERS = 0.3  # low, because scraped articles contain scripts and lists of foreign titles
MAX_FOREIGN_LETTERS = 0.02
MIN_ARABIC_WORDS = 0.15
MIN_ARABIC_TO_FOREIGN_WORDS = 2


def repair_text(text: str) -> str:
    """Remove HTML and control characters, and strip surrounding whitespace.

    Tags that end a paragraph become line breaks. Entities are decoded until nothing changes.

    Examples
    --------
    >>> repair_text("<p>قال &amp;quot;نعم&amp;quot;<br>ثم مضى</p>")
    'قال "نعم"\\nثم مضى'
    """
    for _ in range(MAX_ROUNDS):
        before = text
        if ANY_CONTROL.search(text):
            text = CONTROL.sub("", SEPARATOR.sub(" ", text))
        if "<" in text:
            text = strip_tags(text)
        if "&" in text:
            text = decode_entities(text)
        if text == before:
            break
    return text.strip()


def compose(text: str) -> str:
    """Return the NFKC form of a text, in a time that grows evenly with its length.

    `unicodedata` alone takes a time that grows with the square of the number of marks on a letter.

    Examples
    --------
    >>> compose("e\u0301")
    'é'
    """
    if SAMPLED_RUN.search(text[::16]):
        text = LONG_RUN.sub(_order_marks, text)
    return unicodedata.normalize("NFKC", text)


def _order_marks(run: re.Match[str]) -> str:
    """Decompose a run of characters, and order its marks, which changes no normal form."""
    marks, ordered = [], []
    for char in (part for whole in run[0] for part in unicodedata.normalize("NFKD", whole)):
        if unicodedata.combining(char):
            marks.append(char)
        else:
            ordered += [*sorted(marks, key=unicodedata.combining), char]
            marks = []
    return "".join([*ordered, *sorted(marks, key=unicodedata.combining)])


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
        folded = compose(text).translate(table).lower()
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


def take_tokens(sentences: Sequence[Sequence[str]], n: int) -> list[list[str]]:
    """Return the first `n` tokens of a text, by sentence."""
    taken: list[list[str]] = []
    for tokens in sentences:
        taken.append([*tokens[:n]])
        n -= len(taken[-1])
    return taken


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
    # enough words must be Arabic, however they are typed, and far more than words of other languages
    words = re.findall(r"\w+", UNPRONOUNCED.sub("", compose(text)))
    n_arabic = sum(ARABIC_WORD.fullmatch(word.translate(KEYBOARD_LETTERS)) is not None for word in words)
    n_foreign = sum(FOREIGN_WORD.fullmatch(word) is not None for word in words)
    return n_arabic >= MIN_ARABIC_WORDS * len(words) and n_arabic > MIN_ARABIC_TO_FOREIGN_WORDS * n_foreign
