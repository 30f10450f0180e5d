"""Stage `clean`: raw corpora to articles, quarantine and the account of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from newsdesk import readers
from newsdesk.base.columns import Corpus
from newsdesk.base.console import entry_point, note, path_option, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_json, write_table
from newsdesk.base.settings import Settings, settings_option
from newsdesk.base.taxonomy import Taxonomy, read_taxonomy
from newsdesk.corpus.cleaning import Cleaned, clean
from newsdesk.corpus.label_tables import read_label_tables
from newsdesk.corpus.source_homes import read_source_homes
from newsdesk.readers.account import Account
from newsdesk.readers.column_notes import ColumnNotes
from newsdesk.readers.records import Rows

SHOWN = 5  # refused rows that are printed


@click.command("clean")
@click.argument("raw", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--gold", help="Gold labels (tab-separated).")
@path_option("--silver", help="Labels that train and are not tested on; gold labels replace them.")
@path_option(
    "--review",
    help="Labels of `newsdesk review merge` that train and are not tested on; they replace silver labels.",
)
@path_option("--sources", help="Registry of sources (tab-separated), for the home country of each.")
@settings_option
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--quarantine", default="data/clean/quarantine.parquet")
@path_option("--account", default="metrics/clean.json")
def main(
    settings: Settings,
    *,
    raw: Iterable[Path],
    taxonomy: Path,
    gold: Path | None,
    silver: Path | None,
    review: Path | None,
    sources: Path | None,
    articles: Path,
    quarantine: Path,
    account: Path,
) -> None:
    """Clean RAW files and folders: every row is kept, or refused with a reason and counted.

    \b
    Example:
      newsdesk clean data/starter --gold data/labels/gold.tsv
    """
    known = read_taxonomy(taxonomy)
    label_table = read_label_tables(known, silver=silver, review=review, gold=gold)
    homes = read_source_homes(sources, known) if sources else {}
    files = Account()
    records = read_corpora(list(raw), settings.corpora, known, files)
    cleaned = clean(records, settings.clean, known, label_table, homes=homes, files=files, progress=progress)
    if not cleaned.articles.num_rows:
        refused = cleaned.account["refused"] or "no rows"
        raise NewsdeskError(f"no article was kept; refused by reason: {refused}")
    write_table(cleaned.articles, articles)
    write_table(cleaned.quarantine, quarantine)
    write_json(cleaned.account, account)
    write_json(cleaned.files.as_dict(), articles.with_name(f"{articles.name}.account.json"))
    _note_refused(cleaned, quarantine)


def read_corpora(
    raw: Sequence[Path], corpora: Mapping[str, Corpus], taxonomy: Taxonomy, account: Account
) -> Rows:
    """Read files and folders in order, each as the settings say."""
    names = [path.resolve().name for path in raw]
    for name in corpora:
        if name.partition("/")[0] not in names:  # it may be that of a corpus that is tested only
            note(f"clean: corpora.{name}: no RAW path has this name")
    notes = ColumnNotes()
    yield from readers.read(
        raw, sections=taxonomy.sections, corpora=corpora, on_columns=notes, account=account
    )


def _note_refused(cleaned: Cleaned, quarantine: Path) -> None:
    """Print the first refused rows, and the account of all."""
    for refused in cleaned.quarantine.slice(0, SHOWN).to_pylist():
        note(f"refused: {refused['file']}:{refused['position']}: {refused['reason']}: {refused['detail']}")
    for line in cleaned.files.describe():
        note(line)
    note(f"clean: {cleaned.account['groups']:,} groups; refused rows in {quarantine}")


if __name__ == "__main__":
    entry_point(main)
