"""`newsdesk report`: a finished run as one HTML page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note, path_option
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_text
from newsdesk.reporting.champion import read_champion
from newsdesk.reporting.figures import draw_figures
from newsdesk.reporting.provenance import read_provenance
from newsdesk.reporting.render import render
from newsdesk.reporting.run_files import PROFILES, find_run_paths, read_run
from newsdesk.reporting.sections import build_sections
from newsdesk.tracking import runs

MAX_BYTES = 5_000_000


@click.command("report")
@click.option(
    "--profile", type=click.Choice(PROFILES), default=PROFILES[0], show_default=True,
    help="The run's profile.",
)  # fmt: skip
@path_option("--folder", show_default="this checkout", help="Folder of the checkout.")
@path_option("--metrics", multiple=True, help="Folder of metrics; repeatable.")
@path_option("--plots", multiple=True, help="Folder of plots; repeatable.")
@path_option("--account", help="Counts of rows, clean.json.")
@path_option("--predictions", help="Predictions on the test articles.")
@path_option("--articles", help="Articles, for their texts.")
@path_option("--model", help="Model folder, to explain the errors.")
@path_option("--params", help="Settings of the run.")
@click.option(
    "--champion", metavar="RUN_OR_FOLDER",
    help="Model to compare with: a folder with predictions or a model, a run id, a models:/ or runs:/ URI.",
)  # fmt: skip
@click.option("--without-texts", is_flag=True, help="Leave out titles, texts and words of articles.")
@path_option("--figures", help="Folder to write the plots to as well, as SVG.")
@path_option("--output", show_default="reports/PROFILE.html", help="File to write.")
def main(
    profile: str, folder: Path | None, champion: str | None, without_texts: bool, figures: Path | None,
    output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Write an HTML page about a finished run. It is one file, which works offline.

    The page contains texts of articles unless --without-texts is given. Do not publish those of a corpus
    that is not yours; git ignores reports/.

    \b
    Examples:
      newsdesk report
      newsdesk report --profile public --without-texts --output public.html
      newsdesk report --champion models:/newsdesk@champion
    """
    note("report: reading the run and drawing its figures")
    output = output or Path("reports") / f"{profile}.html"
    if output.is_dir():
        raise NewsdeskError(f"{output}: is a folder; name a file")
    root = folder or runs.project_root()
    for name, value in {"folder": root, **given}.items():
        for path in value if isinstance(value, tuple) else [value]:
            if path and not path.exists():
                raise NewsdeskError(f"--{name} {path}: no such file or folder")
    paths = replace(find_run_paths(profile, root), **{name: value for name, value in given.items() if value})
    run = read_run(paths, with_texts=not without_texts)
    if not run.metrics and not run.predictions:
        raise NewsdeskError(f"{paths.metrics[0]}: no metrics of a finished run; run `dvc repro` first")
    if champion:
        run = replace(run, champion=read_champion(champion, run, paths.articles))
    sections = build_sections(run)
    page = render(profile, sections, read_provenance(paths, run, root))
    write_text(page, output)
    if figures:
        for name, svg in draw_figures(block for section in sections for block in section.blocks).items():
            write_text(svg, figures / name)
    for message in run.damaged:
        note(f"report: {message}")
    size = len(page.encode())
    if size > MAX_BYTES:
        note(f"report: {size / 1e6:.1f} MB; pages above {MAX_BYTES / 1e6:.0f} MB are slow on a phone")
    note(f"report: {len(sections)} sections, {size / 1e6:.2f} MB in {output}")
