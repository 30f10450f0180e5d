"""Names of columns: spelling variants, the user's choice, two columns of one meaning, and the notes."""

import pytest

from newsdesk.base.columns import Columns
from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import column_aliases
from newsdesk.readers.column_aliases import ALIASES, map_header, plain_name, printable
from newsdesk.readers.column_notes import ColumnNotes
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord, parse_record
from newsdesk.readers.refusals import Provenance, RefusalError

PROVENANCE = Provenance("desk", "news.jsonl")


def options(carry: tuple[str, ...] = (), **columns: str) -> ReadOptions:
    return ReadOptions(carry=carry, columns=Columns(**columns))


def row_of(record: dict[str, object], **columns: str) -> Article | Refusal:
    return parse_record(RawRecord(1, record), PROVENANCE, options(**columns))


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("title", "TITLE"),
        ("title", " Title "),
        ("title", '"title"'),
        ("title", "title\u200f"),
        ("title", "\u202btitle\u202c"),
        ("title", "\ufeff\ufefftitle"),
        ("title", "ti\u200dtle"),
        ("title", "ｔｉｔｌｅ"),
        ("title", "Head-Line"),
        ("text", "fullText"),
        ("text", "Full Text"),
        ("text", "articleBody"),
        ("published", "publishedAt"),
        ("published", "pubDate"),
        ("title", "العُنـــوان"),
        ("title", "عنوان"),
        ("title", "العنوان "),
        ("text", "نصّ المقالة"),
        ("text", "نص المقاله"),
        ("text", "المحتوي"),
        ("text", "المحتوى"),
        ("published", "التاريخ"),
        ("source", "المصدر"),
        ("url", "الرابط"),
    ],
)
def test_spelling_variants_of_a_name(field: str, name: str) -> None:
    names = [name] if field == "text" else [name, "text"]
    assert map_header(names, options()).fields[field] == (name,)


@pytest.mark.parametrize("name", ["_id", "subtitle", "id2", "texts", "العناوين", "#", ""])
def test_other_names_mean_nothing(name: str) -> None:
    assert set(map_header([name, "text"], options()).fields) == {"text"}


def test_a_name_means_one_field() -> None:
    plain = [plain_name(name) for names in ALIASES.values() for name in names]
    assert len(plain) == len(set(plain))


@pytest.mark.parametrize(
    ("names", "chosen", "detail"),
    [
        (["id", "tit\u200fle"], {}, "among: id, tit\\u200fle; name it with --text-column"),
        (
            ["text", "content"],
            {},
            "several columns mean the text: text, content; name one with --text-column",
        ),
        (["text", "title", "العنوان"], {}, "the title: title, العنوان; name one with --title-column"),
        (["text", "id", "article_id"], {}, "the article_id: id, article_id; name one with --id-column"),
        (["text", "url", "link"], {}, "the url: url, link; rename or remove one"),
        (["text"], {"title_column": "head"}, "no column head (--title-column) among: text"),
        (["text", "a", "a"], {"title_column": "a"}, "the title: a, a; rename or remove one"),
    ],
)
def test_headers_that_are_refused(names: list[str], chosen: dict[str, str], detail: str) -> None:
    with pytest.raises(RefusalError) as caught:
        map_header(names, options(**chosen))
    assert caught.value.detail.endswith(detail)


@pytest.mark.parametrize(
    ("names", "chosen", "found"),
    [
        (["text", "content"], {"text_column": "content"}, {"text": "content"}),
        (["title", "Title", "text"], {"title_column": "Title"}, {"title": "Title", "text": "text"}),
        (["text", "body"], {"title_column": "text"}, {"title": "text", "text": "body"}),
        (["url", "text"], {"id_column": "URL"}, {"article_id": "url", "url": "url", "text": "text"}),
        (["Überschrift", "text"], {"title_column": "überschrift "}, {"title": "Überschrift", "text": "text"}),
    ],
)
def test_the_choice_of_the_user_decides(
    names: list[str], chosen: dict[str, str], found: dict[str, str]
) -> None:
    fields = map_header(names, options(**chosen)).fields
    assert {field: name for field, (name,) in fields.items()} == found


def test_two_columns_that_are_carried_under_one_name_are_an_error() -> None:
    with pytest.raises(RefusalError, match="several columns mean the desk: Desk, DESK"):
        map_header(["text", "Desk", "DESK"], options(carry=("desk",)))
    assert map_header(["text", "Desk", "desk"], options(carry=("desk",))).carried == {"desk": ("desk",)}


@pytest.mark.parametrize(
    ("record", "title"),
    [
        ({"title": "أول", "headline": None}, "أول"),
        ({"title": " ", "headline": "ثان"}, "ثان"),
        ({"title": "أول", "headline": "أول"}, "أول"),
        ({"title": "أول", "headline": {"main": "ثان"}}, "أول"),
    ],
)
def test_keys_of_one_meaning_that_do_not_differ(record: dict[str, object], title: str) -> None:
    row = row_of({"text": "نص", **record})
    assert isinstance(row, Article)
    assert row.title == title


def test_keys_of_one_meaning_that_differ_are_refused() -> None:
    row = row_of({"text": "نص", "title": "أول", "Title": "ثان"})
    assert isinstance(row, Refusal)
    assert row.detail == "several columns mean the title: title, Title; name one with --title-column"
    chosen = row_of({"text": "نص", "title": "أول", "Title": "ثان"}, title_column="Title")
    assert isinstance(chosen, Article)
    assert chosen.title == "ثان"


def test_a_choice_goes_before_the_keys_of_a_public_corpus() -> None:
    record = {"source": "s", "url": "u", "date_extracted": "2015-07-21", "content": "نص", "lead": "مقدمة"}
    row = row_of(record, text_column="lead")
    assert isinstance(row, Article)
    assert (row.text, row.article_id) == ("مقدمة", "s:u")


def test_names_without_end_are_not_remembered() -> None:
    before = column_aliases._find_columns.cache_info().currsize
    row_of({"text": "نص", **{f"k{n}": n for n in range(300)}})
    row_of({"text": "نص", "k" * 20_000: 1})
    assert column_aliases._find_columns.cache_info().currsize == before


@pytest.mark.parametrize(
    ("names", "printed"),
    [
        (["id", "title", "text"], ""),
        (["article_id", "title", "text", "label"], ""),
        (["text"], ""),
        (["id", "body", "headline"], "columns: text=body, title=headline, id=id (a.csv)\n"),
        (["text", "label"], "columns: text=text, no title, not used: label (a.csv)\n"),
        (["text", "title\u200f"], "columns: text=text, title=title\\u200f (a.csv)\n"),
    ],
)
def test_a_mapping_is_printed_once_unless_it_goes_without_saying(
    names: list[str], printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    note_columns = ColumnNotes()
    for _ in range(2):
        note_columns(map_header(names, options()), "a.csv")
    assert capsys.readouterr().err == printed


def test_a_note_fits_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["text", *(f"another column {n}" for n in range(30))]
    ColumnNotes()(map_header(names, options()), "archive/of/a/newspaper/2024-01-01.csv")
    assert all(len(line) <= 80 for line in capsys.readouterr().err.splitlines())


def test_invisible_characters_are_escaped() -> None:
    assert printable("a\u200fب\t\x7f\U000e0001") == r"a\u200fب\x09\x7f\U000e0001"
