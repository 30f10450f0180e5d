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

from newsdesk.base.files import sha256
from newsdesk.batch.job import MANIFEST

COMMAND = "import sys; from newsdesk.cli.main import main; sys.argv[0] = 'newsdesk'; main()"


def start(corpus: Path, folder: Path, given: list[str]) -> subprocess.Popen[bytes]:
    """A process that does the job, or what is left of it."""
    always = ["predict", corpus, "--output", f"{folder}/", "--resume", "--scored-at", "2026-11-27T02:00:00Z"]
    command = [sys.executable, "-c", COMMAND, *map(str, always), *given]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a job that must succeed."""
    _, told = process.communicate()
    if process.returncode:
        raise SystemExit(told.decode())


def hashes(folder: Path) -> dict[str, str]:
    """Of every file but the manifest, which tells times; hidden ones are what must not be left."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(files)}


def kill_jobs(corpus: Path, given: list[str], *, n_kills: int, rng: random.Random) -> Row:
    """Do the job undisturbed, then kill it so often; one that is done is compared, and another begun."""
    kills: list[Row] = []
    jobs = different = 0
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name, "whole")
        started = time.perf_counter()
        finish(start(corpus, whole, given))
        seconds = time.perf_counter() - started
        expected = hashes(whole)
        note(f"undisturbed, {' '.join(given)}: {seconds:.1f} s, {len(expected)} files")
        while len(kills) < n_kills:
            folder = Path(name, f"job-{jobs}")
            while len(kills) < n_kills and not (folder / MANIFEST).exists():
                process, after = start(corpus, folder, given), rng.uniform(0, seconds / 2)
                try:
                    process.wait(after)
                    finish(process)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    parts = len(list(folder.glob("part-*")))
                    kills.append({"job": jobs, "after_seconds": after, "parts": parts})
                    note(f"  killed after {after:.1f} s with {parts} parts")
            finish(start(corpus, folder, given))
            different += hashes(folder) != expected
            jobs += 1
    return {
        "given": given,
        "undisturbed_seconds": seconds,
        "kills": kills,
        "jobs": jobs,
        "different": different,
    }


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/resume.py --articles 2000 --kills 5")
    parser.add_argument("--articles", type=int, default=1_000_000, help="of the job (%(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="at random moments (%(default)s)")
    parser.add_argument("--chunk-rows", type=int, default=50_000, help="of a part (%(default)s)")
    options = parser.parse_args()
    articles, rng = made(options.articles, options.seed), random.Random(options.seed)
    chunks = ["--chunk-rows", str(options.chunk_rows)]
    rows = [
        kill_jobs(articles.path, [*chunks, *workers], n_kills=options.kills, rng=rng)
        for workers in ([], ["--workers", "2"])
    ]
    checks = []
    for row in rows:
        n, named = len(row["kills"]), " ".join(row["given"])
        checks.append(check(f"{named}: jobs of {row['jobs']} that differ", row["different"], most=0))
        checks.append(check(f"{named}: kills", n, least=options.kills))
    content: Row = {"corpus": articles.describe(), "articles": options.articles, "seed": options.seed}
    write_results(options.results / "resume.json", {**content, "rows": rows, "checks": checks})


if __name__ == "__main__":
    main()
