"""Which spellings of Arabic count as the same: settings to the table that `scorer.normalize` applies."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from newsdesk.inference.scorer import normalize as _normalize

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


class Normalization(BaseModel):
    """The switches of normalization; each one removes or folds what its name says.

    Compatibility composition (NFKC) and lower case are not switches: terms need one form.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strip_marks: bool = Field(True, description="remove vowel marks and the dagger alef")
    strip_tatweel: bool = Field(True, description="remove the tatweel, which only stretches a word")
    strip_invisible: bool = Field(True, description="remove bidi marks, zero-width signs and soft hyphens")
    fold_alef: bool = Field(True, description="write أ إ آ ٱ as ا")
    fold_alef_maksura: bool = Field(True, description="write ى as ي")
    fold_teh_marbuta: bool = Field(True, description="write ة as ه")
    fold_hamza: bool = Field(False, description="write ؤ as و and ئ as ي")
    fold_digits: bool = Field(True, description="write Arabic-Indic and Persian digits as 0 to 9")
    fold_persian: bool = Field(
        True, description="write Farsi yeh and keheh, yeh barree and heh goal as ي ك ي ه"
    )
    split_underscore: bool = Field(True, description="read an underscore as a space, for hashtags")


def build_table(settings: Normalization) -> dict[str, str]:
    """The table as three strings, which JSON keeps: `from` and `to` of equal length, and `remove`."""
    pairs: list[tuple[str, str]] = []
    if settings.fold_alef:
        pairs += [(letter, "ا") for letter in "أإآٱٲٳٵ"]
    if settings.fold_alef_maksura:
        pairs += [("ى", "ي")]
    if settings.fold_teh_marbuta:
        pairs += [("ة", "ه")]
    if settings.fold_hamza:
        pairs += [("ؤ", "و"), ("ئ", "ي")]
    if settings.fold_digits:
        pairs += [*zip(ARABIC_INDIC_DIGITS, LATIN_DIGITS, strict=True)]
        pairs += [*zip(PERSIAN_DIGITS, LATIN_DIGITS, strict=True)]
    if settings.fold_persian:
        pairs += [("ی", "ي"), ("ے", "ي"), ("ک", "ك"), ("ہ", "ه"), ("ھ", "ه")]
    if settings.split_underscore:
        pairs += [("_", " ")]
    remove = (
        (MARKS if settings.strip_marks else "")
        + (TATWEEL if settings.strip_tatweel else "")
        + (INVISIBLE if settings.strip_invisible else "")
    )
    return {"from": "".join(a for a, _ in pairs), "to": "".join(b for _, b in pairs), "remove": remove}


def normalize(text: str, settings: Normalization) -> str:
    """Bring a text to the spelling in which terms are counted; pure and idempotent."""
    return _normalize(text, translation(build_table(settings)))


def translation(table: Mapping[str, str]) -> Mapping[int, int | str | None]:
    """The table as `str.translate` takes it."""
    return str.maketrans(table["from"], table["to"], table["remove"])
