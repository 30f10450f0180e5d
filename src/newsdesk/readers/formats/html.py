"""Read HTML: the article of a page, or each of several."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit

from newsdesk.inference.stubs import is_report, is_site_line, is_stub
from newsdesk.readers.chunks import read_whole
from newsdesk.readers.encodings import decode
from newsdesk.readers.formats.html_title import choose_title
from newsdesk.readers.formats.json_ld import parse_scripts
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.pages.paragraphs import is_paragraph
from newsdesk.readers.pages.site_lines import read_lines
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError

MIN_ARTICLE_WORDS = 40  # of an `<article>` that is one of several
MIN_LEAD_WORDS = 10  # of a text whose headline stands above it
MIN_TEASERS = 3
MAX_TEASER_WORDS = 80  # with the headline
MIN_TITLE_WORDS = 4  # of a link that is a headline
MIN_FULL_RATIO = 2  # JSON-LD is read where it is this many times longer than what the page shows
FRONT_PATHS = {"", "ar", "index.html", "index.php", "home"}
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# a block with one main heading, which is not within another such block
ARTICLE_LIKE = (
    "//*[self::div or self::section][contains(@class, 'article') or contains(@class, 'post')"
    " or contains(@class, 'story')][count(.//h1) = 1 and not(ancestor::*[count(.//h1) = 1])]"
)
CELLS = ("table", "thead", "tbody", "tfoot", "tr", "th", "td")
LAYOUT = ".//table[.//p or .//h1 or .//h2 or .//table or .//br or .//div]"
# elements that speak to the reader of the site, by the names that many sites give them
PRUNED = [
    f".//*[contains(concat(@class, ' ', @id), '{name}') and string-length(normalize-space(.)) < 600]"
    for name in ("paywall", "cookie", "newsletter", "captcha", "comment-policy", "disclaimer", "copyright")
]
PRUNED.append(".//table[not(ancestor::article) and //article]")
DATE_NAME = re.compile(r"date|time|publish|issued|created", re.I)
NOT_PUBLISHED = re.compile(r"modif|updat|expir|crawl", re.I)
READER_LINE = re.compile(
    r"تعليقاتكم|(?:إرسال|نشر|إضافة) (?:ال)?تعليق|قواعد النشر|شروط النشر|سياسة التعليق|"
    r"(?:الآراء|التعليقات) (?:المنشورة|الواردة)|"
    r"لا [يت](?:عبر|مثل|عكس) (?:بالضرورة )?(?:عن )?(?:رأي|آراء|وجهة نظر)|"
    r"(?:جميع|كل|كافة) الحقوق محفوظة|^(?:ا|إ)قر(?:أ|أوا|ؤوا|ئي) أيض|^شاهد أيض|"
    r"يمكنكم إرسال (?:آرائكم|مشاركاتكم|تعليقاتكم)|"
    r"^(?=.*(?:التعليقات|التعليق\b|أي تعليق))"
    r"(?=.*(?:إساءة|الإساءة|آداب|نابية|اللياقة|سبا|قذفا|تجريح|تخضع|الكراهية))|"
    r"all rights reserved|comments? polic|community guidelines",
    re.I,
)
MAX_READER_WORDS = 40
MORE = re.compile(r"(?:[اإ]قر[أا] |قراءة |شاهد )?(?:المزيد|التفاصيل|التتمة)\W*|read more\W*|more\W*", re.I)

Record = dict[str, Any]


def read_html(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the articles of an HTML page, without what surrounds them; refuse a page of teasers."""
    import trafilatura  # slow to import

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it warns of is refused below
    page = decode(read_whole(chunks, "the page", max_bytes=options.limits.max_line_bytes))
    tree = trafilatura.load_html(page)
    records: Sequence[Record | RefusalError] = [] if tree is None else _read_articles(tree)
    for position, record in enumerate(records or [_refusal("no article found in the HTML")], 1):
        yield RawRecord(position, record, page)


def _refusal(detail: str) -> RefusalError:
    return RefusalError("bad_record", detail)


