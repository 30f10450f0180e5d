"""Read the tables of places and expand each name into the spellings that running text shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.inference.gazetteer import Form, Gazetteer, Kind, Place, Rule
from newsdesk.inference.text import normalize, tokenize

# Where a country has the same spelling twice, the file named first decides the kind.
FILES: dict[str, Kind] = {
    "countries.tsv": "country", "areas.tsv": "area", "demonyms.tsv": "demonym", "cities.tsv": "city",
    "towns.tsv": "city", "institutions.tsv": "institution", "groups.tsv": "group", "people.tsv": "person",
    "companies.tsv": "company", "clubs.tsv": "club",
}  # fmt: skip
MEDIA_FILE, WORDS_FILE, RULES_FILE = "media.tsv", "words.tsv", "rules.tsv"
NO_PLACE = "-"  # in place of a code: «المحيط الهادئ», «اتفاق باريس»
EVERY_DEMONYM = "-ي"
MAX_TOKENS = 6
BESIDE = ("after", "before", "not_after", "not_before")
CONDITIONS = (*BESIDE, "named", "bare")
NAMES = Normalization()  # tells names of the tables apart, whatever settings count as the same in texts

PROCLITICS = ("و", "ف", "ب", "ل", "ك", "وب", "ول")
LAM_ARTICLE = ("لل", "ولل")  # for ل before the article, whose alef is not written
TANWIN = "ا"
NISBA_ENDINGS = ("", "ة", TANWIN, "ون", "ين", "ان", "تان", "تين", "ات")

Keys = Callable[[str], str]


class Row(NamedTuple):
    """A name as a table lists it."""

    kind: Kind
    code: str
    name: str
    origin: str


def read_places(folder: Path, taxonomy: Taxonomy, normalization: Normalization) -> Gazetteer:
    """Read the tables of a folder, check them against the taxonomy and expand them into spellings.

    Raises
    ------
    NewsdeskError
        A file is missing, or a line is wrong; the message names file, line and what was found.
    """
    region_by_code = _regions(taxonomy)
    keys, name_keys = _keys(normalization), _keys(NAMES)
    listed = {file: [*_read_names(folder / file, kind, region_by_code)] for file, kind in FILES.items()}
    listed[MEDIA_FILE] = [*_read_media(folder / MEDIA_FILE)]
    _check_names([*chain.from_iterable(listed.values())], name_keys)
    rows = [*_country_rows(taxonomy), *chain.from_iterable(listed.values())]
    known = {name_keys(row.name) for row in rows}
    groups = {file: {name_keys(row.name) for row in own} for file, own in listed.items()}
    rules, bare = _read_rules(folder, keys, name_keys, known=known, groups=groups)
    places = tuple(Place(row.code, region_by_code[row.code], row.kind, row.name) for row in rows)
    return Gazetteer(taxonomy.region_ids, places, _forms(places, rules, bare, keys, name_keys))


def spell_name(tokens: Sequence[str], *, bare: bool = False) -> Iterator[str]:
    """Spell a normalized name as text shows it: by itself, and with و ف ب ل ك unless `bare`."""
    first, rest = tokens[0], "".join(f" {token}" for token in tokens[1:])
    yield first + rest
    if not bare:
        yield from (proclitic + first + rest for proclitic in PROCLITICS)
        if first.startswith("ال"):
            yield from (proclitic + first[2:].removeprefix("ل") + rest for proclitic in LAM_ARTICLE)


def inflect_demonym(word: str) -> Iterator[str]:
    """Inflect a demonym for gender, number and definiteness, beginning with the word itself.

    One in ي takes all endings, others («أتراك») only the article; with the article there is no tanwin.
    """
    for ending in NISBA_ENDINGS if word.endswith("ي") else ("", TANWIN):
        definite = word.startswith("ال")
        if not (definite and ending == TANWIN):
            yield word + ending
        if not definite and ending != TANWIN:
            yield "ال" + word + ending


def _forms(
    places: Sequence[Place], rules: Mapping[str, Rule], bare: Container[str], keys: Keys, name_keys: Keys
) -> dict[str, Form]:
    """All spellings; one without proclitic beats the same letters with one («بالي» is no «ب» with «الي»)."""
    plain: dict[str, list[int]] = {}
    prefixed: dict[str, list[int]] = {}
    surnames: set[str] = set()
    for index, place in enumerate(places):
        is_bare = name_keys(place.name) in bare
        for n_spelling, spelling in enumerate(_spellings(place)):
            for n_form, form in enumerate(spell_name(keys(spelling).split(" "), bare=is_bare)):
                (prefixed if n_form else plain).setdefault(form, []).append(index)
                if place.kind == "demonym" and place.name.endswith("ي") and n_spelling < 2:
                    surnames.add(form)
    forms = {}
    for form, indices in sorted((prefixed | plain).items()):
        kept = _one_a_code(indices, places)
        rule = rules.get(name_keys(places[kept[0]].name))
        if rule is None and places[kept[0]].kind == "demonym" and form in surnames:
            rule = rules.get(EVERY_DEMONYM)
        forms[form] = Form(kept, rule)
    return forms


def _spellings(place: Place) -> Iterator[str]:
    """A name and what differs from it by rule: inflections, نج for نغ, عبدالله for عبد الله."""
    name = place.name
    if place.kind == "demonym" and " " not in name:
        yield from inflect_demonym(name)
        return
    yield name
    if "نغ" in name:
        yield name.replace("نغ", "نج")
    if "عبد ال" in name:
        yield name.replace("عبد ال", "عبدال")


def _one_a_code(indices: Sequence[int], places: Sequence[Place]) -> tuple[int, ...]:
    """The first place of each code; where one is no place at all, that one alone."""
    if len(indices) == 1:
        return (indices[0],)
    first_by_code = {places[i].code: i for i in reversed(indices)}
    kept = sorted(first_by_code.values())
    return tuple([i for i in kept if places[i].region is None][:1] or kept)


def _keys(normalization: Normalization) -> Keys:
    """What maps a name to its normalized tokens, joined with a space."""

    table = translation(build_table(normalization))

    @cache
    def key(name: str) -> str:
        return " ".join(tokenize(normalize(name, table)))

    return key


def _regions(taxonomy: Taxonomy) -> dict[str, str | None]:
    by_code: dict[str, str | None] = {region.id: region.id for region in taxonomy.regions}
    by_code |= {code: region.id for region in taxonomy.regions for code in region.countries}
    return by_code | dict.fromkeys((*taxonomy.unassigned, NO_PLACE))


def _country_rows(taxonomy: Taxonomy) -> Iterator[Row]:
    for region in taxonomy.regions:
        for code in region.countries:
            for name in taxonomy.names_of_country(code):
                yield Row("country", code, name, "taxonomy")


def _read_names(path: Path, kind: Kind, codes: Container[str]) -> Iterator[Row]:
    for place, (code, names) in _read_cells(path, n_cells=2):
        if code not in codes:
            raise NewsdeskError(f"{place}: expected a country or region of the taxonomy or -, found {code!r}")
        for name in _split(names):
            yield Row("other" if code == NO_PLACE else kind, code, name, place)


def _read_media(path: Path) -> Iterator[Row]:
    for place, (names,) in _read_cells(path, n_cells=1):
        yield from (Row("media", NO_PLACE, name, place) for name in _split(names))


def _check_names(rows: Sequence[Row], name_keys: Keys) -> None:
    seen: dict[tuple[str, str, bool], Row] = {}
    for row in rows:
        words = re.split(r"[\s-]+", row.name)
        if lost := [word for word in words if len(word) < 2]:
            expected = "words of two letters or more, as tokens are"
            raise NewsdeskError(f"{row.origin}: «{row.name}»: expected {expected}, found {lost[0]!r}")
        if len(words) > MAX_TOKENS:
            found = f"{len(words)}"
            raise NewsdeskError(
                f"{row.origin}: «{row.name}»: expected {MAX_TOKENS} words at most, found {found}"
            )
        # «تشيلي» is the country and, inflected, its people
        first = seen.setdefault((name_keys(row.name), row.code, row.kind == "demonym"), row)
        if first is not row:
            expected = f"it once under {row.code}"
            raise NewsdeskError(
                f"{row.origin}: «{row.name}»: expected {expected}, found it in {first.origin} too"
            )


def _read_rules(
    folder: Path, keys: Keys, name_keys: Keys, *, known: set[str], groups: Mapping[str, set[str]]
) -> tuple[dict[str, Rule], set[str]]:
    """Rules by key of `name_keys`, and such keys of the names that take no proclitic.

    A table's name stands for all its names (`groups`), `EVERY_DEMONYM` for itself. Words next to a name are
    spelled by `keys`, as those of texts are.
    """
    lists: dict[str, list[str]] = {}
    for _, (name, words) in _read_cells(folder / WORDS_FILE, n_cells=2):
        lists.setdefault(name, []).extend(_split(words))
    rules: dict[str, Rule] = {}
    bare: set[str] = set()
    for place, (names, condition, words) in _read_cells(folder / RULES_FILE, n_cells=3):
        if condition not in CONDITIONS:
            raise NewsdeskError(f"{place}: expected one of {', '.join(CONDITIONS)}, found {condition!r}")
        beside = _neighbours(words, lists, keys, place) if condition in BESIDE else frozenset()
        named = {n: groups.get(n, {n if n == EVERY_DEMONYM else name_keys(n)}) for n in _split(names)}
        if unknown := [n for n, own in named.items() if own - known - {EVERY_DEMONYM}]:
            raise NewsdeskError(f"{place}: expected a name of the tables, found «{unknown[0]}»")
        for key in chain.from_iterable(named.values()):
            rule = rules.get(key, Rule())
            if condition == "bare":
                bare.add(key)
            elif condition == "named":
                rules[key] = rule._replace(named=True)
            else:
                rules[key] = rule._replace(**{condition: getattr(rule, condition) | beside})
    return rules, bare


def _neighbours(cell: str, lists: Mapping[str, list[str]], keys: Keys, place: str) -> frozenset[str]:
    found: set[str] = set()
    for word in _split(cell):
        if word.startswith("@") and word[1:] not in lists:
            raise NewsdeskError(f"{place}: expected the name of a list in {WORDS_FILE}, found {word!r}")
        for each in lists[word[1:]] if word.startswith("@") else [word]:
            if " " in (key := keys(each)) or not key:
                raise NewsdeskError(f"{place}: expected single words of two letters or more, found «{each}»")
            found.update(spell_name([key]))
    return frozenset(found)


def _read_cells(path: Path, *, n_cells: int) -> Iterator[tuple[str, list[str]]]:
    """The cells of each line between tabs, with the place to name in an error; # begins a comment line."""
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
        place = f"{path}: line {number}"
        if len(cells) != n_cells or not all(cells):
            raise NewsdeskError(
                f"{place}: expected {n_cells} cells between tabs, found {sum(map(bool, cells))}"
            )
        yield place, cells


def _split(cell: str) -> list[str]:
    return [part for name in cell.split(",") if (part := name.strip())]
