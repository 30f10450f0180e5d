"""The `newsdesk` command: names and modules; a command's module is imported when it is called."""

from __future__ import annotations

import importlib

import click

from newsdesk import __version__
from newsdesk.base.console import entry_point

# name: (module with `main`, a line for --help, so that --help imports none of them)
COMMANDS = {
    "predict": ("newsdesk.cli.label.predict", "Label articles, pages and tables."),
    "explain": ("newsdesk.cli.label.explain", "Show what speaks for and against a label."),
    "serve": ("newsdesk.cli.label.serve", "Label articles over HTTP and in a browser."),
    "read": ("newsdesk.cli.label.read", "Show what the readers make of an input."),
    "export": ("newsdesk.cli.label.export", "Write a model as a Python package."),
    "results": ("newsdesk.cli.look.results", "Print the current run, its metrics and rows."),
    "experiments": ("newsdesk.cli.train.experiments", "Join DVC's experiments and MLflow's runs."),
    "report": ("newsdesk.cli.look.report", "Write a finished run as one HTML page."),
    "taxonomy": ("newsdesk.cli.look.taxonomy", "Print and check regions and topics."),
    "register": ("newsdesk.cli.registry.register", "Make a run's model a version, the challenger."),
    "promote": ("newsdesk.cli.registry.promote", "Make the challenger champion if it is better."),
    "rollback": ("newsdesk.cli.registry.rollback", "Give the champion's place back to the previous one."),
    "history": ("newsdesk.cli.registry.history", "Show which version was champion when, and why."),
    "card": ("newsdesk.cli.registry.card", "Write the model card of a run or version."),
    "audit": ("newsdesk.cli.train.audit", "Audit labels, shortcuts and errors."),
    "certify": ("newsdesk.cli.operate.certify", "Rerun the committed lock and compare bytes."),
    "doctor": ("newsdesk.cli.operate.doctor", "Check versions, data, stores and model."),
    "search": ("newsdesk.cli.train.search", "Search a head's settings by inner validation."),
    "drift": ("newsdesk.cli.operate.drift", "Tell whether the news drifted from a model."),
    "review": ("newsdesk.cli.operate.review", "Have labels read by a person, and take them back."),
    "clean": ("newsdesk.pipeline.clean", "Stage: raw corpora to clean articles."),
    "featurize": ("newsdesk.pipeline.featurize", "Stage: articles to TF-IDF features."),
    "train": ("newsdesk.pipeline.train", "Stage: features to one head."),
    "package": ("newsdesk.pipeline.package", "Stage: heads to one self-contained model."),
    "evaluate": ("newsdesk.pipeline.evaluate", "Stage: the model on the test split."),
    "fidelity": ("newsdesk.pipeline.fidelity", "Stage: a packaged model beside the heads as trained."),
    "outlets": ("newsdesk.pipeline.outlets", "Stage: systems on outlets they never read."),
    "track": ("newsdesk.pipeline.track", "Stage: the pipeline as one MLflow run."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).main
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def newsdesk() -> None:
    """File Arabic news by region and topic.

    \b
    Examples:
      newsdesk predict page.txt
      newsdesk predict articles.parquet --output labels.jsonl
      newsdesk COMMAND --help
    """


def main() -> None:
    """Entry point of the console script."""
    entry_point(newsdesk)
