"""Normalization of Arabic spelling: settings, and the translation table that they give."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

from pydantic import Field

from newsdesk.base.validation import FrozenModel
from newsdesk.inference.text import normalize as _normalize

MARKS = "".join(
    chr(c) for c in [*range(0x0600, 0x0700), *range(0x08D3, 0x0900)] if unicodedata.category(chr(c)) == "Mn"
)
INVISIBLE = "".join(
    chr(c)
    for c in [0x00AD, 0x061C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
)
TATWEEL = "\u0640"
ARABIC_INDIC_DIGITS = "".join(chr(0x0660 + d) for d in range(10))
PERSIAN_DIGITS = "".join(chr(0x06F0 + d) for d in range(10))
LATIN_DIGITS = "0123456789"

# By switch: characters and the replacement of each, and characters that are removed.
FOLDED = {
    "fold_alef": ("أإآٱٲٳٵ", "ا" * 7),
    "fold_alef_maksura": ("ى", "ي"),
    "fold_teh_marbuta": ("ة", "ه"),
    "fold_hamza": ("ؤئ", "وي"),
    "fold_digits": (ARABIC_INDIC_DIGITS + PERSIAN_DIGITS, LATIN_DIGITS * 2),
    "fold_persian": ("یےکہھ", "ييكهه"),
    "split_underscore": ("_", " "),
}
REMOVED = {"strip_marks": MARKS, "strip_tatweel": TATWEEL, "strip_invisible": INVISIBLE}


class Normalization(FrozenModel):
    """Switches of the normalization; Unicode NFKC and lower case always apply."""

    strip_marks: bool = Field(True, description="Remove vowel marks and dagger alef")
    strip_tatweel: bool = Field(True, description="Remove tatweel")
    strip_invisible: bool = Field(True, description="Remove bidi marks, zero-width signs and soft hyphens")
    fold_alef: bool = Field(True, description="Write أ إ آ ٱ as ا")
    fold_alef_maksura: bool = Field(True, description="Write ى as ي")
    fold_teh_marbuta: bool = Field(True, description="Write ة as ه")
    fold_hamza: bool = Field(False, description="Write ؤ as و and ئ as ي")
    fold_digits: bool = Field(True, description="Write Arabic-Indic and Persian digits as 0 to 9")
    fold_persian: bool = Field(True, description="Write Persian and Urdu yeh, kaf and heh as ي ك ه")
    split_underscore: bool = Field(True, description="Replace underscores, as in hashtags, by spaces")


def build_table(settings: Normalization) -> dict[str, str]:
    """Return the translation table as JSON values: `from` and `to` of equal length, and `remove`."""
    folds = [FOLDED[switch] for switch in FOLDED if getattr(settings, switch)]
    return {
        "from": "".join(letters for letters, _ in folds),
        "to": "".join(replacements for _, replacements in folds),
        "remove": "".join(REMOVED[switch] for switch in REMOVED if getattr(settings, switch)),
    }


def normalize(text: str, settings: Normalization | None = None) -> str:
    """Normalize the spelling of a text.

    Parameters
    ----------
    text : str
    settings : Normalization, optional
        The defaults if left out.

    Returns
    -------
    str
        The text in the form in which terms are counted. Normalizing it again changes nothing.

    Examples
    --------
    >>> normalize("أَخْبَـــار ١٢")
    'اخبار 12'
    """
    return _normalize(text, translation(build_table(settings or Normalization())))


def build_normalizer(settings: Normalization) -> Callable[[str], str]:
    """Return a function that normalizes texts with these settings, for many texts."""
    table = translation(build_table(settings))
    return lambda text: _normalize(text, table)


def translation(table: Mapping[str, str]) -> Mapping[int, int | str | None]:
    """Return a table of `build_table` in the form that `str.translate` takes."""
    return str.maketrans(table["from"], table["to"], table["remove"])
