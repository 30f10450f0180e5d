"""Options, reading of INPUT arguments and report of refused rows, for all commands that read articles."""

from __future__ import annotations

import glob
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO

import click

from newsdesk import readers
from newsdesk.base.columns import Columns, Corpus
from newsdesk.base.console import note, path_option, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, read_json, write_text
from newsdesk.base.schema import Article, Refusal
from newsdesk.base.taxonomy import Taxonomy, read_taxonomy
from newsdesk.batch.input_reader import STDIN, Batch, Input
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.text import is_arabic
from newsdesk.readers.account import Account
from newsdesk.readers.column_notes import ColumnNotes
from newsdesk.tracking import runs

MAX_SHOWN = 10

inputs_argument = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
model_option = click.option(
    "--model",
    show_default="the model that newsdesk comes with, which was trained on the public corpora",
    help="Model folder, models:/… or runs:/… URI; `model` is the folder that `make` trains.",
)
home_option = click.option(
    "--home", metavar="CODE",
    help="Home country of the source, as DZ, for articles that name none in a column `home`.",
)  # fmt: skip
refused_option = path_option("--refused", help="Write what could not be read to this JSONL file.")


def choose_taxonomy(ctx: click.Context, param: click.Parameter, path: Path | None) -> Taxonomy:
    """Read the given taxonomy, else that of the checkout, else that of the model that newsdesk comes with."""
    checkout = runs.project_root() / "data/taxonomy.yaml"
    if path or checkout.is_file():
        return read_taxonomy(path or checkout)
    return Taxonomy.model_validate(read_json(SHIPPED / "model.json")["taxonomy"])


taxonomy_option = path_option(
    "--taxonomy",
    callback=choose_taxonomy,
    show_default="the checkout's data/taxonomy.yaml, else that of the model that newsdesk comes with",
)
CORPUS_FILES = {
    "params": "params.yaml",
    "articles": "data/clean/articles.parquet",
    "taxonomy": "data/taxonomy.yaml",
    "places": "data/places",
    "fields": "data/fields.tsv",
}


def corpus_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for the settings and the files that heads are trained on."""
    for name, default in reversed(CORPUS_FILES.items()):
        command = path_option(f"--{name}", default=default)(command)
    return command


def column_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name columns of tables; the command gets them as `columns`."""

    @wraps(command)
    def with_columns(**options: Any) -> Any:
        names = {name: options.pop(name) for name in Columns.model_fields}
        return command(**options, columns=Columns(**names))

    for name, field in reversed(Columns.model_fields.items()):
        help_text = f"{field.description} in tables and JSON records."
        with_columns = click.option(
            f"--{name.replace('_', '-')}", metavar="NAME", help=help_text, callback=_check_column,
            show_default="by its name",
        )(with_columns)  # fmt: skip
    return with_columns


def check_home(scorer: Scorer, home: str | None) -> str | None:
    """Return the value of --home in capitals; note if the model uses no homes, refuse what is no country."""
    if home is None:
        return None
    if not scorer.countries.is_known(home):
        raise NewsdeskError(f"--home {home}: expected the ISO 3166-1 code of a country, such as DZ")
    if not scorer.uses_home:
        note("--home changes nothing: the model has learned no homes (features.home)")
    return home.strip().upper()


def _check_column(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("expected the name of a column, found an empty one")
    return value


class RefusalLog:
    """Collect the refusals of a stream, keep its account, and report both at the end."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.account = Account()

    def read_articles(
        self,
        inputs: Sequence[str],
        sections: Sequence[str],
        columns: Columns,
        *,
        corpora: Mapping[str, Corpus] | None = None,
        prints_rows: bool = False,
    ) -> Iterator[Article]:
        """Yield the articles of INPUT arguments with a progress line, and collect the refusals."""
        names, stdin = open_inputs(inputs)
        records = readers.read(
            names, sections=sections, stdin=stdin, columns=columns, corpora=corpora or {},
            on_columns=ColumnNotes(), account=self.account,
        )  # fmt: skip
        for record in progress(records, "reading", prints_rows=prints_rows):
            self.account.add(record.file, seen=1, lines=record.lines)
            if isinstance(record, Refusal):
                self.refusals.append(record)
                self.account.add(record.file, refused={record.reason: 1})
            else:
                self.account.add(record.file, kept=1)
                yield record

    def add(self, batch: Batch, inputs: Sequence[Input]) -> None:
        """Collect the refusals of a batch, and count its records."""
        self.refusals += [refusal for _, refusal in batch.refused]
        batch.count(self.account, inputs)

    def report(self, path: Path | None = None, *, prints_account: bool = False) -> None:
        """Print refusals, and write them to `path`; raise a NewsdeskError if there was no article.

        The account is printed if rows were refused, or always with `prints_account`.
        """
        if path:
            path.unlink(missing_ok=True)  # of an earlier run
        if path and self.refusals:
            lines = [json.dumps(asdict(refusal), ensure_ascii=False) for refusal in self.refusals]
            write_text("\n".join(lines) + "\n", path)
        for refusal in self.refusals[:MAX_SHOWN]:
            note(f"refused: {refusal.file}:{refusal.position}: {refusal.reason}: {refusal.detail}")
        for line in self.account.describe() if self.refusals or prints_account else ():
            note(line)
        if not self.account.total.kept:
            raise NewsdeskError("no article could be read from the input")


def open_inputs(inputs: Sequence[str]) -> tuple[list[str], BinaryIO]:
    """Return the names of inputs and the standard input; Arabic texts are read in place of the latter."""
    if not all(map(_is_text, inputs)):
        return expand_globs(inputs), sys.stdin.buffer
    note("INPUT names no file, so it is read as a text")
    texts = io.BytesIO()
    with zipfile.ZipFile(texts, "w") as archive:  # each text is read as the same text in a file
        for number, text in enumerate(inputs, start=1):
            archive.writestr(f"{number}.txt", os.fsencode(text))
    texts.seek(0)
    return [STDIN], texts


def _is_text(name: str) -> bool:
    """Return whether an argument is a text of several Arabic words, and not the name of a file or glob."""
    with suppress(OSError):  # a name that is too long
        if Path(name).exists():
            return False
    return len(name.split()) > 1 and "/" not in name and not glob.has_magic(name) and is_arabic(name)


def expand_globs(inputs: Sequence[str]) -> list[str]:
    """Replace each glob by what it matches, sorted; raise a NewsdeskError if an input does not exist."""
    names: list[str] = []
    for name in inputs:
        if name == STDIN or Path(name).exists():  # the name of a file or folder is not a glob
            names.append(name)
            continue
        matched = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - it may be absolute
        if not matched:
            missing = "nothing matches" if glob.has_magic(name) else "no such file or folder"
            raise NewsdeskError(f"{name}: {missing}")
        names += matched
    return names
