"""The labels of both heads, read from data: names, codes, countries and the sections that newsrooms print."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from newsdesk.base.errors import NewsdeskError

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Name = Annotated[str, StringConstraints(pattern=r"\w", strip_whitespace=True)]
ArabicName = Annotated[str, StringConstraints(pattern=r"[\u0621-\u064a]", strip_whitespace=True)]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
M49Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")]
MediaTopicCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]

# Two-letter entries of CLDR that are groupings, private use or parts of an ISO 3166-1 country.
NOT_COUNTRIES = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"]
)
# The word that stands for an empty label set in gold files, so no label may be called so.
NO_LABEL = "none"

# What NFKD leaves: alef wasla, alef maksura, teh marbuta, Farsi yeh and kaf, tatweel.
FOLDS = str.maketrans({"ٱ": "ا", "ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك", "ـ": None})
EXPECTED = {
    "missing": "a value",
    "extra_forbidden": "no such key",
    "string_type": "text (quote a code of digits)",
    "string_pattern_mismatch": "text matching {pattern}",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "too_short": "an entry or more",
}


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Composition(_Entry):
    """The UN M49 areas of a region; where an included and an excluded area overlap the narrower one wins."""

    include: tuple[M49Code, ...] = Field(min_length=1)
    exclude: tuple[M49Code, ...] = ()

    def __str__(self) -> str:
        included = " + ".join(self.include)
        return f"{included} without {' '.join(self.exclude)}" if self.exclude else included


class Label(_Entry):
    """What regions and topics have in common."""

    id: Identifier
    english: Name
    arabic: ArabicName
    description: Name
    sections: tuple[Name, ...] = ()


class Region(Label):
    """A class of the region head."""

    m49: Composition
    countries: tuple[CountryCode, ...] = Field(min_length=1)


class Topic(Label):
    """A class of the topic head: it has an IPTC Media Topics code, refines a parent, or both."""

    iptc: MediaTopicCode | None = None
    parent: Identifier | None = None


class Taxonomy(_Entry):
    """All labels, in the order of the file.

    Look-ups take names as printed: hamza, diacritics, tatweel, «ال», final ta marbuta or ha, punctuation and
    letter case make no difference.
    """

    regions: tuple[Region, ...] = Field(min_length=1)
    topics: tuple[Topic, ...] = Field(min_length=1)
    unassigned: tuple[CountryCode, ...] = ()
    sections_without_label: tuple[Name, ...] = ()
    country_aliases: dict[CountryCode, tuple[ArabicName, ...]] = {}

    @property
    def region_ids(self) -> tuple[str, ...]:
        """Classes of the region head."""
        return tuple(region.id for region in self.regions)

    @property
    def topic_ids(self) -> tuple[str, ...]:
        """Classes of the topic head."""
        return tuple(topic.id for topic in self.topics)

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """Every known section label as printed, the longest first, so that a prefix match takes it whole."""
        labelled = (label.sections for label in (*self.regions, *self.topics))
        known = {*self.sections_without_label, *chain.from_iterable(labelled)}
        return tuple(sorted(known, key=lambda section: (-len(section), section)))

    def region_of_section(self, section: str) -> str | None:
        """Region that a section label or feed name means; None where it is unknown or decides nothing."""
        return self._region_by_section.get(fold_name(section))

    def topic_of_section(self, section: str) -> str | None:
        """Topic that a section label or feed name means; None where it is unknown or decides nothing."""
        return self._topic_by_section.get(fold_name(section))

    def region_of_country(self, name: str) -> str | None:
        """Region of a country, given by its Arabic name or ISO 3166-1 alpha-2 code; None where unknown."""
        code = name.strip().upper()
        return self._region_by_code.get(code) or self._region_by_country.get(fold_name(name))

    def names_of_country(self, code: str) -> tuple[str, ...]:
        """Arabic names of a country, CLDR's first."""
        return self._names(code)

    def as_dict(self) -> dict[str, Any]:
        """Return lists, dicts and strings, ready for JSON; `read_taxonomy` reads the same shape."""
        return self.model_dump(mode="json", exclude_none=True)

    @cached_property
    def _region_by_section(self) -> dict[str, str]:
        return {fold_name(section): label.id for label in self.regions for section in label.sections}

    @cached_property
    def _topic_by_section(self) -> dict[str, str]:
        return {fold_name(section): label.id for label in self.topics for section in label.sections}

    @cached_property
    def _region_by_code(self) -> dict[str, str]:
        return {code: region.id for region in self.regions for code in region.countries}

    @cached_property
    def _region_by_country(self) -> dict[str, str]:
        return {
            fold_name(name): region
            for code, region in self._region_by_code.items()
            for name in self._names(code)
        }

    def _names(self, code: str) -> tuple[str, ...]:
        return (_country_names()[code], *self.country_aliases.get(code, ()))


