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
    for element in root.iter(*_BLOCKS):
        element.text = "\n" + (element.text or "")
        element.tail = "\n" + (element.tail or "")
    lines = (" ".join(line.split()) for line in root.text_content().splitlines())
    return "\n".join(filter(None, lines))
