"""Remove HTML from text: tags, comments, scripts, styles and entities, also where they were escaped twice."""

from __future__ import annotations

import html
import re
from html.entities import html5

# Elements that may stand within a word; an image stands within a sentence, and others end a paragraph.
INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|nobr|q|rb|rp|rt|"
    "ruby|s|samp|small|span|strike|strong|sub|sup|time|tt|u|var|wbr"
)
BLOCK = (
    "address|applet|area|article|aside|audio|base|basefont|blockquote|body|br|button|canvas|caption|"
    "center|col|colgroup|datalist|dd|details|dialog|dir|div|dl|dt|embed|fieldset|figcaption|figure|"
    "footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|hgroup|hr|html|iframe|input|legend|li|link|"
    "main|map|marquee|math|menu|menuitem|meta|meter|nav|noembed|noframes|noscript|object|ol|optgroup|"
    "option|output|p|param|picture|pre|progress|search|section|select|slot|source|summary|table|tbody|td|"
    "template|textarea|tfoot|th|thead|title|tr|track|ul|video"
)
DROPPED = "script|style|svg"  # with all that they contain
FLAGS = "allowfullscreen|async|autoplay|compact|controls|defer|hidden|itemscope|loop|muted|nowrap|noshade"

# Other names are text, as in «a <5», and so are attributes that have no value and are not known.
TAG = re.compile(
    rf"""
    <(?:
      (?P<comment>!--)
      | !\[CDATA\[
      | (?:!doctype|!\[(?:if|endif)|\?xml)[^<>]*+>
      | (?P<end>/?)(?P<name>{INLINE}|{BLOCK}|{DROPPED}|img|amp-[a-z-]+|[ovw]:[a-z]+)(?=[\s/>])
        (?:
          (?:\s+(?:
            [a-z_:@][\w:.@-]*+\s*+=\s*+(?:"(?:[^"<]|<(?!/))*"|'(?:[^'<]|<(?!/))*'|[^\s"'<>]++)
            | (?:{FLAGS}|data-[\w-]+)(?=[\s/>])
          ))* [\s/]*+>
          | [^<>=]*+=[^<>]*+>  # broken quotes
          | [^<>=\u0600-\u06ff]*+=[^<>\u0600-\u06ff]*+\Z  # cut off
        )
    )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
SPACES = {*DROPPED.split("|"), "img"}
IN_WORDS = frozenset(INLINE.split("|"))
ENDS = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in DROPPED.split("|")}
ENDS["!--"] = re.compile("-->")
CODE = re.compile("[^<\u0600-\u06ff]*")  # of a script or style that is not closed
LINE_BREAKS = re.compile(r"(?<!\s)\s*\n\s*")
ENTITY = re.compile(
    r"&((?:(?:amp|AMP|\#0*38|\#[xX]0*26);)*)"  # an ampersand that was escaped again and again
    r"(\#\d{1,7};?|\#[xX][0-9a-fA-F]{1,6};?|[a-zA-Z][a-zA-Z0-9]{1,30}(?:;|(?![a-zA-Z0-9=])))?",
    re.VERBOSE,
)
MAX_ROUNDS = 5  # for entities of entities, and tags that the removal of tags makes


def strip_tags(text: str) -> str:
    """Remove tags, comments, scripts and styles; what begins or ends a block becomes a line break."""
    parts: list[str] = []
    unclosed: set[str] = set()
    at = 0
    while match := TAG.search(text, at):
        parts.append(text[at : match.start()])
        at = match.end()
        name = (match["comment"] or match["name"] or "").lower()
        if name in ENDS and not match["end"]:
            end = None if name in unclosed else ENDS[name].search(text, at)
            if end is None:
                unclosed.add(name)  # so that its end is searched for once
                end = CODE.match(text, at) if name in SPACES else None
            at = end.end() if end else at
        if name in SPACES:
            parts.append(" ")
        elif match["name"] and name not in IN_WORDS:
            parts.append("\n")
    if not parts:
        return text
    stripped = "".join([*parts, text[at:]])
    if "<![CDATA[" in text:
        stripped = stripped.replace("]]>", "")
    return LINE_BREAKS.sub("\n", stripped)


def decode_entities(text: str) -> str:
    """Decode HTML entities, each once but for ampersands; what is no entity stays, as in «AT&T»."""
    return ENTITY.sub(_decode, text)


def _decode(match: re.Match[str]) -> str:
    ampersands, entity = match.groups()
    if not entity:
        return "&" if ampersands else match[0]
    if entity.startswith("#"):
        return html.unescape(f"&{entity}")
    return html5.get(entity, f"&{entity}")
