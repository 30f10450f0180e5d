"""The `newsdesk` command: its subcommands by group; the module of one is imported when it is called."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Any

import click

from newsdesk import __version__
from newsdesk.base.console import entry_point
from newsdesk.base.extras import named_extras
from newsdesk.base.processor import restart_pinned

# (title, package, description by command); the module of a command has its name, and a function `main`
GROUPS = (
    ("Label articles", "newsdesk.cli.label", {
        "predict": "Label articles, saved pages and tables.",
        "explain": "Show which words and places contribute to a label.",
        "serve": "Label articles over HTTP and in a browser.",
        "read": "Show the articles that are read from an input.",
        "export": "Write a model as a Python package.",
    }),
    ("Look at results", "newsdesk.cli.look", {
        "results": "Print row counts, metrics and the MLflow run.",
        "report": "Write an HTML page about a finished run.",
        "taxonomy": "Print and check regions and topics.",
    }),
    ("Improve a model", "newsdesk.cli.train", {
        "experiments": "List experiments of DVC with their runs in MLflow.",
        "search": "Search the settings of a head by inner validation.",
        "audit": "Audit labels, shortcuts and errors.",
    }),
    ("Register models", "newsdesk.cli.registry", {
        "register": "Register the model of a run, as the challenger.",
        "promote": "Make the challenger the champion if it is better.",
        "rollback": "Make the previous champion the champion again.",
        "history": "List the champions, with times and reasons.",
        "card": "Write the model card of a run or version.",
    }),
    ("Operate", "newsdesk.cli.operate", {
        "doctor": "Check versions, data, stores and model.",
        "drift": "Check whether new articles differ from a reference.",
        "review": "Export articles for review, and merge the labels.",
        "certify": "Rerun the pipeline and compare it with dvc.lock.",
    }),
    ("Pipeline stages", "newsdesk.pipeline", {
        "clean": "Read raw corpora; keep or refuse each row.",
        "featurize": "Compute the features of training articles.",
        "train": "Train one head.",
        "package": "Package heads and features as one model.",
        "evaluate": "Measure the model on the test split.",
        "fidelity": "Measure what quantization changes.",
        "outlets": "Compare systems on outlets left out of training.",
        "track": "Record the pipeline as an MLflow run.",
    }),
)  # fmt: skip
COMMANDS = {name: f"{package}.{name}" for _, package, commands in GROUPS for name in commands}


class LazyGroup(click.Group):
    """A group that imports the module of a subcommand when it is called, so that `--help` is fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).main
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and (close := difflib.get_close_matches(name, COMMANDS)):
            raise click.UsageError(f"No such command {name!r}. Did you mean {' or '.join(close)}?", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with named_extras():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, _, commands in GROUPS:
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line) for name, line in commands.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def newsdesk() -> None:
    """Label Arabic news with regions and topics.

    \b
    Examples:
      newsdesk predict page.txt
      newsdesk predict articles.parquet --output labels.jsonl
      newsdesk COMMAND --help
    """


def main() -> None:
    """Run the command line."""
    entry_point(newsdesk)


def start() -> None:
    """Run the command line as a process of its own, in which a stage computes as `dvc repro` does."""
    if COMMANDS.get("".join(sys.argv[1:2]), "").startswith("newsdesk.pipeline."):
        restart_pinned()
    main()
