"""What MkDocs is told beside mkdocs.yml: the generated reference, and links that leave `docs/`."""

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
    """Add the pages that are made of the code."""
    for place, content in reference.pages().items():
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Name the files of the repository that a page links and the site has not, in place of the link."""
    docs = Path(config.docs_dir).resolve()
    here = (docs / page.file.src_uri).parent

    def unlink(found: re.Match[str]) -> str:
        text, target = found[1], found[2]
        path = (here / target).resolve()
        if "://" in target or docs in path.parents or not path.exists():
            return found[0]  # MkDocs looks at these itself
        name = path.relative_to(docs.parent).as_posix()
        return text if name in text or text.strip("`") == name else f"{text} (`{name}`)"

    return LINK.sub(unlink, markdown)
