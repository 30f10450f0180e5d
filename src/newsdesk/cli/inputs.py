"""What commands that read INPUT share: checking that it is there, and telling what was refused."""

from __future__ import annotations

import glob
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from newsdesk import readers
from newsdesk.base.console import note, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_text
from newsdesk.base.schema import Article, Refusal
from newsdesk.batch.input_reader import Piece
from newsdesk.tracking import runs

SHOWN = 10

refused_option = click.option(
    "--refused", type=click.Path(path_type=Path), help="Write what could not be read to this JSONL file."
)

taxonomy_option = click.option(
    "--taxonomy",
    default=lambda: runs.project_root() / "data/taxonomy.yaml",
    show_default="the checkout's data/taxonomy.yaml",
    type=click.Path(path_type=Path),
)


class Refused:
    """Set the refusals of a stream aside and account for them at its end."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.n_articles = 0

    def split(self, records: Iterable[Article | Refusal]) -> Iterator[Article]:
        """Pass the articles on, keep the refusals."""
        for record in records:
            if isinstance(record, Refusal):
                self.refusals.append(record)
            else:
                self.n_articles += 1
                yield record

    def add(self, piece: Piece) -> None:
        """Account for a piece of a stream."""
        self.refusals += [refusal for _, refusal in piece.refused]
        self.n_articles += len(piece.articles)

    def tell(self, path: Path | None) -> None:
        """Say how many were refused and why; write all of them out where a path is given.

        Raises
        ------
        NewsdeskError
            If there was no article at all.
        """
        by_reason = Counter(refusal.reason for refusal in self.refusals)
        if path:
            path.unlink(missing_ok=True)  # of an earlier run
        if path and self.refusals:
            lines = [json.dumps(asdict(r), ensure_ascii=False) for r in self.refusals]
            write_text("\n".join(lines) + "\n", path)
        for refusal in self.refusals[:SHOWN]:
            note(f"refused: {refusal.file}:{refusal.position}: {refusal.reason}: {refusal.detail}")
        if self.refusals:
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in sorted(by_reason.items()))
            n_read = self.n_articles + len(self.refusals)
            note(f"read {n_read:,}: {self.n_articles:,} articles, refused: {reasons}")
        if not self.n_articles:
            raise NewsdeskError("no article could be read from the input")


def read_inputs(inputs: Sequence[str], sections: Sequence[str]) -> Iterator[Article | Refusal]:
    """Read INPUT arguments: files, folders, globs, `-` for standard input.

    Raises
    ------
    NewsdeskError
        If one does not exist: before the work, not in the middle of it.
    """
    named = expand(inputs)
    return progress(readers.read(named, sections=sections, stdin=sys.stdin.buffer), "reading")


def expand(inputs: Sequence[str]) -> list[str]:
    """The inputs, a glob replaced by what it matches, sorted; a name that exists is no glob.

    Raises
    ------
    NewsdeskError
        If one does not exist, or matches nothing.
    """
    found: list[str] = []
    for name in inputs:
        if name == "-" or Path(name).exists():
            found.append(name)
            continue
        matched = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - it may be absolute
        if not matched:
            missing = "nothing matches" if glob.has_magic(name) else "no such file or folder"
            raise NewsdeskError(f"{name}: {missing}")
        found += matched
    return found
