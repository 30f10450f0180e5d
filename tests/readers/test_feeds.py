"""RSS, Atom and RDF: full contents are articles, summaries teasers, and nothing is lost in a broken feed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newsdesk.base.schema import Article
from newsdesk.readers import Limits

from .conftest import ReadBytes, reasons

ITEM = "<item><title>{title}</title><description>{text}</description></item>"
RSS = """<?xml version="1.0" encoding="windows-1256"?>
<?xml-stylesheet href="a.xsl"?><!-- feed -->
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>صحيفة الوادي</title>
<item><title>افتتاح &lt;b&gt;متحف&lt;/b&gt; البحر</title><link>https://alwadi.example/7</link><guid>alwadi-7</guid>
<pubDate>Tue, 05 Mar 2024 10:00:00 +0300</pubDate><description>موجز الخبر</description>
<content:encoded><![CDATA[<style>p{color:red}</style><p>افتتحت المدينة متحف البحر&nbsp;أمس.</p>
<figure><img src="a.jpg"><figcaption>صورة</figcaption></figure><p>وقالت المديرة: «الزيارة<br>مجانية».</p>]]></content:encoded></item>
<item><title>نهر الوادي يفيض</title><description>&lt;p&gt;فاض النهر بعد المطر.&lt;/p&gt;</description></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>صحيفة</title><entry><id>tag:a,2024:1</id>
<title type="text">1 &lt; 2 في الحساب</title><updated>2024-03-05T10:00:00Z</updated>
<link rel="alternate" href="https://a.example/1"/><content type="text">ثلاثة &lt; أربعة</content></entry>
<entry><title>خبر</title><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>نص</p><p>ثان</p></div></content>
</entry><entry><title>موجز</title><summary>سطر واحد</summary></entry></feed>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>وكالة</title></channel><item rdf:about="https://a.example/1">
<title>عنوان</title><link>https://a.example/1</link><description>نص الموجز</description><dc:date>2024-03-05</dc:date></item></rdf:RDF>"""


def feed(*items: str, end: str = "</channel></rss>") -> bytes:
    return f'<rss version="2.0"><channel>{"".join(items)}{end}'.encode()


@pytest.mark.parametrize("name", ["feed.xml", "feed.txt", "feed.json", "feed"])
def test_rss(read_bytes: ReadBytes, name: str) -> None:
    full, summary = read_bytes(RSS.encode(), name)
    assert isinstance(full, Article)
    assert (full.kind, full.article_id, full.url) == ("article", "alwadi-7", "https://alwadi.example/7")
    assert full.title == "افتتاح متحف البحر"
    assert full.text == "افتتحت المدينة متحف البحر أمس.\nوقالت المديرة: «الزيارة\nمجانية»."
    assert full.published == datetime(2024, 3, 5, 7, tzinfo=UTC)
    assert isinstance(summary, Article)
    assert (summary.kind, summary.text, summary.position) == ("teaser", "فاض النهر بعد المطر.", 2)


def test_atom_and_rdf(read_bytes: ReadBytes) -> None:
    plain, xhtml, summary = read_bytes(ATOM.encode(), "a.xml")
    assert isinstance(plain, Article)
    assert (plain.title, plain.text, plain.kind) == ("1 < 2 في الحساب", "ثلاثة < أربعة", "article")
    assert (plain.article_id, plain.url) == ("tag:a,2024:1", "https://a.example/1")
    assert plain.published == datetime(2024, 3, 5, 10, tzinfo=UTC)
    assert [(row.text, row.kind) for row in (xhtml, summary)] == [
        ("نص\nثان", "article"),
        ("سطر واحد", "teaser"),
    ]  # type: ignore[union-attr]
    (item,) = read_bytes(RDF.encode(), "a.rdf")
    assert isinstance(item, Article)
    assert (item.title, item.kind, item.published) == ("عنوان", "teaser", datetime(2024, 3, 5, tzinfo=UTC))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1256"])
def test_the_encoding_is_detected_whatever_is_declared(read_bytes: ReadBytes, encoding: str) -> None:
    assert [row.text for row in read_bytes(RSS.encode(encoding), "a.xml")][1] == "فاض النهر بعد المطر."  # type: ignore[union-attr]


def test_entities_are_not_expanded(read_bytes: ReadBytes) -> None:
    entities = "".join(f'<!ENTITY e{k} "{f"&e{k - 1};" * 10}">' for k in range(1, 12))
    doctype = f'<!DOCTYPE rss [<!ENTITY e0 "bomb"><!ENTITY f SYSTEM "file:///etc/passwd">{entities}]>'
    item = ITEM.format(title="خبر", text="نص &e11; &f; نص")
    rows = read_bytes(f'<?xml version="1.0"?>{doctype}'.encode() + feed(item), "a.xml")
    assert reasons(rows) == ["ok"]
    assert len(rows[0].text) < 100  # type: ignore[union-attr]
    assert "root:" not in rows[0].text  # type: ignore[union-attr]


def test_a_feed_that_is_no_xml_is_read(read_bytes: ReadBytes) -> None:
    items = [ITEM.format(title=f"خبر & {k}", text="نص &nbsp; <b>نص</i>") for k in range(3)]
    assert reasons(read_bytes(feed(*items), "a.xml")) == ["ok"] * 3


def test_the_entry_that_is_cut_is_refused(read_bytes: ReadBytes) -> None:
    items = [ITEM.format(title=f"خبر {k}", text="نص الخبر كاملاً") for k in range(3)]
    for end in ("<item><title>خبر</title><description>نص الخبر", "<item><title>خبر</title>", ""):
        rows = read_bytes(feed(*items, end=end), "a.xml")
        assert reasons(rows) == ["ok"] * 3 + ["truncated"]
        assert rows[-1].detail == "the feed ends early, after 3 entries"  # type: ignore[union-attr]


def test_control_characters_are_no_fault(read_bytes: ReadBytes) -> None:
    item = ITEM.format(title="خبر &amp;lt;b>", text="<![CDATA[<p>نص&#1;\x02</p>]]>")
    assert reasons(read_bytes(feed(item), "a.xml")) == ["ok"]


def test_feeds_without_entries_and_long_feeds_are_refused(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(feed(), "a.xml")) == ["empty_file"]
    item = ITEM.format(title="خبر", text="نص " * 1000)
    assert reasons(read_bytes(feed(item), "a.xml", Limits(max_line_bytes=3000))) == ["field_too_large"]
