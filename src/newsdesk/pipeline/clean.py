"""Stage `clean`: raw corpora to articles, quarantine and the account of rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from newsdesk import readers
from newsdesk.base.console import entry_point, note, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_json, write_table
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.corpus import cleaning, label_tables

SHOWN = 5


def run(
    settings: Settings,
    *,
    raw: Iterable[Path],
    taxonomy: Path,
    gold: Path | None,
    silver: Path | None,
    review: Path | None,
    articles: Path,
    quarantine: Path,
    account: Path,
) -> None:
    """Clean raw corpora into `articles`, `quarantine` and `account`."""
    known = read_taxonomy(taxonomy)
    table = label_tables.read_readings(silver, known, "silver") if silver else {}
    if review:
        table |= label_tables.read_readings(review, known, "review")
    if gold:
        table |= label_tables.read_readings(gold, known)
    records = readers.read(raw, sections=known.sections)
    cleaned = cleaning.clean(records, settings.clean, known, table, watch=progress)
    if not cleaned.articles.num_rows:
        raise NewsdeskError(
            f"no article was kept; refused by reason: {cleaned.account['refused'] or 'no rows'}"
        )
    write_table(cleaned.articles, articles)
    write_table(cleaned.quarantine, quarantine)
    write_json(cleaned.account, account)
    for refused in cleaned.quarantine.slice(0, SHOWN).to_pylist():
        note(f"refused: {refused['file']}:{refused['position']}: {refused['reason']}: {refused['detail']}")
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in cleaned.account["refused"].items()) or "none"
    note(
        f"clean: read {cleaned.account['read']:,}, kept {cleaned.account['kept']:,}, "
        f"groups {cleaned.account['groups']:,}; refused: {reasons} (all in {quarantine})"
    )


@click.command("clean")
@click.argument("raw", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--taxonomy", default="data/taxonomy.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--gold", type=click.Path(path_type=Path), help="Gold labels (tab-separated).")
@click.option(
    "--silver", type=click.Path(path_type=Path), help="Labels that train and are never tested on; gold wins."
)
@click.option(
    "--review",
    type=click.Path(path_type=Path),
    help="Labels of `newsdesk review merge`: they train and are never tested on; between silver and gold.",
)
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--articles", default="data/clean/articles.parquet", show_default=True, type=click.Path(path_type=Path)
)
@click.option(
    "--quarantine",
    default="data/clean/quarantine.parquet",
    show_default=True,
    type=click.Path(path_type=Path),
)
@click.option("--account", default="metrics/clean.json", show_default=True, type=click.Path(path_type=Path))
def main(
    raw: tuple[Path, ...],
    taxonomy: Path,
    gold: Path | None,
    silver: Path | None,
    review: Path | None,
    params: Path,
    articles: Path,
    quarantine: Path,
    account: Path,
) -> None:
    """Clean RAW files and folders: every row is kept, or refused with a reason and counted.

    \b
    Example:
      newsdesk clean data/starter --gold data/labels/gold.tsv
    """
    run(
        read_settings(params),
        raw=raw,
        taxonomy=taxonomy,
        gold=gold,
        silver=silver,
        review=review,
        articles=articles,
        quarantine=quarantine,
        account=account,
    )


if __name__ == "__main__":
    entry_point(main)
