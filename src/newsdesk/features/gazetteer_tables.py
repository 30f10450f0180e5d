"""Read the tables of places, and expand each name into the spellings that texts contain."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.features.tables import read_cells, split_names
from newsdesk.inference.gazetteer import Form, Gazetteer, Kind, Place, Rule
from newsdesk.inference.text import tokenize

# If a country has the same spelling twice, the first of these files decides the kind. Media have no code.
GEONAMES_FILES = ("geonames.tsv", "geonames_named.tsv")  # made by `features.geonames`
FILES: dict[str, Kind] = {
    "countries.tsv": "country", "areas.tsv": "area", "demonyms.tsv": "demonym", "cities.tsv": "city",
    "towns.tsv": "city", **dict.fromkeys(GEONAMES_FILES, "city"), "institutions.tsv": "institution",
    "groups.tsv": "group", "people.tsv": "person", "companies.tsv": "company", "clubs.tsv": "club",
    "media.tsv": "media",
}  # fmt: skip
WORDS_FILE, RULES_FILE = "words.tsv", "rules.tsv"
NO_PLACE = "-"  # a code for names that are no place: «المحيط الهادئ», «اتفاق باريس»
EVERY_DEMONYM = "-ي"  # in the table of rules: all demonyms in ي
MAX_TOKENS = 6
NEIGHBOUR_CONDITIONS = ("after", "before", "not_after", "not_before")
CONDITIONS = (*NEIGHBOUR_CONDITIONS, "named", "bare")
NAMES = Normalization()  # identifies names of the tables, whatever the normalization of texts

PROCLITICS = ("و", "ف", "ب", "ل", "ك", "وب", "ول")
LAM_ARTICLE = ("لل", "ولل")  # ل and the article, whose alef is then not written
TANWIN = "ا"
NISBA_ENDINGS = ("", "ة", TANWIN, "ون", "ين", "ان", "تان", "تين", "ات")

Normalize = Callable[[str], str]


def read_places(folder: Path, taxonomy: Taxonomy, normalization: Normalization) -> Gazetteer:
    """Read the tables of a folder, check them against the taxonomy and expand them into spellings.

    Parameters
    ----------
    folder : Path
    taxonomy : Taxonomy
    normalization : Normalization
        The normalization of texts.

    Raises
    ------
    NewsdeskError
        If a file is missing or a line is wrong; the message names file and line.

    Examples
    --------
    >>> from newsdesk.base.taxonomy import read_taxonomy
    >>> taxonomy = read_taxonomy(Path("data/taxonomy.yaml"))
    >>> gazetteer = read_places(Path("data/places"), taxonomy, Normalization())
    >>> [gazetteer.places[i].code for i in gazetteer.forms["وفرنسا"].places]
    ['FR']
    """
    region_by_code = _regions(taxonomy)
    spell, name_key = token_normalizer(normalization), token_normalizer(NAMES)
    by_file = {file: [*_read_names(folder / file, kind, region_by_code)] for file, kind in FILES.items()}
    listed = [*chain.from_iterable(by_file.values())]
    _check_names(listed, name_key)
    places = (*_country_places(taxonomy), *(place for place, _ in listed))
    known = {name_key(place.name) for place in places}
    groups = {file: {name_key(place.name) for place, _ in own} for file, own in by_file.items()}
    rules, bare = _read_rules(folder, spell, name_key, known=known, groups=groups)
    return Gazetteer(taxonomy.region_ids, places, _build_forms(places, rules, bare, spell, name_key))


def spell_name(tokens: Sequence[str], *, bare: bool = False) -> Iterator[str]:
    """Yield the spellings of a normalized name: as it is, and with و ف ب ل ك unless `bare`."""
    first, rest = tokens[0], "".join(f" {token}" for token in tokens[1:])
    yield first + rest
    if not bare:
        yield from (proclitic + first + rest for proclitic in PROCLITICS)
        if first.startswith("ال"):
            yield from (proclitic + first[2:].removeprefix("ل") + rest for proclitic in LAM_ARTICLE)


def inflect_demonym(word: str) -> Iterator[str]:
    """Yield a demonym and its inflections for gender, number and definiteness."""
    definite = word.startswith("ال")
    for ending in NISBA_ENDINGS if word.endswith("ي") else ("", TANWIN):  # «أتراك» takes tanwin only
        if not (definite and ending == TANWIN):
            yield word + ending
        if not definite and ending != TANWIN:
            yield "ال" + word + ending


def _build_forms(
    places: Sequence[Place], rules: Mapping[str, Rule], bare: Container[str], spell: Normalize,
    name_key: Normalize,
) -> dict[str, Form]:  # fmt: skip
    """Return the forms of all spellings; a name («بالي») replaces a name with a proclitic («ب» and «الي»)."""
    plain: dict[str, list[int]] = {}
    prefixed: dict[str, list[int]] = {}
    surnames: set[str] = set()
    for index, place in enumerate(places):
        is_bare = name_key(place.name) in bare
        for n_spelling, spelling in enumerate(_spellings(place)):
            for n_form, form in enumerate(spell_name(spell(spelling).split(" "), bare=is_bare)):
                (prefixed if n_form else plain).setdefault(form, []).append(index)
                if place.kind == "demonym" and place.name.endswith("ي") and n_spelling < 2:
                    surnames.add(form)
    forms = {}
    for form, indices in sorted((prefixed | plain).items()):
        kept = _one_per_code(indices, places)
        likeliest = places[kept[0]]
        rule = rules.get(name_key(likeliest.name))
        if rule is None and likeliest.kind == "demonym" and form in surnames:
            rule = rules.get(EVERY_DEMONYM)
        forms[form] = Form(kept, rule)
    return forms


def _spellings(place: Place) -> Iterator[str]:
    """Yield a name and its regular variants: inflections, نج for نغ, عبدالله for عبد الله."""
    name = place.name
    if place.kind == "demonym" and " " not in name:
        yield from inflect_demonym(name)
        return
    yield name
    if "نغ" in name:
        yield name.replace("نغ", "نج")
    if "عبد ال" in name:
        yield name.replace("عبد ال", "عبدال")


def _one_per_code(indices: Sequence[int], places: Sequence[Place]) -> tuple[int, ...]:
    """Return the first place of each code; if one of them has no region, only that one."""
    first_by_code = {places[i].code: i for i in reversed(indices)}
    kept = sorted(first_by_code.values())
    return tuple([i for i in kept if places[i].region is None][:1] or kept)


def token_normalizer(normalization: Normalization) -> Normalize:
    """Return a function that maps a name to its normalized tokens, joined with spaces."""
    normalize = build_normalizer(normalization)
    return cache(lambda name: " ".join(tokenize(normalize(name))))


def _regions(taxonomy: Taxonomy) -> dict[str, str | None]:
    """Map the codes of countries and regions to regions."""
    by_code: dict[str, str | None] = {region.id: region.id for region in taxonomy.regions}
    by_code |= {code: region.id for region in taxonomy.regions for code in region.countries}
    return by_code | dict.fromkeys((*taxonomy.unassigned, NO_PLACE))


def _country_places(taxonomy: Taxonomy) -> Iterator[Place]:
    for region in taxonomy.regions:
        for code in region.countries:
            for name in taxonomy.names_of_country(code):
                yield Place(code, region.id, "country", name)


def _read_names(
    path: Path, kind: Kind, region_by_code: Mapping[str, str | None]
) -> Iterator[tuple[Place, str]]:
    """Yield the places of a table, each with the position of its line for error messages."""
    is_media = kind == "media"
    for origin, cells in read_cells(path, n_cells=1 if is_media else 2):
        code = NO_PLACE if is_media else cells[0]
        if code not in region_by_code:
            expected = f"a country or region of the taxonomy or {NO_PLACE}"
            raise NewsdeskError(f"{origin}: expected {expected}, found {code!r}")
        for name in split_names(cells[-1]):
            own_kind = "other" if code == NO_PLACE and not is_media else kind
            yield Place(code, region_by_code[code], own_kind, name), origin


def _check_names(places: Sequence[tuple[Place, str]], name_key: Normalize) -> None:
    firsts: dict[tuple[str, str, bool], tuple[Place, str]] = {}
    for listed in places:
        place, origin = listed
        words = re.split(r"[\s-]+", place.name)
        # a country and its demonym can have the same spelling: «تشيلي»
        first = firsts.setdefault((name_key(place.name), place.code, place.kind == "demonym"), listed)
        problem = None
        if short := [word for word in words if len(word) < 2]:
            problem = f"expected words of two letters or more, as tokens are, found {short[0]!r}"
        elif len(words) > MAX_TOKENS:
            problem = f"expected {MAX_TOKENS} words at most, found {len(words)}"
        elif first is not listed:
            problem = f"expected it once under {place.code}, found it in {first[1]} too"
        if problem:
            raise NewsdeskError(f"{origin}: «{place.name}»: {problem}")


def _read_rules(
    folder: Path, spell: Normalize, name_key: Normalize, *, known: set[str], groups: Mapping[str, set[str]]
) -> tuple[dict[str, Rule], set[str]]:
    """Return the rules by key of a name, and the keys of the names that take no proclitic."""
    lists: dict[str, list[str]] = {}
    for _, (name, words) in read_cells(folder / WORDS_FILE, n_cells=2):
        lists.setdefault(name, []).extend(split_names(words))
    rules: dict[str, Rule] = {}
    bare: set[str] = set()
    for origin, (names, condition, words) in read_cells(folder / RULES_FILE, n_cells=3):
        if condition not in CONDITIONS:
            raise NewsdeskError(f"{origin}: expected one of {', '.join(CONDITIONS)}, found {condition!r}")
        is_neighbour = condition in NEIGHBOUR_CONDITIONS
        neighbours = _spell_neighbours(words, lists, spell, origin) if is_neighbour else frozenset()
        for name in split_names(names):
            keys = groups.get(name, {name if name == EVERY_DEMONYM else name_key(name)})
            if keys - known - {EVERY_DEMONYM}:
                raise NewsdeskError(f"{origin}: expected a name of the tables, found «{name}»")
            for key in keys:
                rule = rules.get(key, Rule())
                if condition == "bare":
                    bare.add(key)
                elif condition == "named":
                    rules[key] = rule._replace(named=True)
                else:
                    rules[key] = rule._replace(**{condition: getattr(rule, condition) | neighbours})
    return rules, bare


def _spell_neighbours(
    cell: str, lists: Mapping[str, list[str]], spell: Normalize, origin: str
) -> frozenset[str]:
    """Return the spellings of the words in a cell; @NAME stands for a list of words."""
    spellings: set[str] = set()
    for word in split_names(cell):
        if word.startswith("@") and word[1:] not in lists:
            raise NewsdeskError(f"{origin}: expected the name of a list in {WORDS_FILE}, found {word!r}")
        for neighbour in lists[word[1:]] if word.startswith("@") else [word]:
            token = spell(neighbour)
            if " " in token or not token:
                expected = "single words of two letters or more"
                raise NewsdeskError(f"{origin}: expected {expected}, found «{neighbour}»")
            spellings.update(spell_name([token]))
    return frozenset(spellings)
