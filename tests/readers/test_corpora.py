"""The settings of a corpus: fields composed of columns, layouts of files, and what is left out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from newsdesk.base.columns import Corpus, find_corpus
from newsdesk.base.schema import Article, Refusal
from newsdesk.base.settings import read_settings
from newsdesk.readers import read
from newsdesk.readers.formats.layouts import is_headline
from tests import ROOT

from .conftest import SECTIONS, Rows, reasons

TEXT = "افتتح الوزير جسراً جديداً فوق النهر.\n\nويبلغ طول الجسر كيلومترين."
TITLE = "جسر جديد فوق النهر"
PUBLIC = read_settings(ROOT / "profiles/public/params.yaml").corpora
ReadFolder = Callable[..., Rows]


@pytest.fixture
def read_folder(tmp_path: Path) -> ReadFolder:
    """Write the files of a folder and read it with the settings of corpora."""

    def read_files(name: str, files: dict[str, str | bytes], corpora: dict[str, Corpus]) -> Rows:
        for file, content in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(read([tmp_path / name], sections=SECTIONS, corpora=corpora))

    return read_files


def item(**fields: str) -> str:
    tags = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
    return f'<rss version="2.0"><channel><title>x</title><item>{tags}</item></channel></rss>'


def csv(**fields: str) -> str:
    cells = (f'"{value}"' for value in fields.values())
    return f"{','.join(fields)}\n{','.join(cells)}\n"


DOC = (
    "<DOC>\n<DOCNO>JA-1</DOCNO>\n<URL>http://a.example/1</URL>\n<SRC>Radio</SRC>\n<CAT>sport</CAT>\n"
    f"<TITLE>{TITLE}</TITLE>\n<TIME>02/05/2016</TIME>\n<ABSTRACT>\n</ABSTRACT>\n<TEXT>\n{TEXT}\n</TEXT>\n</DOC>\n"
)
LIST = [TEXT.partition("\n")[0], TEXT.rpartition("\n")[2]]
LINES = f"content: []\ncontent: {LIST}\n"
LINK = {"link": "https://n.example/a/1", "title": TITLE, "description": TEXT}
DATED = "الجمعة 02 أكتوبر 2020 - 16:00"
CSVS = {
    "hespress": csv(id="ab1", title=TITLE, date=DATED, story=TEXT, topic="sport"),
    "aljazirah_online": csv(url="https://z.example/2022/08/03/7/", title=TITLE, author="مقدمة.", content=TEXT),
    "fatabyyano": csv(
        **{"Title": TITLE, "Link": "l1", "Date": "2024-04-12T12:00:00", "Fake News": "x", "Fact News": TEXT}
    ),
    "misbar": csv(
        Title=TITLE, Date="13 أبريل 2024", URL="u1", Content="Content or Correction not available", Correction=TEXT
    ),
}  # fmt: skip
# by corpus and file: the content, the source, the key, and whether there is a title and a date
LAYOUTS: dict[tuple[str, str], tuple[str | bytes, str, str, str, str | None]] = {
    ("jawharafm", "sport/JA-1.txt"): (DOC, "jawharafm", "http://a.example/1", TITLE, "2016-05-02"),
    ("hespress", "a.csv"): (CSVS["hespress"], "hespress", "hespress:ab1", TITLE, "2020-10-02"),
    ("hespress_texts", "culture/3.txt"): (
        f"{TITLE} \n\n {TEXT}", "hespress", "vulca1n:hespress/culture/3.txt", TITLE, None,
    ),
    ("alkhaleej", "Tech/01.txt"): (TEXT, "alkhaleej", "khaleej:Khaleej/Tech/01.txt", "", None),
    ("panarab2012", "رياضية/AE1.txt"): (
        f"\r\n{TITLE}\r\n\r\n{TEXT}\r\n\0".encode("cp1256"), "panarab2012_unnamed", "panarab2012:رياضية/AE1", TITLE, None,
    ),
    ("aljazirah_online", "a.csv"): (
        CSVS["aljazirah_online"], "aljazirah_online", "https://z.example/2022/08/03/7/", TITLE, "2022-08-03",
    ),
    ("febrayer", "feb.txt"): (LINES, "febrayer", "feb:1", "", None),
    ("ahdath_info", "a.json"): (
        json.dumps([{"content": ["AHDATH.INFO - متابعة", " ", *LIST]}]), "ahdath_info", "ahd22:0", "", None,
    ),
    ("alriyadh", "a.csv"): (csv(T_AID="81", T_Text=f"\n{TEXT}"), "alriyadh", "alriyadh:81", "", None),
    ("feeds_2025", "95.xml"): (item(**LINK), "alyaum", "https://n.example/a/1", TITLE, None),
    ("feeds_2025", "aps-sport-ar.xml"): (item(**LINK), "aps_dz", "https://n.example/a/1", TITLE, None),
    ("feeds_2025", "feed.xml"): (item(**LINK), "ennaharonline_com", "https://n.example/a/1", TITLE, None),
    ("echorouk", "echorouk.json"): (
        json.dumps([{"title": TITLE, "content": TEXT, "pub_date": "2025/03/22", "url": "https://e.example/1"}]),
        "echorouk", "https://e.example/1", TITLE, "2025-03-22",
    ),
    ("akhbarona", "a.csv"): (
        csv(source="S", title="أخبار", full_text=f"أخبارنا المغربية : {TEXT}"), "akhbarona", "sanad-kb:0", "", None,
    ),
    ("fatabyyano", "a.csv"): (CSVS["fatabyyano"], "fatabyyano", "l1", TITLE, "2024-04-12"),
    ("misbar", "a.csv"): (CSVS["misbar"], "misbar", "u1", TITLE, "2024-04-13"),
    ("hespress_agadir24", "t1_Hespres_x.txt"): (TEXT, "hespress_2025", "elalami:t1_Hespres_x.txt", "", None),
    ("hespress_agadir24", "f1_agadir24_x.txt"): (TEXT, "agadir24", "elalami:f1_agadir24_x.txt", "", None),
}  # fmt: skip


@pytest.mark.parametrize(("corpus", "file"), LAYOUTS)
def test_the_corpora_of_the_public_profile(read_folder: ReadFolder, corpus: str, file: str) -> None:
    content, source, key, title, published = LAYOUTS[corpus, file]
    article = read_folder(corpus, {file: content}, PUBLIC)[-1]
    assert isinstance(article, Article)
    assert (article.source, article.key, article.article_id, article.title) == (source, key, key, title)
    text = article.text.removeprefix("مقدمة.\n")
    assert "\n".join(line for line in text.splitlines() if line) == "\n".join(LIST)
    assert (article.published and f"{article.published:%Y-%m-%d}") == published
    assert (article.kind, article.region, article.topic) == ("article", None, None)


def test_each_entry_of_the_public_profile_is_tested() -> None:
    found = {next(iter(k for k in PUBLIC if PUBLIC[k] is find_corpus(PUBLIC, *case))) for case in LAYOUTS}
    assert found == set(PUBLIC)


def test_other_articles_and_files_of_a_corpus_are_refused(read_folder: ReadFolder) -> None:
    other = csv(source="S", title="أخبار", full_text=TEXT)
    assert reasons(read_folder("akhbarona", {"a.csv": other}, PUBLIC)) == ["not_selected"]
    (refusal,) = read_folder("feeds_2025", {"hhe.xml": item(**LINK)}, PUBLIC)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.position) == ("not_selected", 0)
    assert refusal.detail == "no entry of `corpora` in the settings matches the file"


def test_a_field_of_a_missing_column_is_a_refusal(read_folder: ReadFolder) -> None:
    corpora = {"desk": Corpus(fields={"key": "a:{number}"})}
    (refusal,) = read_folder("desk", {"a.jsonl": json.dumps({"text": TEXT})}, corpora)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.detail.partition(",")[0]) == ("missing_column", "no column number")


def test_lines_that_are_no_lists_are_refused_by_themselves(read_folder: ReadFolder) -> None:
    corpora = {"desk": Corpus(layout="python_lists", fields={"text": "{content}", "key": "f:{index}"})}
    content = f"content: ['{TITLE}',\ncontent: {{}}\n\n{LINES}content: ".encode() + b"['\xff']\n"
    rows = read_folder("desk", {"a.txt": content}, corpora)
    assert reasons(rows) == ["bad_record", "bad_record", "ok", "ok", "bad_encoding"]
    assert [row.key for row in rows if isinstance(row, Article)] == ["f:3", "f:4"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (TITLE, True), ("ماذا يجري في المدينة؟", True), ("أفق", False), ("قال وزير الثقافة:", False),
        ("افتتح الوزير جسراً جديداً.", False), ("كلمة " * 30, False), ("", False),
    ],
)  # fmt: skip
def test_headlines(line: str, expected: bool) -> None:
    assert is_headline(line) is expected


def test_columns_of_an_entry_go_before_the_others(read_folder: ReadFolder) -> None:
    content = json.dumps({"a": TEXT, "b": "آخر", "title": TITLE})
    (row,) = read_folder("desk", {"a.jsonl": content}, {"desk": Corpus(text_column="a"), "x/*": Corpus()})
    assert isinstance(row, Article)
    assert (row.text, row.title, row.source) == (TEXT, TITLE, "desk")
