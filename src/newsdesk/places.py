"""Read the tables of places and expand each name into the spellings that running text shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from newsdesk.errors import NewsdeskError
from newsdesk.mentions import Form, Gazetteer, Kind, Place, Rule
from newsdesk.scorer import tokenize
from newsdesk.taxonomy import Taxonomy
from newsdesk.text import Normalization, normalize

# In the order of precedence: of two kinds under which a country has the same spelling, the first is kept.
FILES: dict[str, Kind] = {
    "countries.tsv": "country", "areas.tsv": "area", "demonyms.tsv": "demonym", "cities.tsv": "city",
    "institutions.tsv": "institution", "groups.tsv": "group", "people.tsv": "person", "companies.tsv": "company",
    "clubs.tsv": "club",
}  # fmt: skip
MEDIA_FILE, WORDS_FILE, RULES_FILE = "media.tsv", "words.tsv", "rules.tsv"
NO_PLACE = "-"
EVERY_DEMONYM = "-ي"
MAX_TOKENS = 6
CONDITIONS = ("after", "before", "not_after", "not_before", "named", "bare")

PROCLITICS = ("و", "ف", "ب", "ل", "ك", "وب", "ول", "وك", "فب", "فل")
BEFORE_ARTICLE = ("و", "ف", "ب", "ك", "وب", "وك", "فب")  # with ل the alef of the article is not written
LAM_ARTICLE = ("لل", "ولل", "فلل")
NISBA_ENDINGS = ("", "ة", "ا", "ون", "ين", "ان", "تان", "تين", "ات")


class Row(NamedTuple):
    """A name as a table lists it."""

    kind: Kind
    code: str
    name: str
    origin: str


def read_places(folder: Path, taxonomy: Taxonomy, normalization: Normalization) -> Gazetteer:
    """Read the tables of a folder, check them against the taxonomy and expand them.

    Raises
    ------
    NewsdeskError
        A file is missing, or a line is wrong; the message names file, line and what was found.
    """
    region_by_code = _regions(taxonomy)
    rows = [row for file, kind in FILES.items() for row in _read_names(folder / file, kind, region_by_code)]
    _check_unique(rows, normalization)
    rows = [*_country_rows(taxonomy), *rows, *_read_media(folder / MEDIA_FILE)]
    rules, bare = _read_rules(folder, normalization)
    builder = _Builder(normalization, bare)
    for row in rows:
        builder.add(row, region_by_code.get(row.code))
    if unknown := sorted((rules.keys() | bare) - builder.names - {EVERY_DEMONYM}):
        raise NewsdeskError(f"{folder / RULES_FILE}: expected a name of the tables, found «{unknown[0]}»")
    return Gazetteer(taxonomy.region_ids, tuple(builder.places), builder.forms(rules))


def spell_name(tokens: Sequence[str], *, bare: bool = False) -> Iterator[tuple[str, ...]]:
    """Spell a normalized name as text shows it: by itself and with the proclitics و ف ب ل ك."""
    first, rest = tokens[0], tuple(tokens[1:])
    yield (first, *rest)
    if bare:
        return
    for proclitic in PROCLITICS:
        yield (proclitic + first, *rest)
    if first.startswith("ال"):
        for proclitic in LAM_ARTICLE:
            yield (proclitic + first[2:].removeprefix("ل"), *rest)


def inflect_demonym(word: str) -> Iterator[str]:
    """Inflect a demonym for gender, number and definiteness; only those in ي have endings of their own.

    The tanwin of the accusative is its alef, which the article excludes.
    """
    endings = NISBA_ENDINGS if word.endswith("ي") else ("", "ا")
    for ending in endings:
        yield word + ending
        if ending != "ا" and not word.startswith("ال"):
            yield "ال" + word + ending


class _Builder:
    """Collects places and their spellings; a spelling without proclitic beats one with."""

    def __init__(self, normalization: Normalization, bare: set[str]) -> None:
        self.places: list[Place] = []
        self.names: set[str] = set()
        self._normalization = normalization
        self._bare = bare
        self._plain: dict[str, list[int]] = {}
        self._prefixed: dict[str, list[int]] = {}
        self._name_by_form: dict[str, str] = {}
        self._singular: set[str] = set()

    def add(self, row: Row, region: str | None) -> None:
        index = len(self.places)
        self.places.append(Place(row.code, region, row.kind, row.name))
        key = _key(row.name, self._normalization)
        self.names.add(key)
        inflected = row.kind == "demonym" and " " not in row.name
        for spelling in inflect_demonym(row.name) if inflected else _variants(row.name):
            form = _key(spelling, self._normalization)
            singular = inflected and spelling.removeprefix("ال") == row.name.removeprefix("ال")
            for i, tokens in enumerate(spell_name(form.split(), bare=key in self._bare)):
                joined = " ".join(tokens)
                _append(self._prefixed if i else self._plain, joined, index)
                self._name_by_form.setdefault(joined, key)
                if singular and row.name.endswith("ي"):
                    self._singular.add(joined)

    def forms(self, rules: dict[str, Rule]) -> dict[str, Form]:
        candidates = {**self._prefixed, **self._plain}
        return {form: Form(self._distinct(candidates[form]), self._rule(form, rules)) for form in sorted(candidates)}

    def _distinct(self, indices: Iterable[int]) -> tuple[int, ...]:
        """One place a code, the first; where one of them stands for no place, that one alone."""
        by_code = {self.places[i].code: i for i in reversed(list(indices))}
        kept = sorted(by_code.values())
        barred = [i for i in kept if self.places[i].region is None]
        return tuple(barred[:1] or kept)

    def _rule(self, form: str, rules: dict[str, Rule]) -> Rule | None:
        own = rules.get(self._name_by_form[form])
        return own or (rules.get(EVERY_DEMONYM) if form in self._singular else None)


def _append(lists: dict[str, list[int]], key: str, value: int) -> None:
    lists.setdefault(key, []).append(value)


def _key(name: str, normalization: Normalization) -> str:
    return " ".join(tokenize(normalize(name, normalization)))


def _variants(name: str) -> Iterator[str]:
    """A name and the spellings that differ by rule: نج for نغ, عبدالله for عبد الله."""
    yield name
    if "نغ" in name:
        yield name.replace("نغ", "نج")
    if "عبد ال" in name:
        yield name.replace("عبد ال", "عبدال")


def _regions(taxonomy: Taxonomy) -> dict[str, str | None]:
    by_code: dict[str, str | None] = {r.id: r.id for r in taxonomy.regions}
    by_code |= {code: r.id for r in taxonomy.regions for code in r.countries}
    return by_code | {code: None for code in (*taxonomy.unassigned, NO_PLACE)}


def _country_rows(taxonomy: Taxonomy) -> Iterator[Row]:
    for region in taxonomy.regions:
        for code in region.countries:
            for name in taxonomy.names_of_country(code):
                yield Row("country", code, name, "taxonomy")


def _read_names(path: Path, kind: Kind, region_by_code: dict[str, str | None]) -> Iterator[Row]:
    for number, cells in _read_cells(path, n_cells=2):
        code, names = cells
        if code not in region_by_code:
            raise NewsdeskError(
                f"{path}: line {number}: expected a country of the taxonomy, a region or -, found {code!r}"
            )
        for name in _split(names):
            row_kind: Kind = "other" if code == NO_PLACE else kind
            yield Row(row_kind, code, name, f"{path.name} line {number}")


def _read_media(path: Path) -> Iterator[Row]:
    for number, cells in _read_cells(path, n_cells=1):
        for name in _split(cells[0]):
            yield Row("media", NO_PLACE, name, f"{path.name} line {number}")


def _check_unique(rows: Sequence[Row], normalization: Normalization) -> None:
    seen: dict[tuple[str, str, bool], Row] = {}
    for row in rows:
        key = _key(row.name, normalization)
        if not 1 <= len(key.split()) <= MAX_TOKENS:
            raise NewsdeskError(f"{row.origin}: expected a name of 1 to {MAX_TOKENS} words, found «{row.name}»")
        # «تشيلي» is the country and, inflected, its people
        if lost := [word for word in re.split(r"[\s-]+", row.name) if len(word) < 2]:
            raise NewsdeskError(f"{row.origin}: «{row.name}»: expected words of two letters, found {lost[0]!r}")
        first = seen.setdefault((key, row.code, row.kind == "demonym"), row)
        if first is not row:
            raise NewsdeskError(
                f"{row.origin}: «{row.name}»: expected it once under {row.code}, found it in {first.origin} too"
            )


def _read_rules(folder: Path, normalization: Normalization) -> tuple[dict[str, Rule], set[str]]:
    lists = {name: _split(words) for _, (name, words) in _read_cells(folder / WORDS_FILE, n_cells=2)}
    path = folder / RULES_FILE
    rules: dict[str, Rule] = {}
    bare: set[str] = set()
    for number, (names, condition, words) in _read_cells(path, n_cells=3):
        if condition not in CONDITIONS:
            raise NewsdeskError(f"{path}: line {number}: expected {' '.join(CONDITIONS)}, found {condition!r}")
        beside = _neighbours(words, lists, normalization, f"{path}: line {number}")
        for name in _split(names):
            key = name if name == EVERY_DEMONYM else _key(name, normalization)
            if condition == "bare":
                bare.add(key)
                continue
            rule = rules.get(key, Rule())
            if condition == "named":
                rules[key] = rule._replace(named=True)
            else:
                rules[key] = rule._replace(**{condition: getattr(rule, condition) | beside})
    return rules, bare


def _neighbours(words: str, lists: dict[str, list[str]], normalization: Normalization, place: str) -> frozenset[str]:
    found: set[str] = set()
    for word in _split(words):
        if word.startswith("@") and word[1:] not in lists:
            raise NewsdeskError(f"{place}: expected a list of {WORDS_FILE}, found {word!r}")
        for each in lists[word[1:]] if word.startswith("@") else [word]:
            for (spelling,) in spell_name([_key(each, normalization)]):
                found.add(spelling)
    return frozenset(found)


def _read_cells(path: Path, *, n_cells: int) -> Iterator[tuple[int, list[str]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NewsdeskError(f"{path}: expected a table of places, found: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NewsdeskError(f"{path}: expected UTF-8 text, found other bytes at {error.start}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != n_cells:
            raise NewsdeskError(f"{path}: line {number}: expected {n_cells} cells, found {len(cells)}")
        yield number, cells


def _split(cell: str) -> list[str]:
    return [part for name in cell.split(",") if (part := name.strip())]
