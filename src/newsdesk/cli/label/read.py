"""`newsdesk read`: print the articles of an input as the readers parse them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from newsdesk.base.columns import Columns
from newsdesk.base.console import path_option
from newsdesk.base.settings import read_settings
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.cli.inputs import RefusalLog, column_options, inputs_argument, refused_option, taxonomy_option


@click.command("read")
@inputs_argument
@column_options
@taxonomy_option
@path_option("--params", help="Settings whose `corpora` say how INPUT is read.")
@click.option("--format", "form", default="text", show_default=True, type=click.Choice(["text", "jsonl"]))
@refused_option
def main(
    inputs: tuple[str, ...],
    taxonomy: Taxonomy,
    params: Path | None,
    form: str,
    refused: Path | None,
    columns: Columns,
) -> None:
    """Print the articles and teasers of INPUT with title and text, and count refused rows.

    INPUT is as for `newsdesk predict`: pages, HTML, Markdown, JSON, CSV, Parquet, workbooks, feeds, messages
    (.eml, .mhtml), WARC, archives of them, and folders. The refusal of any other file names its kind.

    \b
    Examples:
      newsdesk read page.txt
      newsdesk read corpus/ --format jsonl --refused refused.jsonl \\
        > articles.jsonl
    """
    refusals = RefusalLog()
    corpora = read_settings(params).corpora if params else {}
    articles = refusals.read_articles(inputs, taxonomy.sections, columns, corpora=corpora, prints_rows=True)
    for article in articles:
        if form == "jsonl":
            click.echo(json.dumps(asdict(article), ensure_ascii=False, default=str))
        else:
            section = f" [{article.section}]" if article.section else ""
            click.echo(f"# {article.kind} {article.article_id}{section}\n{article.title}\n\n{article.text}\n")
    refusals.report(refused)
