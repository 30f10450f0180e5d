"""The account of a run: for each input file the records seen, kept and refused, and the lines of tables.

`clean`, `predict` and jobs fill, print and write the same account. An input file is a file on disk, named
as the command names it; the members of an archive count for the archive. To fill it:

- `open` each input file, so that a file without records has an entry too (`read(account=...)` does);
- `add` what was seen, kept, and refused by reason (`Batch.count` does);
- `merge` the accounts of the parts of a job, which `as_dict(folded=False)` stores and `from_dict` reads.

`as_dict` is what is written, `describe` what is printed. Always seen = kept + refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Self

MAX_ENTRIES = 100  # that are written
MAX_SHOWN = 10  # that are printed


@dataclass(slots=True)
class FileCounts:
    """The counts of one input file, or of all files of a folder."""

    seen: int = 0
    kept: int = 0  # with a row in the output
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    lines: int = 0  # of tables, up to the last record, with the header and blank lines
    n_files: int = 1

    def merge(self, other: FileCounts) -> None:
        """Add the counts of other records; `n_files` is not changed."""
        self.seen += other.seen
        self.kept += other.kept
        self.refused.update(other.refused)
        self.lines += other.lines

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON types; `lines` only of tables, `n_files` only of folders."""
        counts: dict[str, Any] = {"n_files": self.n_files} if self.n_files != 1 else {}
        counts |= {"seen": self.seen, "kept": self.kept, "refused": dict(sorted(self.refused.items()))}
        return counts | ({"lines": self.lines} if self.lines else {})

    def __str__(self) -> str:
        files = f"{self.n_files:,} files, " if self.n_files != 1 else ""
        lines = f"{self.lines:,} line{'s' * (self.lines > 1)}, " if self.lines else ""
        refused = f", refused: {format_reasons(self.refused)}" if self.refused else ""
        return f"{files}{lines}{self.seen:,} seen, {self.kept:,} kept{refused}"


class Account:
    """Counts of records by input file.

    Examples
    --------
    >>> account = Account()
    >>> account.open("news.csv")
    >>> account.add("news.csv", seen=3, kept=2, refused={"bad_record": 1}, lines=4)
    >>> print(*account.describe(), sep="\\n")
    account: news.csv: 4 lines, 3 seen, 2 kept, refused: bad_record 1
    """

    def __init__(self) -> None:
        self.files: dict[str, FileCounts] = {}

    def open(self, file: str) -> None:
        """Begin the counts of an input file."""
        self.files.setdefault(file, FileCounts())

    def add(
        self,
        file: str,
        *,
        seen: int = 0,
        kept: int = 0,
        refused: Mapping[str, int] | None = None,
        lines: int = 0,
    ) -> None:
        """Count records of an input file, or of a member of an input that is an archive."""
        self._find(file).merge(FileCounts(seen, kept, Counter(refused or {}), lines))

    def _find(self, file: str) -> FileCounts:
        name = file
        while name not in self.files and "/" in name:
            name = name.rpartition("/")[0]
        return self.files.get(name) or self.files.setdefault(file, FileCounts())

    def merge(self, other: Account) -> None:
        """Add the counts of other records, such as those of another part of a job."""
        for file, counts in other.files.items():
            self.files.setdefault(file, FileCounts()).merge(counts)

    @property
    def total(self) -> FileCounts:
        """The counts of all files."""
        return _sum(self.files)

    def as_dict(self, *, folded: bool = True) -> dict[str, Any]:
        """Return the counts of all files and of each as JSON types.

        With `folded`, of more than `MAX_ENTRIES` files those in the deepest folders are summed up by folder.
        """
        entries = _fold(self.files, MAX_ENTRIES) if folded else self.files
        written = {name: counts.as_dict() for name, counts in entries.items()}
        return {"n_files": self.total.n_files, **self.total.as_dict(), "files": written}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the account that `as_dict` stored."""
        account = cls()
        for file, counts in content["files"].items():
            account.files[file] = FileCounts(**{**counts, "refused": Counter(counts["refused"])})
        return account

    def describe(self) -> list[str]:
        """Return lines for a terminal: the files, those with the most refused records first, and the sum."""
        folded = _fold(_fold(self.files, MAX_ENTRIES), MAX_SHOWN, to_one_level=True)
        entries = sorted(folded.items(), key=lambda entry: -entry[1].refused.total())
        if len(entries) == 1:
            return [f"account: {name}: {counts}" for name, counts in entries]
        shown = [f"  {name}: {counts}" for name, counts in entries[:MAX_SHOWN]]
        if others := dict(entries[MAX_SHOWN:]):
            shown.append(f"  others: {_sum(others)}")
        return [*shown, f"account: {self.total}"]


def format_reasons(by_reason: Mapping[str, int]) -> str:
    """Format counts by reason, sorted by the reason."""
    return ", ".join(f"{reason} {n:,}" for reason, n in sorted(by_reason.items()))


def _sum(entries: Mapping[str, FileCounts]) -> FileCounts:
    total = FileCounts(n_files=sum(counts.n_files for counts in entries.values()))
    for counts in entries.values():
        total.merge(counts)
    return total


def _fold(
    entries: Mapping[str, FileCounts], limit: int, *, to_one_level: bool = False
) -> dict[str, FileCounts]:
    """Sum up the deepest folders while there are more entries than the limit; a folder's name ends in /.

    With `to_one_level`, files that are equally deep stay apart.
    """
    groups = {name: [name] for name in entries}
    while len(groups) > limit:
        depth = {name: len(PurePosixPath(name).parts) for name in groups}
        deepest = max(depth.values())
        if to_one_level and deepest == min(depth.values()):
            break
        folded: dict[str, list[str]] = {}
        for name, files in groups.items():
            above = f"{str(PurePosixPath(name).parent).rstrip('/')}/" if depth[name] == deepest else name
            folded.setdefault(above, []).extend(files)
        groups = folded
    return {
        name if len(files) > 1 else files[0]: _sum({file: entries[file] for file in files})
        for name, files in groups.items()
    }