def read_taxonomy(path: Path) -> Taxonomy:
    """Read and check a taxonomy file (YAML 1.2, so `NO` is a country and not a truth value).

    Raises
    ------
    NewsdeskError
        The file is missing, not YAML, or an entry is wrong; the message names file, entry and what was found.
    """
    document = _read_yaml(path)
    if not isinstance(document, dict):
        raise NewsdeskError(f"{path}: expected a mapping with regions and topics, found {_shown(document)}")
    try:
        taxonomy = Taxonomy.model_validate(document)
    except ValidationError as error:
        raise NewsdeskError(f"{path}: {_first_error(error, document)}") from error
    if problem := next(_problems(taxonomy), None):
        raise NewsdeskError(f"{path}: {problem}")
    return taxonomy


def taxonomy_rows(taxonomy: Taxonomy) -> list[dict[str, str]]:
    """One row a label, all values as text: head, id, english, arabic, code, parent, n_members, n_sections."""
    regions = [_row("region", r, code=str(r.m49), n_members=str(len(r.countries))) for r in taxonomy.regions]
    topics = [_row("topic", t, code=t.iptc or "", parent=t.parent or "") for t in taxonomy.topics]
    return regions + topics


def fold_name(name: str) -> str:
    """Fold a printed name to the key under which it is looked up; not a normalization of running text."""
    letters = unicodedata.normalize("NFKD", name).translate(FOLDS).casefold()
    bare = "".join(c for c in letters if unicodedata.category(c) not in {"Mn", "Cf"})
    words = re.findall(r"[^\W_]+", bare)
    return " ".join(re.sub(r"^ال(?=..)", "", word) for word in words)


def _row(head: str, label: Label, *, code: str, parent: str = "", n_members: str = "") -> dict[str, str]:
    return {
        "head": head,
        "id": label.id,
        "english": label.english,
        "arabic": label.arabic,
        "code": code,
        "parent": parent,
        "n_members": n_members,
        "n_sections": str(len(label.sections)),
    }


@cache
def _country_names() -> dict[str, str]:
    from babel import Locale  # 45 ms with its data, which `newsdesk --help` need not pay

    names = Locale("ar").territories
    return {code: name for code, name in names.items() if _is_country(code)}


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES


