"""What Annif says of outlets that it never read, for `newsdesk outlets --peer annif=PATH`.

Its Omikuji backend on Snowball stems, with the settings that they come with. Annif runs by its own commands,
from an environment of its own (`make benchmarks/.annif/ready`), in a temporary folder. Omikuji draws by
chance, so two runs differ a little.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from harness import ROOT
from peers import NONE, build_parser, label_outlets, named

from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.training.targets import BoolArray, FloatArray

PROJECT = """[peer]
name=peer
language=ar
backend=omikuji
analyzer=snowball(arabic)
vocab=labels(ar)
"""
URI = "urn:newsdesk:"
# where NLTK looks for what tells sentences from abbreviations; our tokens bring no full stop to ask it of
PUNKT = ("collocations.tab", "sent_starters.txt", "abbrev_types.txt", "ortho_context.tab")


def build_project(annif: Path, folder: Path, labels: Sequence[str]) -> None:
    """A project that any task trains anew: its vocabulary is the taxonomy's labels, and `NONE`."""
    (folder / "projects.cfg").write_text(PROJECT, encoding="utf-8")
    punkt = folder / "tokenizers/punkt_tab/english"
    punkt.mkdir(parents=True)
    for file in PUNKT:
        (punkt / file).touch()
    _write_lines(folder / "labels.tsv", (f"<{URI}{label}>\t{label}" for label in (*labels, NONE)))
    call_annif(annif, folder, "load-vocab", "--language", "ar", "labels", "labels.tsv")


def train_and_score(
    annif: Path, folder: Path, texts: Sequence[str], y: BoolArray, labels: Sequence[str], asked: Sequence[str]
) -> FloatArray:
    """Scores of Omikuji, 0 of a label that it does not suggest."""
    column = {URI + label: j for j, label in enumerate(labels)}
    write_training(folder, texts, y, labels)
    _write_lines(folder / "asked.tsv", asked)
    call_annif(annif, folder, "train", "--jobs", "1", "peer", "train.tsv")
    # Omikuji logs to standard output, so that is no place for the answers
    call_annif(
        annif, folder, "index", "--limit", str(len(labels) + 1), "--no-include-doc", "--force",
        "--output", "said.jsonl", "peer", "asked.tsv",
    )  # fmt: skip
    said = (folder / "said.jsonl").read_text(encoding="utf-8")
    scores = np.zeros((len(asked), len(labels)))
    for row, line in zip(scores, said.splitlines(), strict=True):
        for suggestion in json.loads(line)["results"]:
            if suggestion["uri"] in column:
                row[column[suggestion["uri"]]] = suggestion["score"]
    return scores


def write_training(folder: Path, texts: Sequence[str], y: BoolArray, labels: Sequence[str]) -> None:
    """Write `train.tsv`: a line an article, its text and its labels."""
    _write_lines(
        folder / "train.tsv",
        (
            f"{text}\t{' '.join(f'<{URI}{label}>' for label in named(held, labels))}"
            for text, held in zip(texts, y, strict=True)
        ),
    )


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def call_annif(annif: Path, folder: Path, *arguments: str) -> None:
    """Run a command of Annif; one that fails ends this program."""
    environment = os.environ | {"NLTK_DATA": str(folder), "ANNIF_DATADIR": "data"}
    done = subprocess.run(
        [annif, *arguments], cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"error: annif {arguments[0]}: {done.stderr.strip() or done.returncode}")


def main() -> None:
    parser = build_parser(__doc__)
    parser.add_argument(
        "--annif", type=Path, default=ROOT / "benchmarks/.annif/bin/annif", help="(%(default)s)"
    )
    options = parser.parse_args()
    if not options.annif.exists():
        parser.error(f"no {options.annif}; run `make benchmarks/.annif/ready`, or give --annif")
    taxonomy = read_taxonomy(ROOT / "data/taxonomy.yaml")
    with tempfile.TemporaryDirectory() as name:
        annif, folder = options.annif.absolute(), Path(name)
        build_project(annif, folder, (*taxonomy.region_ids, *taxonomy.topic_ids))
        label_outlets(options, partial(train_and_score, annif, folder))


if __name__ == "__main__":
    main()
