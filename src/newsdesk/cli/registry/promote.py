"""`newsdesk promote`: the challenger becomes champion if it is better on the same frozen test."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note, print_rows
from newsdesk.registry import promotion, versions
from newsdesk.registry.ledger import LostRaceError
from newsdesk.registry.paired_test import Rules
from newsdesk.tracking import runs

EXIT_CODES = {"first": 0, "better": 0, "tie": 3, "worse": 4, "worse_label": 5}
EXIT_DIFFERENT_TEST, EXIT_LOST_RACE, EXIT_DRY_RUN = 6, 7, 8
SAID = {
    "first": "there is no champion yet",
    "better": "better",
    "tie": "no difference that this test can see",
    "worse": "worse",
    "worse_label": "worse on a label",
}


@click.command("promote")
@click.argument("name", default="newsdesk")
@click.option("--reason", default="", help="Why, for the ledger.")
@click.option("--dry-run", is_flag=True, help="Compare and tell, change nothing.")
@click.option("--adopt", is_flag=True, help="Record a champion that was set by hand; compare nothing.")
@click.option(
    "--margin", default=Rules.margin, show_default=True, type=click.FloatRange(min=0, max=1),
    help="How much of its F1 a label may lose.",
)  # fmt: skip
@click.option(
    "--min-support", default=Rules.min_support, show_default=True, type=click.IntRange(min=1),
    help="Fewest test articles of a label for it to be judged by itself.",
)  # fmt: skip
@click.option(
    "--n-bootstrap", default=Rules.n_bootstrap, show_default=True, type=click.IntRange(min=100),
    help="Resamples of near-duplicate groups.",
)  # fmt: skip
@click.option("--seed", default=Rules.seed, show_default=True, type=click.IntRange(min=0))
@click.option(
    "--strict", is_flag=True, help="Each label must be shown to lose less than the margin, not only not more."
)
@click.option(
    "--champion-predictions", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the champion says of the challenger's test, where its own was another.",
)  # fmt: skip
def main(
    name: str, reason: str, dry_run: bool, adopt: bool, champion_predictions: Path | None, **rules: Any
) -> None:
    """Compare challenger and champion on the same test, and make the challenger champion if it is better.

    Exit codes: 0 promoted, 2 an error, 3 a tie, 4 worse, 5 worse on a label, 6 different tests, 7 somebody
    else was faster, 8 a dry run that would promote.

    \b
    Examples:
      newsdesk promote --dry-run
      newsdesk promote --reason "silver labels of May"
    """
    versions.check_name(name)
    try:
        with runs.connect() as client:
            if adopt:
                entry = promotion.adopt(client, name, reason=reason)
                note(f"promote: version {entry.to} of {name} is champion by the ledger too")
                return
            done = promotion.promote(
                client, name, rules=Rules(**rules), reason=reason, dry_run=dry_run,
                champion_predictions=champion_predictions,
            )  # fmt: skip
    except promotion.DifferentTestError as error:
        note(f"newsdesk: {error}")
        sys.exit(EXIT_DIFFERENT_TEST)
    except LostRaceError as error:
        note(f"newsdesk: {error}")
        sys.exit(EXIT_LOST_RACE)
    verdict = done.verdict
    if "heads" in verdict:
        print_rows(tabulate(verdict))
    code = EXIT_CODES[verdict["verdict"]]
    blocking = f" ({', '.join(verdict['blocking'])})" if verdict["blocking"] else ""
    said = f"version {verdict['challenger']} of {name}: {SAID[verdict['verdict']]}{blocking}"
    if done.finished:
        note(f"promote: {said}; its promotion had been interrupted and is finished now")
    elif done.entry:
        note(f"promote: {said}; champion now (entry {done.entry.number} of the ledger)")
    elif code == 0:
        note(f"promote: {said}; it would be promoted")
        sys.exit(EXIT_DRY_RUN)
    else:
        note(f"promote: {said}; not promoted")
        sys.exit(code)


def tabulate(verdict: Mapping[str, Any]) -> list[dict[str, str]]:
    """The heads and labels of a verdict as rows to print."""
    rows = []
    for task, head in verdict["heads"].items():
        rows.append(_row(task, "f1_macro", str(head["n_articles"]), head))
        rows += [_row(task, label, str(told["support"]), told) for label, told in head["labels"].items()]
    return rows


def _row(task: str, label: str, n: str, told: Mapping[str, Any]) -> dict[str, str]:
    return {
        "head": task,
        "label": label,
        "n": n,
        "champion": f"{told['champion']:.3f}",
        "challenger": f"{told['challenger']:.3f}",
        "difference": f"{told['difference']:+.3f}"
        f" ({told['difference_low']:+.3f} to {told['difference_high']:+.3f})",
        "could see": f"{told['smallest_visible']:.3f}",
        "outcome": told["outcome"],
    }
