"""`newsdesk report`: a finished run as one HTML page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, sha256, write_text
from newsdesk.reporting.comparison import Champion
from newsdesk.reporting.findings import Findings, Sources, read_findings, read_scored, read_texts
from newsdesk.reporting.render import render
from newsdesk.reporting.scored import score_anew
from newsdesk.reporting.sections import build_sections, draw_figures
from newsdesk.tracking import runs

PROFILES = ("starter", "public", "unseen")
MAX_BYTES = 5_000_000
RUN_ID = re.compile(r"[0-9a-f]{32}")


def find_sources(profile: str, root: Path) -> Sources:
    """Where a profile of a checkout keeps its files.

    The public profile's systems are compared on unseen outlets in a folder of their own; that comparison is
    of the public profile's articles, each by a model that is not kept.
    """
    own = {"starter": root, "public": root / "profiles/public", "unseen": root / "profiles/unseen"}[profile]
    base = root / "profiles/public" if profile == "unseen" else own
    folders = [own, root / "profiles/unseen"] if profile == "public" else [own]
    predictions = "outlets_predictions" if profile == "unseen" else "predictions"
    return Sources(
        metrics=[folder / "metrics" for folder in folders],
        plots=[folder / "plots" for folder in folders],
        account=base / "metrics/clean.json",
        predictions=own / f"data/{predictions}.parquet",
        articles=base / "data/clean/articles.parquet",
        model=own / "model",
        params=base / "params.yaml",
    )


@click.command("report")
@click.option(
    "--profile", type=click.Choice(PROFILES), default="starter", show_default=True, help="Whose files."
)
@click.option(
    "--folder", type=click.Path(path_type=Path), help="A checkout's folder.  [default: this checkout]"
)
@click.option(
    "--metrics", multiple=True, type=click.Path(path_type=Path), help="Folder of metrics; repeatable."
)
@click.option("--plots", multiple=True, type=click.Path(path_type=Path), help="Folder of plots; repeatable.")
@click.option("--account", type=click.Path(path_type=Path), help="Account of rows, clean.json.")
@click.option("--predictions", type=click.Path(path_type=Path), help="Predictions of the test articles.")
@click.option("--articles", type=click.Path(path_type=Path), help="Articles, for their texts.")
@click.option("--model", type=click.Path(path_type=Path), help="Model folder, for what in a text it went by.")
@click.option("--params", type=click.Path(path_type=Path), help="Settings of the run.")
@click.option(
    "--champion", metavar="RUN_OR_FOLDER",
    help="To compare with: a folder with predictions or a model, a run's id, a models:/ or runs:/ URI.",
)  # fmt: skip
@click.option("--without-texts", is_flag=True, help="Leave titles, texts and words of articles out.")
@click.option(
    "--figures", type=click.Path(path_type=Path), help="Write the plots into this folder too, as SVG."
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="File to write.  [default: reports/PROFILE.html]"
)
def main(
    profile: str,
    folder: Path | None,
    champion: str | None,
    without_texts: bool,
    figures: Path | None,
    output: Path | None,
    **given: Any,
) -> None:
    """Write one HTML page on a finished run; it works offline and holds all that it shows.

    Files that are missing are named on the page. It holds texts of articles unless told otherwise: keep
    those of a corpus that is not yours to publish out of repositories; reports/ is ignored.

    \b
    Examples:
      newsdesk report
      newsdesk report --profile public --without-texts --output public.html
      newsdesk report --champion models:/newsdesk@champion
    """
    output = output or Path("reports") / f"{profile}.html"
    if output.is_dir():
        raise NewsdeskError(f"{output}: is a folder; name a file")
    root = folder or runs.project_root()
    if not root.is_dir():
        raise NewsdeskError(f"{root}: no such folder")
    sources = replace(find_sources(profile, root), **{name: value for name, value in given.items() if value})
    check_given(given)
    findings = read_findings(sources, with_texts=not without_texts)
    if not findings.measured and not findings.scored:
        raise NewsdeskError(f"{sources.metrics[0]}: no metrics of a finished run; run `dvc repro` first")
    other = read_champion(champion, findings, sources.articles) if champion else None
    sections = build_sections(findings, other)
    page = render(profile, sections)
    write_text(page, output)
    if figures:
        for name, svg in draw_figures(sections).items():
            write_text(svg, figures / name)
    for line in findings.damaged:
        note(f"report: {line}")
    size = len(page.encode())
    if size > MAX_BYTES:
        note(f"report: {size / 1e6:.1f} MB, more than the {MAX_BYTES / 1e6:.0f} that a phone opens with ease")
    note(f"report: {len(sections)} sections, {size / 1e6:.2f} MB in {output}")


def check_given(given: Mapping[str, Any]) -> None:
    """Raise a NewsdeskError if a file that was named is not there; one of a profile may be missing."""
    for name, value in given.items():
        for path in value if isinstance(value, tuple) else [value]:
            if path and not path.exists():
                raise NewsdeskError(f"--{name} {path}: no such file or folder")


def read_champion(champion: str, findings: Findings, articles: Path) -> Champion:
    """What the champion says: read where its predictions are kept, else asked of its model.

    Raises
    ------
    NewsdeskError
        If there is no such run, model or folder, or nothing of the articles' text to ask it of.
    """
    path = Path(champion)
    if RUN_ID.fullmatch(champion) and not path.exists():
        champion = f"runs:/{champion}/{runs.MODEL_PATH}"
    if champion.startswith(("models:/", "runs:/")):
        path = runs.download_model(champion)
    elif not path.exists():
        raise NewsdeskError(
            f"--champion {champion}: no such folder, and neither a run's id nor a models:/ URI"
        )
    # a folder's name without its parents: the same page on every machine
    name = champion if champion.startswith(("models:/", "runs:/")) else path.resolve().name
    for file in (path, path / "predictions.parquet", path / "data/predictions.parquet"):
        if file.is_file():
            return Champion(name, sha256(file), read_scored(file, findings.settings))
    model = path if (path / "model.json").exists() else path / "model"
    scorer = read_model(model)
    wanted = {article for scored in findings.scored.values() for article in scored.article_ids}
    scored = score_anew(findings.scored, findings.texts or read_texts(articles, wanted), scorer)
    return Champion(name, sha256(model), scored)