def _read_articles(tree: Any) -> list[Record] | list[RefusalError]:
    facts = _read_facts(tree)
    scripts = tree.xpath("//script[contains(@type, 'ld+json')]")
    linked = parse_scripts([script.text or "" for script in scripts])
    for script in scripts:
        script.drop_tree()  # trafilatura would join the articles of several
    titles = _declared_titles(tree, linked)
    _unwrap_layout_tables(tree)
    several = _article_elements(tree, titles)
    if len(several) > 1:
        return [_read_element(element) for element in several]
    article = deepcopy(tree)
    has_teasers = _drop_teasers(article, titles)
    headings = _texts(article, "h1"), _texts(article, "h2", "h3")
    title = choose_title(*headings, titles, site=_meta(tree, "og:site_name"))
    text = _read_body(article)
    has_headline = title in headings[0] + headings[1]
    n_words = len(text.split())
    is_list = has_teasers and n_words < (MIN_LEAD_WORDS if has_headline else MIN_ARTICLE_WORDS)
    is_list = is_list or 2 * _count_words_of_summaries(article) > n_words > 0
    if is_list and _is_declared_article(tree, linked):
        text, is_list = _read_body(tree), False
    full = [record for record in linked if len(record.get("text", "")) > MIN_FULL_RATIO * len(text)]
    if len(full) > 1:
        return [dict(record) for record in full]
    if full:
        text = full[0]["text"]
    elif is_list or (text and not linked and _is_front_page(facts)):
        return [_refusal("the page is a list of headlines, not an article")]
    elif not text:
        return []
    return [{"title": title, "text": text.removeprefix(f"{title}\n"), **facts}]


def _read_element(element: Any) -> Record:
    """Return the record of an `<article>` that is one of several."""
    page = element.makeelement("html")
    body = page.makeelement("body")
    page.append(body)
    body.append(deepcopy(element))
    paragraphs = [_text(p) for p in element.iter("p")]
    title = next((text for text in _texts(element, "h1", "h2", "h3") if text), None)
    text = _read_body(page) or "\n".join(p for p in paragraphs if p and not _is_for_readers(p))
    published = next((time.get("datetime") for time in element.iter("time")), None)
    return {"title": title, "text": text.removeprefix(f"{title}\n"), "published": published}


def _read_body(tree: Any) -> str:
    """Return the text of an article, a line for each paragraph; "" if there is none."""
    import trafilatura
    from trafilatura.settings import Document

    found = trafilatura.bare_extraction(tree, include_comments=False, prune_xpath=PRUNED)
    text = found.text if isinstance(found, Document) and found.text else ""
    if is_stub("", text):
        return text  # for `clean` to refuse
    return "\n".join(line for line in _drop_related(text.split("\n")) if not _is_for_readers(line))


def _drop_related(lines: list[str]) -> list[str]:
    """Return lines without a list of other articles at their end."""
    read = read_lines(lines)
    for index in reversed(range(1, len(read))):
        if is_paragraph(read[index]):
            break
        if read[index].kind == "related":
            return [line.text for line in read[:index]]
    return lines


def _is_for_readers(line: str) -> bool:
    """Return whether a line is about comments, rights, subscriptions or cookies of the site."""
    if len(line.split()) > MAX_READER_WORDS:
        return False
    return (bool(READER_LINE.search(line)) and not is_report(line)) or is_site_line(line)


def _declared_titles(tree: Any, linked: list[Record]) -> list[str]:
    """Return the titles that the head declares, the best first."""
    titles = [record["title"] for record in linked[:1] if "title" in record]
    titles += [title for name in ("og:title", "twitter:title") if (title := _meta(tree, name))]
    return titles + [_text(title) for title in tree.xpath("//head//title")[:1]]


def _meta(tree: Any, name: str) -> str | None:
    contents = tree.xpath("//meta[@property=$name or @name=$name]/@content", name=name)
    return " ".join(contents[0].split()) or None if contents else None


def _text(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())


def _texts(tree: Any, *tags: str) -> list[str]:
    return [text for element in tree.iter(*tags) if (text := _text(element))]


def _unwrap_layout_tables(tree: Any) -> None:
    """Turn the cells of tables that hold paragraphs, headings or tables into plain blocks."""
    for table in tree.xpath(LAYOUT):
        for element in table.iter(*CELLS):
            element.tag = "div"


def _article_elements(tree: Any, titles: list[str]) -> list[Any]:
    """Return the elements that are an article each, with its headline; none if they are the parts of one."""
    elements = [e for e in tree.xpath("//article[not(ancestor::article)]") if _is_whole(e, "h1", "h2")]
    outside = tree.xpath("//h1[not(ancestor::article)]")
    if any(_text(h1) in title for h1 in outside for title in titles if _text(h1)):
        elements = []
    if len(elements) < 2:
        elements = [e for e in tree.xpath(ARTICLE_LIKE) if _is_whole(e, "h1")]
    return elements if len({_text(next(element.iter("h1", "h2"))) for element in elements}) > 1 else []


