"""The formats of the public corpora, with invented records."""

import io
import json
import zipfile
from datetime import UTC, datetime

from newsdesk.base.schema import Article

from .conftest import ReadBytes, reasons

ALMAYADEEN = {
    "url": "https://news.example/a/1",
    "postId": "771",
    "title": "زلزال خفيف يضرب الساحل",
    "published_time": "2023-05-01T02:00:00+02:00",
    "full_text": "سجلت محطة الرصد هزة خفيفة\r\nولم تقع أضرار.",
    "classes": [
        {"key": "class1", "mapping": "posttype", "value": "أخبار"},
        {"key": "class2", "mapping": "category", "value": "سياسة"},
        {"key": "class3", "mapping": "country", "value": "تركيا"},
    ],
}
SAUDINEWSNET = {
    "source": "alwadi",
    "url": "http://alwadi.example/7",
    "date_extracted": "2015-07-21 02:51:32",
    "title": "أمطار على المرتفعات",
    "author": "",
    "content": "هطلت أمطار متوسطة.",
}


def test_almayadeen(read_bytes: ReadBytes) -> None:
    rows = read_bytes(
        json.dumps([ALMAYADEEN, {**ALMAYADEEN, "postId": "772", "classes": []}]).encode(), "a.json"
    )
    assert rows[0] == Article(
        article_id="almayadeen:771",
        source="almayadeen",
        title="زلزال خفيف يضرب الساحل",
        text="سجلت محطة الرصد هزة خفيفة\nولم تقع أضرار.",
        key="771",
        url="https://news.example/a/1",
        published=datetime(2023, 5, 1, tzinfo=UTC),
        section="سياسة",
        country="تركيا",
        file="a.json",
        position=1,
    )
    assert isinstance(rows[1], Article)
    assert (rows[1].article_id, rows[1].section, rows[1].country) == ("almayadeen:772", None, None)


def test_almayadeen_with_odd_classes(read_bytes: ReadBytes) -> None:
    odd = {**ALMAYADEEN, "classes": [None, {"mapping": ["country"]}, {"mapping": "country", "value": 5}]}
    assert reasons(read_bytes(json.dumps([{**ALMAYADEEN, "classes": "x"}, odd]).encode(), "a.json")) == [
        "ok",
        "ok",
    ]


def test_saudinewsnet_in_a_zip(read_bytes: ReadBytes) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("2015-07-21.json", json.dumps([SAUDINEWSNET]))
    assert read_bytes(packed.getvalue(), "2015-07-21.zip") == [
        Article(
            article_id="alwadi:http://alwadi.example/7",
            source="alwadi",
            title="أمطار على المرتفعات",
            text="هطلت أمطار متوسطة.",
            key="http://alwadi.example/7",
            url="http://alwadi.example/7",
            published=datetime(2015, 7, 21, 2, 51, 32, tzinfo=UTC),
            file="2015-07-21.zip/2015-07-21.json",
            position=1,
        )
    ]