def _read_yaml(path: Path) -> object:
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NewsdeskError(f"{path}: expected a taxonomy file, found: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NewsdeskError(f"{path}: expected UTF-8 text, found other bytes at {error.start}") from error
    except MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise NewsdeskError(f"{path}: expected YAML, found{line}: {_one_line(error.problem)}") from error
    except (YAMLError, ValueError) as error:
        raise NewsdeskError(f"{path}: expected YAML, found: {_one_line(error)}") from error


def _first_error(error: ValidationError, document: object) -> str:
    first = error.errors(include_url=False)[0]
    expected = EXPECTED.get(first["type"], first["msg"]).format_map(first.get("ctx", {}))
    found = "nothing" if first["type"] == "missing" else _shown(first["input"])
    return f"{_place(first['loc'], document)}: expected {expected}, found {found}"


def _place(location: Iterable[int | str], document: object) -> str:
    """Name the entry of an error: `regions[2] (asia).countries[0]`."""
    text, node = "", document
    for step in location:
        try:
            node = node[step]  # type: ignore[index]  # untyped YAML; a missing key ends the walk
        except (KeyError, IndexError, TypeError):
            node = None
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
        if isinstance(node, dict) and isinstance(node.get("id"), str):
            text += f" ({node['id']})"
    return text.removeprefix(".")


def _shown(value: object) -> str:
    text = _one_line(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_line(value: object) -> str:
    return " ".join(str(value).split())


def _problems(taxonomy: Taxonomy) -> Iterator[str]:
    """What is wrong between entries, after each was found right by itself."""
    for head, labels in (("regions", taxonomy.regions), ("topics", taxonomy.topics)):
        yield from _repeated_ids(head, labels)
        yield from _shared_sections(head, labels)
    yield from _labelled_after_all(taxonomy)
    yield from _wrong_parents(taxonomy.topics)
    yield from _wrong_codes(taxonomy)
    yield from _ambiguous_names(taxonomy)


def _repeated_ids(head: str, labels: Iterable[Label]) -> Iterator[str]:
    seen = {NO_LABEL}
    for label in labels:
        if label.id in seen:
            found = "the word for no label" if label.id == NO_LABEL else "it twice"
            yield f"{head}: id {label.id!r}: expected an id of its own, found {found}"
        seen.add(label.id)


def _shared_sections(head: str, labels: Iterable[Label]) -> Iterator[str]:
    owner: dict[str, str] = {}
    for label in labels:
        for section in label.sections:
            first = owner.setdefault(fold_name(section), label.id)
            if first != label.id:
                yield f"{head}: section «{section}»: expected one label, found {first} and {label.id}"


def _labelled_after_all(taxonomy: Taxonomy) -> Iterator[str]:
    for section in taxonomy.sections_without_label:
        if label := taxonomy.region_of_section(section) or taxonomy.topic_of_section(section):
            yield f"sections_without_label: section «{section}»: expected no label, found it under {label}"


def _wrong_parents(topics: tuple[Topic, ...]) -> Iterator[str]:
    parents = {topic.id: topic.parent for topic in topics}
    for topic in topics:
        place = f"topics: {topic.id}"
        if topic.parent is None and topic.iptc is None:
            yield f"{place}: expected an iptc code or a parent, found neither"
        if topic.parent is not None and topic.parent not in parents:
            yield f"{place}: parent: expected the id of a topic, found {topic.parent!r}"
        elif topic.parent is not None and parents[topic.parent] is not None:
            yield f"{place}: parent: expected a topic without a parent, found {topic.parent!r}"


def _wrong_codes(taxonomy: Taxonomy) -> Iterator[str]:
    owner: dict[str, str] = {}
    listed = [(region.id, region.countries) for region in taxonomy.regions]
    for place, codes in [*listed, ("unassigned", taxonomy.unassigned)]:
        for code in codes:
            if code not in _country_names():
                yield f"{place}: country: expected an ISO 3166-1 alpha-2 code, found {code!r}"
            elif code in owner:
                yield f"{place}: country {code}: expected it in one place, found it in {owner[code]} too"
            owner.setdefault(code, place)
    for code in taxonomy.country_aliases:
        if code not in owner:
            yield f"country_aliases: expected the code of a country listed above, found {code!r}"


def _ambiguous_names(taxonomy: Taxonomy) -> Iterator[str]:
    owner: dict[str, str] = {}
    for code, region in taxonomy._region_by_code.items():
        for name in taxonomy._names(code):
            first = owner.setdefault(fold_name(name), region)
            if first != region:
                yield f"country_aliases: {code}: «{name}»: expected one region, found {first} and {region}"
