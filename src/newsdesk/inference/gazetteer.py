"""The gazetteer: places, the spellings of their names, and rules for ambiguous names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

Kind = Literal[
    "country", "area", "demonym", "city", "institution", "person", "group", "company", "club", "media",
    "other",
]  # fmt: skip

# Kinds whose mentions are counted together. An armed group, a company or a club is often far from home.
GROUP_BY_KIND: dict[Kind, str] = {
    "country": "country", "area": "country", "demonym": "country", "city": "city",
    "institution": "institution", "person": "person", "group": "actor", "company": "actor", "club": "actor",
}  # fmt: skip
GROUPS = tuple(dict.fromkeys(GROUP_BY_KIND.values()))


class Place(NamedTuple):
    """What a name means; `region` is None for a name that is no place and only excludes other readings."""

    code: str
    region: str | None
    kind: Kind
    name: str = ""

    @property
    def support_key(self) -> str:
        """What a mention supports: its country; a club, whose name is often a common word, only clubs."""
        return f"{self.code} {self.kind}" if self.kind == "club" else self.code


class Rule(NamedTuple):
    """When an ambiguous name counts as a mention.

    Never next to a word of `not_after` or `not_before`. If `after`, `before` or `named` is given, one of them
    must hold: the previous word, the next word, or another name of its country in the article.
    """

    after: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    not_before: frozenset[str] = frozenset()
    named: bool = False

    @property
    def word_sets(self) -> tuple[frozenset[str], ...]:
        """`after`, `before`, `not_after` and `not_before`."""
        return self[:4]


class Form(NamedTuple):
    """A spelling: the indices of the places that it may mean, likeliest first, and its rule."""

    places: tuple[int, ...]
    rule: Rule | None = None


@dataclass(frozen=True)
class Gazetteer:
    """All spellings of all places."""

    regions: tuple[str, ...]  # in the order of the features
    places: tuple[Place, ...]
    forms: Mapping[str, Form]  # by normalized tokens joined with spaces

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` needs, ready for JSON; places of equal code, region and kind become one."""
        distinct = {key: i for i, key in enumerate(dict.fromkeys(place[:3] for place in self.places))}
        place_numbers = [distinct[place[:3]] for place in self.places]
        rules = sorted({form.rule for form in self.forms.values() if form.rule}, key=_rule_as_list)
        rule_numbers = {rule: i for i, rule in enumerate(rules)}
        spellings: dict[tuple[tuple[int, ...], int | None], list[str]] = {}
        for spelling, form in self.forms.items():
            places = tuple(place_numbers[i] for i in form.places)
            number = rule_numbers[form.rule] if form.rule else None
            spellings.setdefault((places, number), []).append(spelling)
        return {
            "regions": list(self.regions),
            "places": [list(place) for place in distinct],
            "rules": [_rule_as_list(rule) for rule in rules],
            "forms": [[list(places), rule, own] for (places, rule), own in spellings.items()],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Gazetteer:
        """Build a gazetteer from the result of `as_dict`; an error if a value is missing or not allowed."""
        _check_content(content)
        places = tuple(Place(*place) for place in content["places"])
        rules = [Rule._make((*map(frozenset, word_sets), named)) for *word_sets, named in content["rules"]]
        forms: dict[str, Form] = {}
        n_spellings = 0
        for indices, rule, spellings in content["forms"]:
            if not indices or not all(_is_index(i, places) for i in indices):
                raise ValueError(f"a spelling means place {indices!r} of {len(places)}")
            if rule is not None and not _is_index(rule, rules):
                raise ValueError(f"a spelling has rule {rule!r} of {len(rules)}")
            if not _is_list_of_strings(spellings):
                raise ValueError("a spelling is not a string")
            forms |= dict.fromkeys(spellings, Form(tuple(indices), None if rule is None else rules[rule]))
            n_spellings += len(spellings)
        if len(forms) != n_spellings:
            raise ValueError("a spelling is listed twice")
        return cls(tuple(content["regions"]), places, forms)

    @cached_property
    def longest(self) -> dict[str, int]:
        """Map a token that longer spellings begin with to the number of tokens of the longest."""
        longest: dict[str, int] = {}
        for form in self.forms:
            if (n_spaces := form.count(" ")) and n_spaces >= longest.get(first := form.partition(" ")[0], 0):
                longest[first] = n_spaces + 1
        return longest


def _check_content(content: Mapping[str, Any]) -> None:
    regions = content["regions"]
    if not _is_list_of_strings(regions) or len(set(regions)) != len(regions):
        raise ValueError(f"regions {regions!r} are not distinct names")
    for code, region, kind in content["places"]:
        if not isinstance(code, str) or not isinstance(kind, str) or region not in (None, *regions):
            raise ValueError(f"{code!r} is not a place in one of the regions")
        if region is not None and kind not in GROUP_BY_KIND:
            raise ValueError(f"{code!r} has kind {kind!r}, which has no region")
    for *word_sets, named in content["rules"]:
        if len(word_sets) != 4 or not all(map(_is_list_of_strings, word_sets)) or not isinstance(named, bool):
            raise ValueError("a rule is not four lists of words and a boolean")


def _is_list_of_strings(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) and value for value in values)


def _is_index(value: Any, values: Sequence[object]) -> bool:
    return type(value) is int and 0 <= value < len(values)


def _rule_as_list(rule: Rule) -> list[Any]:
    return [*map(sorted, rule.word_sets), rule.named]
