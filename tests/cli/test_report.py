"""`newsdesk report`."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.cli.look.report import main
from tests import ROOT
from tests.reporting.page import Page


def test_page_and_figures_are_written(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, figures = tmp_path / "report.html", tmp_path / "figures"
    arguments = ["--folder", tiny_run, "--champion", tiny_run, "--figures", figures, "--output", output]
    main.main([*map(str, arguments), "--without-texts"], standalone_mode=False)
    assert "champion" in Page(output.read_text(encoding="utf-8")).texts
    assert (figures / "labels_region.svg").is_file()
    assert f"10 sections, {len(output.read_bytes()) / 1e6:.2f} MB in {output}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--champion", "nowhere"), "nowhere: no such folder"),
        (("--model", "nowhere"), "--model nowhere: no such file or folder"),
        (("--folder", "nowhere"), "--folder nowhere: no such file or folder"),
        (("--folder", "docs"), "docs/metrics: no metrics of a finished run; run `dvc repro` first"),
        (("--output", "docs"), "docs: is a folder; name a file"),
    ],
)
def test_errors_name_the_path(
    tiny_run: Path, arguments: tuple[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    folder = [] if "--folder" in arguments else ["--folder", str(tiny_run)]
    with pytest.raises(NewsdeskError, match=message):
        main.main([*folder, *arguments], standalone_mode=False)
