"""HTML within titles and texts: what is removed, and that nothing else is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.inference.text import repair_text

POST = (
    '<style type="text/css">.ad{width:320px}@media(min-width:500px){.ad{width:468px}}</style>'
    '<figure class="wp-block-image"><img src="https://example.org/a.jpg" alt="" '
    'srcset="https://example.org/a.jpg 1024w, https://example.org/b.jpg 300w" sizes="(max-width: 9px)" /></figure>'
    '<p style="text-align: justify;"><span style="font-size: 14pt;">افتتح الوزير المعرض.</span></p>'
    "<script>if (a < b && c > d) { document.write('<p>مخفي</p>'); }</script>"
    "<p>وقال&nbsp;إن الأسعار &laquo;مستقرة&raquo;.</p>"
)
PLAIN = "افتتح الوزير المعرض.\nوقال\u00a0إن الأسعار «مستقرة»."


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@pytest.mark.parametrize("times", range(4))
def test_a_post_is_read_without_its_markup_however_often_it_was_escaped(times: int) -> None:
    post = POST
    for _ in range(times):
        post = escaped(post)
    assert repair_text(post) == PLAIN


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("<p>أول</p><p>ثان<br>ثالث</p>", "أول\nثان\nثالث"),  # paragraphs stay apart
        ("<P> أول </P>\n\n <DIV>ثان</DIV >", "أول\nثان"),
        ("كل<b>مة</b> و<a href='x'>رابط</a>", "كلمة ورابط"),
        ("سعيد<img class=emoji alt=':)'>جدا", "سعيد جدا"),
        ("<!-- wp:paragraph --><p>نص</p><!-- /wp -->", "نص"),
        ("<![CDATA[<p>نص</p>]]>", "نص"),
        ("<!DOCTYPE html><html><body hidden data-x>نص</body></html>", "نص"),
        ("<o:p></o:p>نص<amp-img src=x></amp-img>", "نص"),
        ("<svg viewBox='0'><title>s</title><path d='M'/></svg>نص", "نص"),
        ('<img alt="أ > ب" src=x>نص', "نص"),
        ('<img alt="دار "الكتب" أمس" src=x>نص', "نص"),  # quotes that were not escaped
        ('<figure data-caption="<p>وصف</p>" class="x">نص</figure>', "نص"),
        ('<a href="x>أول</a> ثان <b class="y">ثالث</b>', "أول ثان ثالث"),  # a quote that is not closed
        ('نص <img src="http://example.org/a', "نص"),  # cut off
        ("<style>.a{color:red} نص", "نص"),
        ("نص <!-- بلا نهاية", "نص  بلا نهاية"),
    ],
)
def test_markup_is_removed(text: str, repaired: str) -> None:
    assert repair_text(text) == repaired


@pytest.mark.parametrize(
    "text",
    [
        "5 < 6 و 7 > 3",
        "<<اقتباس>> و<نص>",
        "فيلم <The Post> يفوز",
        "a <b and c> d",
        "x<y && y>z",
        "سعره <5 دنانير",
        "]]> <!- -> <",
        "?a=1&copy=2&lt=3",
        "R&D AT&T &unknown; &#; &;",
    ],
)
def test_what_is_no_markup_stays(text: str) -> None:
    assert repair_text(text) == text


@pytest.mark.parametrize(
    "entity",
    ["&quot;", "&amp;quot;", "&#34;", "&#x22;", "&amp;amp;#34;", "&#38;#x26;amp;quot;", "&#34", "&quot"],
)
def test_entities_are_decoded_to_the_end(entity: str) -> None:
    assert repair_text(f"قال{entity} نعم") == 'قال" نعم'


@pytest.mark.parametrize(
    "text",
    [
        "&" + "amp;" * 100_000 + "lt;",
        "&amp;" * 100_000,
        "&#" * 50_000 + "53;" * 50_000,
        "<style" * 100_000,
        "<style>" * 100_000,
        "<!--" * 100_000,
        "<p a='" * 100_000,
        "<p a='<p b=\"' c=\" d='" * 20_000,
        "<div>" * 100_000 + "</div>" * 100_000,
        "<" * 300_000,
        "<p" + " " * 300_000,
        " " * 300_000 + "<br>" + " " * 300_000,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_ends(text: str) -> None:
    """Quadratic time would be hours."""
    repair_text(text)


WORDS = st.text("ابتثج", min_size=1, max_size=5).map(" {} ".format)
MARKUP = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<br/>",
        "<b>",
        "<a href='x>y'>",
        '<img alt="" src=x>',
        '<a title="x>',
        "<x>",
        *"<>\"'/&",
        "&amp;",
    ]
)


@given(st.lists(WORDS | MARKUP, max_size=25), st.sampled_from(["", "<p", '<img src="x', "<a href='x' "]))
def test_no_word_outside_of_tags_is_lost(pieces: list[str], cut_off: str) -> None:
    text = "".join([*pieces, cut_off])
    assert re.findall("[ء-ي]+", repair_text(text)) == re.findall("[ء-ي]+", text)
    if not {"<", "&"} & set(text):
        assert repair_text(text) == text.strip()
