"""Fuzz the readers with Atheris: mutate inputs of every format; look for errors, hangs and lost records.

    make fuzz MINUTES=30

An input is read wrongly if `read` raises, takes longer than `TIMEOUT_SECONDS` or yields nothing, or if records cover
more lines than the input has. Atheris then stops and writes the input to the folder `--failures`.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["newsdesk.readers", "newsdesk.inference.markup"]):
    from newsdesk.base.schema import Article, Refusal
    from newsdesk.inference.text import is_arabic, repair_text
    from newsdesk.readers import Limits, read

SUFFIXES = (
    "",
    ".txt",
    ".html",
    ".jsonl",
    ".json",
    ".csv",
    ".tsv",
    ".xml",
    ".md",
    ".eml",
    ".warc",
    ".parquet",
)
LIMITS = Limits(max_unpacked_bytes=2**24, max_line_bytes=2**20)
SECTIONS = ("أوروبا", "آسيا", "العالم", "العالم العربي")
TIMEOUT_SECONDS = 20
MAX_INPUT_BYTES = 2**16
_LINE_END = re.compile(rb"\r\n|\r|\n")
_WORKBOOK = re.compile(rb"\A(?:PK\x03\x04|\xd0\xcf\x11\xe0)")


def check(content: bytes, path: Path) -> None:
    """Read one input and raise an error if it is read wrongly."""
    path.write_bytes(content)
    rows = list(read([path], sections=SECTIONS, limits=LIMITS))
    path.unlink()
    assert rows, "nothing was read or refused"
    for row in rows:
        assert isinstance(row, (Article, Refusal)), row
        if isinstance(row, Article):
            is_arabic(repair_text(f"{row.title}\n{row.text}"))
    n_lines = sum(row.lines for row in rows)
    if n_lines and b"\0" not in content:  # of a table that is text
        assert n_lines <= len(_LINE_END.split(content)), f"{n_lines} lines"


def _write_seeds(folder: Path) -> None:
    """Write an input for each file that tests read; its first byte chooses the suffix."""
    tests = Path(__file__).parent
    for path in sorted([*(tests / "cases").iterdir(), *(tests / "files").rglob("*")]):
        if (
            path.is_file()
            and path.stat().st_size < MAX_INPUT_BYTES
            and not _WORKBOOK.match(path.read_bytes())
        ):
            suffix = path.suffix if path.suffix in SUFFIXES else ""
            seed = bytes([SUFFIXES.index(suffix)]) + path.read_bytes()
            folder.joinpath(path.name).write_bytes(seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.failures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        inputs.mkdir()
        _write_seeds(inputs)

        def check_mutation(data: bytes) -> None:
            suffix = SUFFIXES[data[0] % len(SUFFIXES)] if data else ""
            check(data[1:], Path(folder) / f"input{suffix}")

        atheris.Setup(
            [
                sys.argv[0], str(inputs), f"-max_total_time={round(60 * options.minutes)}",
                f"-timeout={TIMEOUT_SECONDS}", f"-max_len={MAX_INPUT_BYTES}", f"-seed={options.seed + 1}",
                f"-artifact_prefix={options.failures}/", "-print_final_stats=1", "-rss_limit_mb=4096",
            ],
            check_mutation,
        )  # fmt: skip
        atheris.Fuzz()


if __name__ == "__main__":
    main()
