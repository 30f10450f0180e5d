"""Take a screenshot of the page of `newsdesk serve`, as the README shows it. Start the server first, then:

python docs/screenshot.py http://127.0.0.1:8000 docs/serve.png
"""

from __future__ import annotations

from pathlib import Path

import click
from playwright.sync_api import sync_playwright


@click.command()
@click.argument("url")
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--scheme", type=click.Choice(["light", "dark"]), default="light", show_default=True)
@click.option("--width", default=1100, show_default=True)
@click.option("--chromium", default="/usr/bin/chromium", show_default=True)
def main(url: str, output: Path, scheme: str, width: int, chromium: str) -> None:
    """Label the first example on the page at URL, and save a screenshot to OUTPUT."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.goto(url)
        page.click("#examples button")
        page.wait_for_selector("mark.for[title]")
        page.screenshot(path=output, full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
