"""Strip the tags of HTML fragments, as feeds and Markdown hold them."""

from __future__ import annotations

_BLOCKS = "p", "br", "div", "li", "tr", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "figure", "section"
_NO_TEXT = "script", "style", "figcaption"


def strip_tags(markup: str) -> str:
    """Return the text of an HTML fragment, a line for each block."""
    from lxml import etree, html

    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(f"<div>{markup}</div>".encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError):
        return markup.strip()
    etree.strip_elements(root, *_NO_TEXT, with_tail=False)
    parts: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        parts.append("\n" if element.tag in _BLOCKS else "")
        parts.append((element.text if event == "start" else element.tail) or "")
    lines = (" ".join(line.split()) for line in "".join(parts).splitlines())
    return "\n".join(filter(None, lines))
