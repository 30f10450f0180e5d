"""Compare how newsdesk, trafilatura and newspaper4k read the HTML of public evaluation pages.

Each data set is a folder as its repository holds it (`--wcxb`, `--scrapinghub`, `--fundus`), or a file of
JSON lines (`--pages`) with `html` (a path beside the file), `site` and what is known of `title`, `body` and
`date`.
newspaper4k needs other dependencies than newsdesk, so it runs by the Python of its own environment.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import statistics
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

NEWSPAPER = r"""
import json, sys
import newspaper
for line in sys.stdin:
    found = {"title": None, "body": None, "date": None}
    try:
        html = json.loads(line)
        n_arabic = sum("\u0621" <= letter <= "\u064a" for letter in html)
        language = {"language": "ar"} if n_arabic > 1000 else {}
        article = newspaper.Article(url="https://example.org/", fetch_images=False, **language)
        article.download(input_html=html)
        article.parse()
        date = article.publish_date
        found = {"title": article.title, "body": article.text, "date": str(date)[:10] if date else None}
    except Exception as error:
        print(error, file=sys.stderr)
    print(json.dumps(found), flush=True)
"""


@dataclass(frozen=True)
class Page:
    """A page and what is known of its article; None is not known."""

    dataset: str
    site: str
    html: bytes
    title: str | None
    body: str | None
    date: str | None


@dataclass(frozen=True)
class Found:
    """What a reader found in a page."""

    title: str | None
    body: str | None
    date: str | None


def read_wcxb(folder: Path, split: str) -> Iterator[Page]:
    """Yield the articles of the Web Content Extraction Benchmark."""
    files = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))["files"]
    for name, info in sorted(files.items()):
        if info["split"] == split and info["page_type"] == "article":
            gold = json.loads((folder / split / "ground-truth" / f"{name}.json").read_text(encoding="utf-8"))
            truth = gold["ground_truth"]
            html = gzip.decompress((folder / split / "html" / f"{name}.html.gz").read_bytes())
            yield Page(
                f"wcxb {split}", info["domain"], html, truth.get("title"), truth.get("main_content"),
                _day(truth.get("publish_date")),
            )  # fmt: skip


def read_scrapinghub(folder: Path) -> Iterator[Page]:
    """Yield the pages of Scrapinghub's article extraction benchmark, of which only bodies are known."""
    for name, gold in json.loads((folder / "ground-truth.json").read_text(encoding="utf-8")).items():
        html = gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes())
        yield Page("scrapinghub", _site(gold["url"]), html, None, gold["articleBody"], None)


def read_fundus(folder: Path) -> Iterator[Page]:
    """Yield the newest page of each newspaper in the tests of Fundus."""
    for meta in sorted((folder / "tests/resources/parser/test_data").glob("*/meta.info")):
        urls = json.loads(meta.read_text(encoding="utf-8"))
        for file in sorted(meta.parent.glob("*.json")):
            versions = json.loads(file.read_text(encoding="utf-8"))
            pages = [page for page in sorted(meta.parent.glob(f"{file.stem}_*.html.gz")) if page.name in urls]
            if not pages or not versions:
                continue
            gold = versions[max(versions)]
            parts = [*gold["body"]["summary"]]
            for section in gold["body"]["sections"]:
                parts += [*section["headline"], *section["paragraphs"]]
            yield Page(
                "fundus", _site(urls[pages[-1].name]["url"]), gzip.decompress(pages[-1].read_bytes()),
                gold["title"], "\n".join(parts), _day(gold["publishing_date"]),
            )  # fmt: skip


def read_pages(file: Path) -> Iterator[Page]:
    """Yield the pages of a file of JSON lines."""
    for line in file.read_text(encoding="utf-8").splitlines():
        gold = json.loads(line)
        html = (file.parent / gold["html"]).read_bytes()
        html = gzip.decompress(html) if gold["html"].endswith(".gz") else html
        yield Page(file.stem, gold["site"], html, gold.get("title"), gold.get("body"), _day(gold.get("date")))


def _site(url: str) -> str:
    return (urlsplit(url).hostname or url).removeprefix("www.")


def _day(date: str | None) -> str | None:
    return date[:10] if date else None


def by_newsdesk(html: bytes) -> Found:
    """Read a page as newsdesk does; of several articles the first counts."""
    import io

    from newsdesk.base.schema import Article
    from newsdesk.readers import read

    rows = list(read(["-"], sections=(), stdin=io.BytesIO(html)))
    article = next((row for row in rows if isinstance(row, Article)), None)
    if article is None:
        return Found(None, None, None)
    published = article.published
    return Found(article.title or None, article.text, published.date().isoformat() if published else None)


