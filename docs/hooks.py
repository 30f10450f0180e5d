"""Hooks of MkDocs: add the generated reference pages, and resolve links to files outside `docs/`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import reference  # beside this file, which MkDocs puts on the path
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#]+)(?:#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are generated from the code."""
    for place, content in reference.pages().items():
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Replace links to files of the repository that are not on the site by the names of these files."""
    docs = Path(config.docs_dir).resolve()
    here = (docs / page.file.src_uri).parent

    def unlink(found: re.Match[str]) -> str:
        text, target = found[1], found[2]
        path = (here / target).resolve()
        if "://" in target or docs in path.parents or not path.exists():
            return found[0]  # MkDocs checks these itself
        name = path.relative_to(docs.parent).as_posix()
        return text if name in text or text.strip("`") == name else f"{text} (`{name}`)"

    return LINK.sub(unlink, markdown)