def _is_whole(element: Any, *headings: str) -> bool:
    """Return whether an element holds a headline and the text of an article."""
    titles = list(element.iter(*headings))
    n_words = sum(len(_text(paragraph).split()) for paragraph in element.iter("p"))
    return bool(titles) and n_words >= MIN_ARTICLE_WORDS * (1 + _is_link(titles[0]))


def _is_link(element: Any) -> bool:
    """Return whether the whole text of an element is in links."""
    linked = sum(len(_text(link)) for link in element.xpath("self::a | .//a | ancestor::a[1]"))
    return linked >= 0.8 * max(1, len(_text(element)))


def _is_front_page(facts: Record) -> bool:
    """Return whether the address of a page is that of a site as a whole."""
    return bool(facts["url"]) and urlsplit(facts["url"]).path.strip("/") in FRONT_PATHS


def _is_declared_article(tree: Any, linked: list[Record]) -> bool:
    """Return whether metadata says that the page is one article."""
    return len(linked) == 1 or _meta(tree, "og:type") == "article"


def _drop_teasers(tree: Any, declared: list[str]) -> bool:
    """Remove the teasers of articles that the page is not about; return whether there were several."""
    links = [element for element in tree.iter(*HEADINGS, "a") if _is_teaser_title(element)]
    own = [element for element in links if any(_text(element) in title for title in declared)]
    titles = [e for e in links if e not in own and not any(a in links for a in e.iterancestors())]
    n_titles = Counter(ancestor for title in titles for ancestor in title.iterancestors())
    cards = []
    for title in titles:
        card = title
        for ancestor in title.iterancestors():
            headings = [h for h in ancestor.iter(*HEADINGS) if not _is_link(h)]
            if n_titles[ancestor] > 1 or headings or len(_text(ancestor).split()) > MAX_TEASER_WORDS:
                break
            card = ancestor
        cards.append(card)
    if len({_text(title) for title in titles}) < MIN_TEASERS:
        return False
    for card in cards:
        if card.getparent() is not None:
            card.drop_tree()
    return True


def _count_words_of_summaries(tree: Any) -> int:
    """Return the number of words in blocks that end in a link to more; 0 if there are few such blocks."""
    links = [link for link in tree.iter("a") if MORE.fullmatch(_text(link))]
    blocks = [link.getparent() for link in links if link.getparent() is not None and link.getnext() is None]
    counts = [len(_text(block).split()) for block in dict.fromkeys(blocks)]
    return sum(counts) if len(counts) >= MIN_TEASERS else 0


def _is_teaser_title(element: Any) -> bool:
    """Return whether an element is a headline in a link, which stands alone."""
    if len(_text(element).split()) < MIN_TITLE_WORDS or not _is_link(element):
        return False
    if element.tag in HEADINGS or (parent := element.getparent()) is None:
        return True
    beside = "".join([parent.text or "", *(child.tail or "" for child in parent)])
    before, after = element.getprevious(), element.getnext()
    is_line = after is not None and after.tag == "br" and (before is None or before.tag == "br")
    around = [element.tail, parent.text if before is None else before.tail]
    return not beside.strip() or (is_line and not any((text or "").strip() for text in around))


def _read_facts(tree: Any) -> Record:
    """Return address and time of publication, from metadata, JSON-LD and `<time>` alone."""
    import trafilatura

    page, head = tree.makeelement("html"), tree.makeelement("head")
    page.append(head)
    for element in tree.xpath("//meta | //link[@rel='canonical'] | //script[contains(@type, 'ld+json')]"):
        name = f"{element.get('property', '')} {element.get('name', '')} {element.get('itemprop', '')}"
        is_date = DATE_NAME.search(name) and not NOT_PUBLISHED.search(name)
        if element.tag != "meta" or is_date or "og:url" in name:
            head.append(deepcopy(element))
    body = page.makeelement("body")
    page.append(body)
    for time in tree.xpath("(//article | //main | //body)//time[@datetime]")[:1]:
        body.append(time.makeelement("time", datetime=time.get("datetime")))
    found = trafilatura.extract_metadata(page, date_config={"extensive_search": False, "original_date": True})
    return {"url": found.url, "published": found.date}
