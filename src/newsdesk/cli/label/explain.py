"""`newsdesk explain`: show the contribution of each word and place to the score of a label."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from newsdesk.api import load
from newsdesk.base.columns import Columns
from newsdesk.base.console import print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import Article
from newsdesk.base.taxonomy import english_name
from newsdesk.cli.inputs import (
    RefusalLog,
    check_home,
    column_options,
    home_option,
    inputs_argument,
    model_option,
    refused_option,
)
from newsdesk.corpus.repair import repair
from newsdesk.inference.explain import Explanation, explanations


@click.command("explain")
@inputs_argument
@click.option("--label", "labels", multiple=True, help="Region or topic; repeatable. [default: predicted]")
@model_option
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="Contributions to show.")
@click.option("--format", "form", default="table", show_default=True, type=click.Choice(["table", "json"]))
@column_options
@home_option
@refused_option
def main(
    inputs: tuple[str, ...], labels: tuple[str, ...], model: str | None, top: int, form: str, refused: Any,
    columns: Columns, home: str | None,
) -> None:  # fmt: skip
    """Explain labels of articles in INPUT by the words, the places and the home that add to their scores.

    The score of a label is the sum of its intercept and all contributions; those that are not shown are one
    remainder. Offsets in title and text count characters from 0.

    \b
    Examples:
      newsdesk explain page.txt --label terrorism
      newsdesk explain "انفجرت سيارة مفخخة في بغداد"
      newsdesk explain page.txt --label africa --home DZ
      newsdesk explain news.jsonl --label europe --label politics \\
        --top 25 --format json
    """
    loaded = load(model)
    home = check_home(loaded.scorer, home)
    refusals = RefusalLog()
    articles = refusals.read_articles(inputs, loaded.taxonomy.sections, columns, prints_rows=True)
    for article in map(repair, articles):  # as `predict` does
        homes = loaded.scorer.countries.known([article.home], default=home)
        (prediction,) = loaded.scorer.predict([article.title], [article.text], homes=homes)
        wanted = labels or [*prediction.regions, *prediction.topics]
        try:
            found = explanations(
                loaded.scorer, article.title, article.text, labels=wanted, top=top, home=homes[0]
            )
        except ValueError as error:
            raise NewsdeskError(str(error)) from None
        if form == "json":  # offsets refer to this title and text
            record = {
                "article_id": article.article_id, "title": article.title, "text": article.text,
                "reason": prediction.reason, "evidence": [asdict(explanation) for explanation in found],
            }  # fmt: skip
            click.echo(json.dumps(record, ensure_ascii=False))
        else:
            _print(article, prediction.reason, found)
    refusals.report(refused)


def _print(article: Article, reason: str | None, found: Sequence[Explanation]) -> None:
    if not found:
        click.echo(f"{article.article_id}: no label to explain ({reason or 'none predicted'})\n")
    for e in (e for e in found if e.contributions):
        sign = ">=" if e.probability >= e.threshold else "<"
        click.echo(
            f"{article.article_id} {e.label}: probability {e.probability:.4f} {sign} {e.threshold:.4f}\n"
            f"score {e.score:+.4f} = intercept {e.intercept:+.4f} and these:"
        )
        rows = []
        for c in e.contributions:
            kind = c.kind if c.part else f"{c.kind} ({c.term})"
            if c.kind == "home":
                kind = f"home: {english_name(c.term)}"
            where = f"{c.part} {c.start}-{c.end}{' in the lead' if c.in_lead else ''}" if c.part else ""
            rows.append({"value": f"{c.value:+.4f}", "kind": kind, "where": where, "surface": c.surface})
        print_rows(rows, arabic="surface")
