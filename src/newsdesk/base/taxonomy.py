"""The taxonomy: regions and topics with their names, codes, countries and newsroom sections."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_yaml
from newsdesk.base.schema import NO_LABEL
from newsdesk.base.validation import FrozenModel, checking, shorten

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Name = Annotated[str, StringConstraints(pattern=r"\w", strip_whitespace=True)]
ArabicName = Annotated[str, StringConstraints(pattern=r"[\u0621-\u064a]", strip_whitespace=True)]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
M49Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")]
MediaTopicCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]

# Two-letter codes of CLDR for groupings, private use and parts of ISO 3166-1 countries.
NOT_COUNTRIES = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"]
)
# Letters that NFKD does not decompose: alef wasla, alef maksura, teh marbuta, Farsi yeh and kaf, tatweel.
FOLDS = str.maketrans({"ٱ": "ا", "ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك", "ـ": None})


class Composition(FrozenModel):
    """The UN M49 areas of a region; of overlapping included and excluded areas the narrower one wins."""

    include: tuple[M49Code, ...] = Field(min_length=1)
    exclude: tuple[M49Code, ...] = ()

    def __str__(self) -> str:
        included = " + ".join(self.include)
        return f"{included} without {' '.join(self.exclude)}" if self.exclude else included


class Label(FrozenModel):
    """The fields that regions and topics share."""

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
    """A class of the topic head; it has an IPTC Media Topics code, a parent topic, or both."""

    iptc: MediaTopicCode | None = None
    parent: Identifier | None = None


class Taxonomy(FrozenModel):
    """All labels, in the order of the file; look-ups accept names as printed."""

    regions: tuple[Region, ...] = Field(min_length=1)
    topics: tuple[Topic, ...] = Field(min_length=1)
    unassigned: tuple[CountryCode, ...] = ()
    sections_without_label: tuple[Name, ...] = ()
    country_aliases: dict[CountryCode, tuple[ArabicName, ...]] = Field({})

    @property
    def region_ids(self) -> tuple[str, ...]:
        """The classes of the region head."""
        return tuple(region.id for region in self.regions)

    @property
    def topic_ids(self) -> tuple[str, ...]:
        """The classes of the topic head."""
        return tuple(topic.id for topic in self.topics)

    def labels_of(self, task: str) -> tuple[str, ...]:
        """Classes of the head of a task."""
        return self.region_ids if task == "region" else self.topic_ids

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """All known section labels as printed, longest first, as prefix matching requires."""
        labelled = (label.sections for label in (*self.regions, *self.topics))
        known = {*self.sections_without_label, *chain.from_iterable(labelled)}
        return tuple(sorted(known, key=lambda section: (-len(section), section)))

    def region_of_section(self, section: str) -> str | None:
        """Return the region of a section label or feed name, None if it is unknown or implies none."""
        return self._by_section["region"].get(fold_name(section))

    def topic_of_section(self, section: str) -> str | None:
        """Return the topic of a section label or feed name, None if it is unknown or implies none."""
        return self._by_section["topic"].get(fold_name(section))

    def region_of_country(self, name: str) -> str | None:
        """Return the region of a country by Arabic name or ISO 3166-1 alpha-2 code, None if unknown."""
        code = name.strip().upper()
        return self._region_by_code.get(code) or self._region_by_country.get(fold_name(name))

    def is_country(self, code: str) -> bool:
        """Return whether a country of the taxonomy has this ISO 3166-1 alpha-2 code, in capitals or not."""
        code = code.strip().upper()
        return code in self._region_by_code or code in self.unassigned

    def names_of_country(self, code: str) -> tuple[str, ...]:
        """Return the Arabic names of a country by its code, that of CLDR first."""
        return (_country_names()[code], *self.country_aliases.get(code, ()))

    def as_dict(self) -> dict[str, Any]:
        """Return the taxonomy as JSON values, in the form that `read_taxonomy` reads."""
        return self.model_dump(mode="json", exclude_none=True)

    @cached_property
    def _by_section(self) -> dict[str, dict[str, str]]:
        heads: dict[str, tuple[Label, ...]] = {"region": self.regions, "topic": self.topics}
        return {
            head: {fold_name(section): label.id for label in labels for section in label.sections}
            for head, labels in heads.items()
        }

    @cached_property
    def _region_by_code(self) -> dict[str, str]:
        return {code: region.id for region in self.regions for code in region.countries}

    @cached_property
    def _region_by_country(self) -> dict[str, str]:
        return {
            fold_name(name): region
            for code, region in self._region_by_code.items()
            for name in self.names_of_country(code)
        }


def read_taxonomy(path: Path) -> Taxonomy:
    """Read and check a taxonomy file.

    Parameters
    ----------
    path : Path
        A YAML file such as data/taxonomy.yaml.

    Returns
    -------
    Taxonomy
        Regions and topics, in the order of the file.

    Raises
    ------
    NewsdeskError
        If the file is missing or not YAML, or an entry is wrong or contradicts another one.

    Examples
    --------
    >>> taxonomy = read_taxonomy(Path("data/taxonomy.yaml"))
    >>> taxonomy.region_ids[:3], taxonomy.region_of_country("كينيا")
    (('europe', 'us', 'asia'), 'africa')
    """
    document = read_yaml(path, missing="give a taxonomy file")
    if not isinstance(document, dict):
        raise NewsdeskError(f"{path}: expected a mapping with regions and topics, found {shorten(document)}")
    with checking(document, path):
        taxonomy = Taxonomy.model_validate(document)
    if problem := next(_problems(taxonomy), None):
        raise NewsdeskError(f"{path}: {problem}")
    return taxonomy


def taxonomy_rows(taxonomy: Taxonomy) -> list[dict[str, str]]:
    """Return one row of text values for each label, for display."""
    labels: tuple[Region | Topic, ...] = (*taxonomy.regions, *taxonomy.topics)
    return [
        {
            "head": "region" if isinstance(label, Region) else "topic",
            "id": label.id,
            "english": label.english,
            "arabic": label.arabic,
            "code": str(label.m49) if isinstance(label, Region) else label.iptc or "",
            "parent": "" if isinstance(label, Region) else label.parent or "",
        }
        for label in labels
    ]


@lru_cache(10_000)  # of sections and countries there are few
def fold_name(name: str) -> str:
    """Fold a printed name to its look-up key, without hamza, diacritics, «ال», punctuation and case."""
    letters = unicodedata.normalize("NFKD", name).translate(FOLDS).casefold()
    bare = "".join(c for c in letters if unicodedata.category(c) not in {"Mn", "Cf"})
    words = re.findall(r"[^\W_]+", bare)
    return " ".join(re.sub(r"^ال(?=..)", "", word) for word in words)


def english_name(code: str) -> str:
    """Return the English name of a country by its ISO 3166-1 alpha-2 code.

    Examples
    --------
    >>> english_name("DZ")
    'Algeria'
    """
    return _country_names("en").get(code, code)


@cache
def _country_names(language: str = "ar") -> dict[str, str]:
    from babel import Locale  # 45 ms to import with its data

    names = Locale(language).territories
    return {
        code: name
        for code, name in names.items()
        if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES
    }


def _problems(taxonomy: Taxonomy) -> Iterator[str]:
    """Yield the contradictions between entries that are valid by themselves."""
    for head, labels in (("regions", taxonomy.regions), ("topics", taxonomy.topics)):
        yield from _wrong_labels(head, labels)
    yield from _labelled_sections(taxonomy)
    yield from _wrong_parents(taxonomy.topics)
    yield from _wrong_countries(taxonomy)
    yield from _ambiguous_names(taxonomy)


def _wrong_labels(head: str, labels: Iterable[Label]) -> Iterator[str]:
    seen = {NO_LABEL}
    owner: dict[str, str] = {}
    for label in labels:
        if label.id in seen:
            found = "the word for no label" if label.id == NO_LABEL else "it twice"
            yield f"{head}: id {label.id!r}: expected a unique id, found {found}"
        seen.add(label.id)
        for section in label.sections:
            first = owner.setdefault(fold_name(section), label.id)
            if first != label.id:
                yield f"{head}: section «{section}»: expected one label, found {first} and {label.id}"


def _labelled_sections(taxonomy: Taxonomy) -> Iterator[str]:
    for section in taxonomy.sections_without_label:
        if label := taxonomy.region_of_section(section) or taxonomy.topic_of_section(section):
            yield f"sections_without_label: section «{section}»: expected no label, found {label}"


def _wrong_parents(topics: tuple[Topic, ...]) -> Iterator[str]:
    parents = {topic.id: topic.parent for topic in topics}
    for topic in topics:
        if topic.parent is None:
            if topic.iptc is None:
                yield f"topics: {topic.id}: expected an iptc code or a parent, found neither"
        elif topic.parent not in parents:
            yield f"topics: {topic.id}: parent: expected the id of a topic, found {topic.parent!r}"
        elif parents[topic.parent] is not None:
            yield f"topics: {topic.id}: parent: expected a topic without a parent, found {topic.parent!r}"


def _wrong_countries(taxonomy: Taxonomy) -> Iterator[str]:
    owner: dict[str, str] = {}
    listed = [(region.id, region.countries) for region in taxonomy.regions]
    for entry, codes in [*listed, ("unassigned", taxonomy.unassigned)]:
        for code in codes:
            if code not in _country_names():
                yield f"{entry}: country: expected an ISO 3166-1 alpha-2 code, found {code!r}"
            elif code in owner:
                yield f"{entry}: country {code}: expected it once, found it in {owner[code]} too"
            owner.setdefault(code, entry)
    for code in taxonomy.country_aliases:
        if code not in owner:
            yield f"country_aliases: expected the code of a country listed above, found {code!r}"


def _ambiguous_names(taxonomy: Taxonomy) -> Iterator[str]:
    owner: dict[str, str] = {}
    for code, region in taxonomy._region_by_code.items():
        for name in taxonomy.names_of_country(code):
            first = owner.setdefault(fold_name(name), region)
            if first != region:
                yield f"country_aliases: {code}: «{name}»: expected one region, found {first} and {region}"
