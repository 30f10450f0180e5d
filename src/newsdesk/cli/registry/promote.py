"""`newsdesk promote`: make the challenger champion if it is better on the same frozen test."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note, print_rows
from newsdesk.cli.registry.options import name_or_argument
from newsdesk.evaluation.tables import format_interval
from newsdesk.registry import promotion
from newsdesk.registry.paired_test import PromotionRules
from newsdesk.tracking import runs

EXIT_DRY_RUN = 8
VERDICTS = {  # description and exit code
    "first": ("there is no champion yet", 0),
    "better": ("better", 0),
    "tie": ("no difference that this test can detect", 3),
    "worse": ("worse", 4),
    "worse_label": ("worse on a label", 5),
}


@click.command("promote")
@name_or_argument
@click.option("--reason", default="", help="Reason, for the ledger.")
@click.option("--dry-run", is_flag=True, help="Compare, change nothing.")
@click.option("--adopt", is_flag=True, help="Record a champion that was set by hand; compare nothing.")
@click.option(
    "--margin", default=PromotionRules.margin, show_default=True, type=click.FloatRange(min=0, max=1),
    help="Largest loss of F1 that is allowed for a label.",
)  # fmt: skip
@click.option(
    "--min-support", default=PromotionRules.min_support, show_default=True, type=click.IntRange(min=1),
    help="Labels with fewer test articles are not judged.",
)  # fmt: skip
@click.option(
    "--n-bootstrap", default=PromotionRules.n_bootstrap, show_default=True, type=click.IntRange(min=100),
    help="Resamples of near-duplicate groups.",
)  # fmt: skip
@click.option("--seed", default=PromotionRules.seed, show_default=True, type=click.IntRange(min=0))
@click.option("--strict", is_flag=True, help="Each label must be shown to lose less than the margin.")
@click.option(
    "--champion-predictions", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Predictions of the champion for the challenger's test set, if its own is another.",
)  # fmt: skip
def main(
    name: str, reason: str, dry_run: bool, adopt: bool, champion_predictions: Path | None, **rules: Any
) -> None:
    """Compare challenger and champion on the same test, and make the challenger champion if it is better.

    Exit codes: 0 promoted, 2 an error, 3 a tie, 4 worse, 5 worse on a label, 6 different tests, 7 another
    process changed the champion, 8 a dry run that would promote.

    \b
    Examples:
      newsdesk promote --dry-run
      newsdesk promote --reason "silver labels of May"
    """
    with runs.connect() as client:
        if adopt:
            entry = promotion.adopt(client, name, reason=reason)
            note(f"promote: version {entry.version} of {name} is champion by the ledger too")
            return
        result = promotion.promote(
            client, name, rules=PromotionRules(**rules), reason=reason, dry_run=dry_run,
            champion_predictions=champion_predictions,
        )  # fmt: skip
    if "heads" in result.verdict:
        print_rows(_tabulate(result.verdict))
    found, code = VERDICTS[result.verdict["verdict"]]
    if blocking := ", ".join(result.verdict["blocking"]):
        found += f" ({blocking})"
    outcome = "not promoted"
    if result.resumed:
        outcome, code = "its promotion had been interrupted and is finished now", 0
    elif result.entry:
        outcome, code = f"champion now (entry {result.entry.number} of the ledger)", 0
    elif code == 0:
        outcome, code = "it would be promoted", EXIT_DRY_RUN
    note(f"promote: version {result.verdict['challenger']} of {name}: {found}; {outcome}")
    if code:
        sys.exit(code)


def _tabulate(verdict: Mapping[str, Any]) -> list[dict[str, str]]:
    rows = []
    for task, head in verdict["heads"].items():
        rows.append(_row(task, "f1_macro", head["n_articles"], head))
        rows += [_row(task, name, label["support"], label) for name, label in head["labels"].items()]
    return rows


def _row(task: str, label: str, n: int, measured: Mapping[str, Any]) -> dict[str, str]:
    return {
        "head": task,
        "label": label,
        "n": str(n),
        "champion": f"{measured['champion']:.3f}",
        "challenger": f"{measured['challenger']:.3f}",
        "difference": format_interval(measured, "difference", sign=True),
        "could see": f"{measured['smallest_visible']:.3f}",
        "outcome": measured["outcome"],
    }
