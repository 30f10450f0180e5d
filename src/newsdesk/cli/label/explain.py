"""`newsdesk explain`: what speaks for and against a label, word by word."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from newsdesk.base.console import print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import Article
from newsdesk.cli.inputs import Refused, read_inputs, refused_option
from newsdesk.cli.models import load, taxonomy_of
from newsdesk.corpus.repair import repair
from newsdesk.inference.explain import Explanation, explanations


@click.command("explain")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--label", "labels", multiple=True, help="Region or topic; may be repeated. [default: those given]"
)
@click.option(
    "--model",
    show_default="the model that newsdesk comes with",
    help="Model folder, models:/… or runs:/… URI.",
)
@click.option(
    "--top", default=10, show_default=True, type=click.IntRange(1), help="How many contributions to show."
)
@click.option("--format", "form", default="table", show_default=True, type=click.Choice(["table", "json"]))
@refused_option
def main(
    inputs: tuple[str, ...], labels: tuple[str, ...], model: str | None, top: int, form: str, refused: Any
) -> None:
    """Show what speaks for and against labels of the articles in INPUT.

    A label's score is its intercept and what every word and place adds: nothing is estimated, and the shown
    and the remainder add up. Places in the title and the text are told by characters, counted from 0.

    \b
    Examples:
      newsdesk explain page.txt --label terrorism
      newsdesk explain news.jsonl --label europe --label politics --top 25 --format json
    """
    scorer = load(model).scorer
    account = Refused()
    for article in account.split(read_inputs(inputs, taxonomy_of(scorer).sections)):
        mended = repair(article)  # as `predict` does
        (said,) = scorer.predict([mended.title], [mended.text])
        wanted = labels or [label for own in said.labels.values() for label in own]
        try:
            told = explanations(scorer, mended.title, mended.text, labels=wanted, top=top)
        except ValueError as error:
            raise NewsdeskError(str(error)) from None
        if form == "json":
            click.echo(json.dumps(_record(mended, said.reason, told), ensure_ascii=False))
        else:
            _print(mended, said.reason, told)
    account.tell(refused)


def _record(article: Article, reason: str | None, told: Sequence[Explanation]) -> dict[str, Any]:
    """Offsets are into `title` and `text` as they stand here."""
    return {
        "article_id": article.article_id,
        "title": article.title,
        "text": article.text,
        "reason": reason,
        "evidence": [asdict(explanation) for explanation in told],
    }


def _print(article: Article, reason: str | None, told: Sequence[Explanation]) -> None:
    if not told:
        click.echo(f"{article.article_id}: no label is explained ({reason or 'none asked for'})\n")
    for e in (e for e in told if e.contributions):
        sign = ">=" if e.probability >= e.threshold else "<"
        click.echo(
            f"{article.article_id} {e.label}: probability {e.probability:.4f} {sign} {e.threshold:.4f}; "
            f"score {e.score:+.4f} = intercept {e.intercept:+.4f} and these:"
        )
        print_rows(
            [
                {
                    "value": f"{c.value:+.4f}",
                    "kind": c.kind if c.part else f"{c.kind} ({c.term})",
                    "where": f"{c.part} {c.start}-{c.end}" if c.part else "",
                    "surface": c.surface,
                }
                for c in e.contributions
            ],
            arabic="surface",
        )
