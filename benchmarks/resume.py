"""kill -9 at random moments of a job, each resumed: are the final bytes those of an undisturbed job?

A job that ends before all kills are done is compared, and another begun, until there have been as many as
asked.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from corpus import made
from harness import Row, build_parser, check, note, write_results

from newsdesk import artifacts
from newsdesk.jobs import MANIFEST

COMMAND = "import sys; from newsdesk.cli import main; sys.argv[0] = 'newsdesk'; main()"


def start(corpus: Path, folder: Path, chunk_rows: int) -> subprocess.Popen[bytes]:
    """A process that does the job, or what is left of it."""
    given = ["predict", corpus, "--output", f"{folder}/", "--resume", "--scored-at", "2026-11-27T02:00:00Z"]
    command = [sys.executable, "-c", COMMAND, *map(str, given), "--chunk-rows", str(chunk_rows)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a job that must succeed."""
    _, told = process.communicate()
    if process.returncode:
        raise SystemExit(told.decode())


def hashes(folder: Path) -> dict[str, str]:
    """Of every file but the manifest, which tells times; hidden ones are what must not be left."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): artifacts.sha256(path) for path in sorted(files)}


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/resume.py --articles 2000 --kills 5")
    parser.add_argument("--articles", type=int, default=1_000_000, help="of the job (%(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="at random moments (%(default)s)")
    parser.add_argument("--chunk-rows", type=int, default=50_000, help="of a part (%(default)s)")
    options = parser.parse_args()
    articles = made(options.articles, options.seed)
    corpus = articles.path
    rng = random.Random(options.seed)
    kills: list[Row] = []
    jobs = different = 0
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name, "whole")
        started = time.perf_counter()
        finish(start(corpus, whole, options.chunk_rows))
        seconds = time.perf_counter() - started
        expected = hashes(whole)
        note(f"undisturbed: {seconds:.1f} s, {len(expected)} files")
        while len(kills) < options.kills:
            folder = Path(name, f"job-{jobs}")
            while len(kills) < options.kills and not (folder / MANIFEST).exists():
                process, after = start(corpus, folder, options.chunk_rows), rng.uniform(0, seconds / 2)
                try:
                    process.wait(after)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    parts = len(list(folder.glob("part-*")))
                    kills.append({"job": jobs, "after_seconds": after, "parts": parts})
                    note(f"  killed after {after:.1f} s with {parts} parts")
            finish(start(corpus, folder, options.chunk_rows))
            different += hashes(folder) != expected
            jobs += 1
    checks = [
        check(f"jobs of {jobs} that differ from the undisturbed one", different, most=0),
        check("kills", len(kills), least=options.kills),
    ]
    content: Row = {
        "corpus": articles.describe(),
        "articles": options.articles,
        "chunk_rows": options.chunk_rows,
        "seed": options.seed,
    }
    content |= {"undisturbed_seconds": seconds, "kills": kills, "checks": checks}
    write_results(options.results / "resume.json", content)


if __name__ == "__main__":
    main()
