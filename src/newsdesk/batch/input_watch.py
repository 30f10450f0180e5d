"""Notice inputs that change, or can't be read any more, while a job reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.batch.identity import describe_name
from newsdesk.batch.input_reader import Batch, Input, file_status

ADVICE = "mend it and run again with --resume, or name a new folder"


@dataclass
class InputWatch:
    """The inputs of a job, each with its name, size and hash, and its state when it was hashed."""

    inputs: Sequence[Input]
    rows: Sequence[dict[str, Any]]  # `file`, `bytes`, `sha256`; the latter are null if it can't be read
    states: list[tuple[int, int] | None]  # size and time of change

    @classmethod
    def begin(cls, inputs: Sequence[Input]) -> InputWatch:
        """Hash all inputs; raise a NewsdeskError for standard input, and for a file that comes twice."""
        states = [_state(each.path) for each in inputs]  # before hashing: a later change is noticed
        seen: set[Path] = set()
        rows = []
        for each in inputs:
            name = each.provenance.printable_file
            row: dict[str, Any] = {**describe_name(each.provenance.file, name), "bytes": None, "sha256": None}
            rows.append(row)
            if each.path is None:
                if each.refusal is None:
                    raise NewsdeskError(
                        "standard input can't be read twice, so a job can't resume it; give files"
                    )
                continue
            path = each.path.resolve()
            if path in seen:
                raise NewsdeskError(f"{name}: the inputs name this file twice")
            seen.add(path)
            with suppress(OSError):  # reading it yields a refusal
                row |= {"bytes": path.stat().st_size, "sha256": sha256(path)}
        return cls(inputs, rows, states)

    def check(self, numbers: Iterable[int]) -> None:
        """Raise a NewsdeskError if one of these inputs has changed; a new time alone is no change."""
        for number in numbers:
            row, path = self.rows[number], self.inputs[number].path
            state = _state(path)
            if path is None or row["sha256"] is None or state == self.states[number]:
                continue
            try:
                found = sha256(path)
            except OSError as error:
                raise self._unreadable(number, error) from None
            if found != row["sha256"]:
                raise NewsdeskError(f"the input {row['file']} changed while it was read; {ADVICE}")
            self.states[number] = state

    def on_error(self, number: int, error: OSError) -> None:
        """Raise a NewsdeskError if an input that can't be read was hashed, else let it be refused."""
        if self.rows[number]["sha256"] is not None:
            raise self._unreadable(number, error) from None

    def _unreadable(self, number: int, error: OSError) -> NewsdeskError:
        return NewsdeskError(f"the input {self.rows[number]['file']}: {error.strerror or error}; {ADVICE}")

    def check_after(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches of a part, then check the inputs that they were read from."""
        numbers: set[int] = set()
        for batch in batches:
            numbers.update(batch.read)
            yield batch
        self.check(sorted(numbers))


def _state(path: Path | None) -> tuple[int, int] | None:
    found = file_status(path)
    return (found.st_size, found.st_mtime_ns) if found else None