def by_trafilatura(html: bytes) -> Found:
    """Read a page with trafilatura's defaults."""
    import logging

    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    found = trafilatura.bare_extraction(html, with_metadata=True)
    return Found(found.title, found.text, found.date) if found else Found(None, None, None)


def by_newspaper(pages: list[Page], python: str) -> list[Found]:
    """Read pages with newspaper4k in another environment."""
    lines = "".join(json.dumps(page.html.decode("utf-8", "replace")) + "\n" for page in pages)
    done = subprocess.run([python, "-c", NEWSPAPER], input=lines, capture_output=True, text=True, check=True)
    return [Found(**json.loads(line)) for line in done.stdout.splitlines()]


def tokens(text: str | None) -> list[str]:
    """Return the words of a text without marks and case."""
    decomposed = unicodedata.normalize("NFKD", text or "").lower()
    return re.findall(r"\w+", "".join(c for c in decomposed if not unicodedata.combining(c) and c != "ـ"))


def body_scores(found: str | None, expected: str) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the words of a body, each counted as often as it occurs."""
    ours, gold = Counter(tokens(found)), Counter(tokens(expected))
    common = (ours & gold).total()
    precision, recall = common / max(1, ours.total()), common / max(1, gold.total())
    return precision, recall, 2 * precision * recall / (precision + recall) if common else 0.0


def scores(pages: list[Page], found: list[Found]) -> dict[str, object]:
    """Return the means over pages; of dates how many were found and how many of these are right."""
    pairs = list(zip(pages, found, strict=True))
    bodies = [body_scores(f.body, p.body) for p, f in pairs if p.body]
    titles = [tokens(f.title) == tokens(p.title) for p, f in pairs if p.title]
    dates = [f.date == p.date for p, f in pairs if p.date and f.date]
    known = sum(p.date is not None for p, _ in pairs)
    row: dict[str, object] = {"pages": len(pages), "sites": len({page.site for page in pages})}
    if titles:
        row["title"] = statistics.mean(titles)
    if bodies:
        row |= dict(
            zip(("precision", "recall", "f1"), map(statistics.mean, zip(*bodies, strict=True)), strict=True)
        )
    row["no_body"] = sum(not f.body for _, f in pairs)
    if known:
        row |= {"dates_known": known, "dates_found": len(dates), "dates_right": sum(dates)}
    return row


def main() -> None:
    """Print a table of all data sets and readers."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("wcxb", "scrapinghub", "fundus"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--split", choices=("dev", "test"), default="test", help="of WCXB")
    parser.add_argument("--pages", type=Path, action="append", default=[])
    parser.add_argument("--every", type=int, default=1, help="read one page in this many")
    parser.add_argument("--newspaper", help="the Python of an environment that has newspaper4k")
    parser.add_argument("--only", choices=("newsdesk", "trafilatura"), help="one reader alone")
    parser.add_argument(
        "--exclude-sites-of", type=Path, help="WCXB's folder: leave out sites of its dev split"
    )
    parser.add_argument("--details", type=Path, help="write what was found, as JSON lines")
    args = parser.parse_args()
    pages: list[Page] = []
    pages += read_wcxb(args.wcxb, args.split) if args.wcxb else ()
    pages += read_scrapinghub(args.scrapinghub) if args.scrapinghub else ()
    pages += read_fundus(args.fundus) if args.fundus else ()
    for file in args.pages:
        pages += read_pages(file)
    if args.exclude_sites_of:
        seen = {page.site for page in read_wcxb(args.exclude_sites_of, "dev")}
        pages = [page for page in pages if page.site not in seen]
    pages = pages[:: args.every]
    readers: dict[str, Callable[[bytes], Found]] = {"newsdesk": by_newsdesk, "trafilatura": by_trafilatura}
    found: dict[str, list[Found]] = {}
    with ProcessPoolExecutor(2) as pool:
        for name, reader in readers.items():
            if args.only in (None, name):
                found[name] = list(pool.map(reader, [page.html for page in pages], chunksize=4))
    if args.newspaper:
        found["newspaper4k"] = by_newspaper(pages, args.newspaper)
    for dataset in dict.fromkeys(page.dataset for page in pages):
        chosen = [i for i, page in enumerate(pages) if page.dataset == dataset]
        for name, rows in found.items():
            row = scores([pages[i] for i in chosen], [rows[i] for i in chosen])
            shown = {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in row.items()}
            figures = "  ".join(f"{key} {value}" for key, value in shown.items())
            sys.stdout.write(f"{dataset:12} {name:12} {figures}\n")
    if args.details:
        with args.details.open("w", encoding="utf-8") as file:
            for i, page in enumerate(pages):
                known = {
                    "dataset": page.dataset,
                    "site": page.site,
                    "title": page.title,
                    "body": page.body,
                    "date": page.date,
                }
                line = {"page": i, "known": known} | {name: asdict(rows[i]) for name, rows in found.items()}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
