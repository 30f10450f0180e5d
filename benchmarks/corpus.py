"""The text that is measured: SaudiNewsNet as it is, and as many made articles as are asked for."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from harness import ROOT, build_parser, note

from newsdesk import readers
from newsdesk.base.schema import Article
from newsdesk.base.taxonomy import read_taxonomy

CACHE = Path(__file__).parent / ".cache"
PUBLIC = ROOT / "data/public"
NAMES = ("saudinewsnet", "almayadeen", "skynews", "alarabiya")
BATCH = 8192
SCHEMA = pa.schema([(name, pa.string()) for name in ("source", "title", "text")])
SENTENCE = re.compile(r"(?<=[.!?؟\n])\s+")


@dataclass(frozen=True, slots=True)
class Corpus:
    """A Parquet file of articles (columns of `SCHEMA`) and what the results say of it.

    `sha256` is of the titles and texts in their order; `bytes` are those of the texts in UTF-8.
    """

    path: Path
    name: str
    articles: int
    empty: int
    bytes: int
    sha256: str

    def describe(self) -> dict[str, object]:
        """All but the path."""
        return {key: value for key, value in asdict(self).items() if key != "path"}

    def batches(self, articles: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """The first so many articles, a batch in memory at a time."""
        # read ahead, it would keep every row group that it has read
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            for batch in file.iter_batches(BATCH, columns=columns, use_threads=False):
                yield batch.slice(0, articles)
                articles -= len(batch)
                if articles <= 0:
                    return

    def table(self) -> pa.Table:
        """The whole of it, in memory."""
        return pq.read_table(self.path)


def real(articles: int | None = None) -> Corpus:
    """SaudiNewsNet, or so many articles drawn evenly from it; the starter corpus where it is missing."""
    folder, name = PUBLIC / "saudinewsnet", "SaudiNewsNet"
    if not folder.exists():
        note("data/public/saudinewsnet is missing (`make import`): the starter corpus stands in for it")
        folder, name = ROOT / "data/starter", "starter corpus"
    path = CACHE / f"{folder.name}.parquet"
    whole = _open(path, name) if path.exists() else _write(path, name, _tables(_read([folder])))
    if not articles or articles >= whole.articles:
        return whole
    table = whole.table()
    rows = np.linspace(0, len(table) - 1, articles).astype(np.int64)
    name = f"{name}, {articles:,} of {whole.articles:,}"
    return _write(path.with_stem(f"{path.stem}-{articles}"), name, iter([table.take(rows)]))


def made(articles: int, seed: int) -> Corpus:
    """Articles of sentences drawn from all articles of the same outlet; of two sizes one begins the other."""
    folders = [PUBLIC / name for name in NAMES if (PUBLIC / name).exists()] or [ROOT / "data/starter"]
    name = f"made from {', '.join(folder.name for folder in folders)}"
    path = CACHE / f"made-{'-'.join(folder.name for folder in folders)}-{articles}-{seed}.parquet"
    if path.exists():
        return _open(path, name)
    note(f"making {articles:,} articles of {', '.join(folder.name for folder in folders)}")
    return _write(path, name, shuffle(pa.concat_tables(_tables(_read(folders))), articles, seed=seed))


def shuffle(table: pa.Table, articles: int, *, seed: int) -> Iterator[pa.Table]:
    """Make articles: each has the outlet and the number of sentences of one that exists, drawn at random.

    Its title and its sentences are drawn from all those of the outlet. Memory is that of `table` and of a
    batch, however many articles are made.
    """
    rng = np.random.default_rng(seed)
    table = table.sort_by("source").combine_chunks()
    pieces = [[piece for piece in SENTENCE.split(text) if piece] for text in table["text"].to_pylist()]
    lengths = np.array([len(sentences) for sentences in pieces])
    sentences = pa.array([sentence for article in pieces for sentence in article], pa.string())
    del pieces
    titles, sources = table["title"].combine_chunks(), table["source"].combine_chunks()
    outlet = np.unique(sources.to_numpy(zero_copy_only=False), return_inverse=True)[1]
    first_article = np.searchsorted(outlet, np.arange(outlet[-1] + 2))
    first_sentence = np.concatenate([[0], np.cumsum(lengths)])[first_article]
    for start in range(0, articles, BATCH):
        like = rng.integers(len(table), size=BATCH)
        drawn = _draw(rng, first_sentence, np.repeat(outlet[like], lengths[like]))
        bounds = pa.array(np.concatenate([[0], np.cumsum(lengths[like])]).astype(np.int32))
        text = pc.binary_join(pa.ListArray.from_arrays(bounds, sentences.take(pa.array(drawn))), " ")
        title = titles.take(pa.array(_draw(rng, first_article, outlet[like])))
        columns = [sources.take(pa.array(like)), title, text]
        yield pa.Table.from_arrays(columns, schema=SCHEMA).slice(0, articles - start)


def _draw(rng: np.random.Generator, first: np.ndarray, outlet: np.ndarray) -> np.ndarray:
    """A random member of each given outlet, whose members are numbered from `first` on."""
    return first[outlet] + (rng.random(len(outlet)) * np.diff(first)[outlet]).astype(np.int64)


def _read(folders: Iterable[Path]) -> Iterator[Article]:
    sections = read_taxonomy(ROOT / "data/taxonomy.yaml").sections
    return (record for record in readers.read(folders, sections=sections) if isinstance(record, Article))


def _tables(articles: Iterable[Article]) -> Iterator[pa.Table]:
    rows: list[tuple[str, str, str]] = []
    for article in articles:
        rows.append((article.source, article.title, article.text))
        if len(rows) == BATCH:
            yield _table(rows)
            rows = []
    yield _table(rows)


def _table(rows: list[tuple[str, str, str]]) -> pa.Table:
    return pa.table([[row[k] for row in rows] for k in range(len(SCHEMA))], schema=SCHEMA)


def _write(path: Path, name: str, tables: Iterator[pa.Table]) -> Corpus:
    """Write tables one after the other, with their account in the file's own metadata."""
    digest, n, empty, size = hashlib.sha256(), 0, 0, 0
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    with pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
            n += len(table)
            for title, text in zip(table["title"].to_pylist(), table["text"].to_pylist(), strict=True):
                encoded = text.encode()
                digest.update(b"%b\0%b\n" % (title.encode(), encoded))
                size += len(encoded)
                empty += not text.strip()
        account = {"name": name, "articles": n, "empty": empty, "bytes": size, "sha256": digest.hexdigest()}
        writer.add_key_value_metadata({key: str(value) for key, value in account.items()})
    temporary.rename(path)
    return Corpus(path, **account)


def _open(path: Path, name: str) -> Corpus:
    found = {key.decode(): value.decode() for key, value in pq.read_metadata(path).metadata.items()}
    return Corpus(
        path, name, int(found["articles"]), int(found["empty"]), int(found["bytes"]), found["sha256"]
    )


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/corpus.py --made 1000000")
    parser.add_argument("--made", type=int, default=1_000_000, help="articles to make (%(default)s)")
    options = parser.parse_args()
    for corpus in (real(), made(options.made, options.seed)):
        note(f"{corpus.path}: {corpus.describe()}")


if __name__ == "__main__":
    main()
