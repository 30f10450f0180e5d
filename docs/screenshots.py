"""Make the pictures of the docs: terminals, the report, and the page of `newsdesk serve`.

`make screenshots` runs this in a checkout in which the pipeline has run. It needs Chromium, and the fonts
DejaVu Sans Mono, Noto Sans and Noto Naskh Arabic.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SHIPPED = ROOT / "src/newsdesk/shipped"
PORT = 8787
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
TEXT = "رفع المصرف المركزي سعر الفائدة في منطقة اليورو"
COMMANDS = (
    ("predict", "data/starter/pages/page-10.txt"),
    ("predict", TEXT),
    ("explain", TEXT, "--top", "3"),
)
# a terminal that sets Arabic from right to left, with a font whose Arabic letters fit its cells
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #1b1f24; color: #e6e8eb; }}
pre {{ margin: 0; padding: 14px; width: max-content; font: 14px/1.45 "DejaVu Sans Mono", monospace; }}
{stylesheet}</style><pre>{code}</pre>"""
THEME = TerminalTheme((27, 31, 36), (230, 232, 235), [(0, 0, 0)] * 8)
# picture, section of the starter's report, colour scheme
SECTIONS = (
    ("labels", "labels", "light"),
    ("precision-recall", "precision-recall", "dark"),
    ("reliability", "reliability", "light"),
    ("confusion", "confusion", "dark"),
    ("coverage", "coverage", "light"),
    ("champion", "champion", "light"),
    ("data", "data", "light"),
    ("files", "files", "light"),
)
DESKTOP, PHONE = (1280, 820), (400, 800)


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=DOCS, show_default="docs/")
@click.option("--chromium", default="/usr/bin/chromium", show_default=True)
def main(output: Path, chromium: str) -> None:
    """Write all pictures to OUTPUT."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for columns in (80, 140):
            picture_terminal(browser, columns, output / f"terminal-{columns}.png")
        with tempfile.TemporaryDirectory() as folder:
            starter, unseen = Path(folder, "starter.html"), Path(folder, "unseen.html")
            newsdesk("report", "--champion", str(SHIPPED), "--output", str(starter))
            newsdesk("report", "--profile", "unseen", "--output", str(unseen))
            picture_reports(browser, starter, unseen, output)
        with serving() as address:
            picture_page(browser, address, output)
        browser.close()


def newsdesk(*arguments: str, **variables: str) -> str:
    """Run a command in the checkout, and return what it prints."""
    done = subprocess.run(
        ["newsdesk", *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def picture_terminal(browser: Browser, columns: int, output: Path) -> None:
    """Show what commands print on a terminal of this width."""
    console = Console(record=True, file=io.StringIO(), width=columns, highlight=False)
    for arguments in COMMANDS:
        printed = newsdesk(*arguments, COLUMNS=str(columns), TTY_COMPATIBLE="1").splitlines()
        console.print(f"$ newsdesk {' '.join(map(quoted, arguments))}", style="bold", markup=False)
        for line in printed:
            console.print(Text.from_ansi(line), soft_wrap=True)
    html = console.export_html(theme=THEME, code_format=TERMINAL)
    page = browser.new_page(viewport={"width": columns * 9 + 28, "height": 100})
    page.set_content(html)
    save(page.locator("pre").screenshot(), output)
    page.close()


def quoted(argument: str) -> str:
    return f'"{argument}"' if " " in argument else shlex.quote(argument)


def picture_reports(browser: Browser, starter: Path, unseen: Path, output: Path) -> None:
    """Show top and errors of the report at two widths in both schemes, and the other sections once."""
    for name, section in (("top", ""), ("errors", "errors")):
        phones = []
        for scheme in ("light", "dark"):
            dark = "-dark" if scheme == "dark" else ""
            save(section_of(browser, starter, section, scheme, DESKTOP), output / f"report-{name}{dark}.png")
            phones.append(section_of(browser, starter, section, scheme, PHONE))
        save(side_by_side(phones), output / f"report-{name}-phone.png")
    for name, section, scheme in SECTIONS:
        save(section_of(browser, starter, section, scheme, (1000, 820)), output / f"report-{name}.png")
    save(section_of(browser, unseen, "outlets", "light", (1000, 820)), output / "report-outlets.png")


def section_of(browser: Browser, report: Path, section: str, scheme: str, size: tuple[int, int]) -> bytes:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.goto(f"{report.as_uri()}#{section}")
    picture = page.screenshot()
    page.close()
    return picture


def picture_page(browser: Browser, address: str, output: Path) -> None:
    """Show the page of the server with an example, with several articles, and with an error."""
    with opened(browser, address, "light") as page:
        page.click("#examples button")
        page.wait_for_selector("mark.for[title]")
        save(page.screenshot(full_page=True), output / "serve.png")
    with opened(browser, address, "light") as page:
        lines = (ROOT / "data/starter/st1.jsonl").read_bytes().splitlines(keepends=True)[:12]
        page.set_input_files(
            "#files", [{"name": "st1.jsonl", "mimeType": "application/json", "buffer": b"".join(lines)}]
        )
        page.wait_for_selector("#rows tr")
        page.wait_for_selector("main[aria-busy=false]")
        save(page.screenshot(full_page=True), output / "serve-batch.png")
    with opened(browser, address, "dark") as page:
        first = json.loads((ROOT / "data/starter/st1.jsonl").read_text(encoding="utf-8").splitlines()[0])
        page.fill("#title", first["title"])
        page.fill("#text", first["text"].replace("ا", "ا" + "\u064e" * 32, 1))
        page.click("button[type=submit]")
        page.wait_for_selector("#message.wrong")
        save(page.screenshot(full_page=True), output / "serve-error.png")


@contextmanager
def opened(browser: Browser, address: str, scheme: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1000, "height": 600}, color_scheme=scheme)
    page.goto(address)
    page.wait_for_selector("main[aria-busy=false]")
    yield page
    page.close()


@contextmanager
def serving() -> Iterator[str]:
    """Run `newsdesk serve` with the model that it comes with."""
    server = subprocess.Popen(
        ["newsdesk", "serve", "--port", str(PORT)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr
        for line in server.stderr:  # printed once the server is ready
            if f":{PORT}" in line:
                break
        else:
            raise click.ClickException(f"newsdesk serve --port {PORT} did not start")
        yield f"http://127.0.0.1:{PORT}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def side_by_side(pictures: list[bytes]) -> bytes:
    images = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    joined = Image.new("RGB", (sum(image.width for image in images), images[0].height))
    left = 0
    for image in images:
        joined.paste(image, (left, 0))
        left += image.width
    buffer = io.BytesIO()
    joined.save(buffer, "PNG")
    return buffer.getvalue()


def save(picture: bytes, path: Path) -> None:
    """Write a picture with 256 colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)
    click.echo(f"{path}: {path.stat().st_size / 1e3:.0f} KB", err=True)


if __name__ == "__main__":
    main()
