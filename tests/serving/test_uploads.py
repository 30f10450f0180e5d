"""Files that are read over HTTP: the articles of the readers, and limits."""

import gzip
import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from newsdesk.readers import read
from newsdesk.serving.schemas import MAX_ARTICLES, MAX_CHARACTERS, ArticlesOut
from newsdesk.serving.uploads import MAX_ROWS
from tests import ROOT

from .conftest import starter

BYTES = {"content-type": "application/octet-stream"}
PAGE = ROOT / "data/starter/pages/page-03.txt"


def upload(client: TestClient, content: str | bytes, name: str = "") -> dict[str, Any]:
    response = client.post("/read", params={"name": name}, content=content, headers=BYTES)
    assert response.status_code == 200
    ArticlesOut.model_validate(response.json())
    return dict(response.json())


def test_saved_page_gives_its_articles_without_teasers(client: TestClient) -> None:
    answer = upload(client, PAGE.read_bytes())
    rows = [row for row in read([PAGE], sections=()) if getattr(row, "kind", "") == "article"]
    assert [(a["title"], a["text"]) for a in answer["articles"]] == [(row.title, row.text) for row in rows]
    assert len(rows) == 2
    assert answer["left_out"] == {"teaser": 4}


def test_articles_read_are_accepted_by_predict(client: TestClient) -> None:
    articles = starter(5)
    lines = "\n".join(json.dumps(article) for article in articles)
    answer = upload(client, lines)
    assert [a["text"] for a in answer["articles"]] == [a["text"] for a in articles]
    assert client.post("/predict", json={"articles": answer["articles"]}).status_code == 200


@pytest.mark.parametrize(
    ("content", "texts", "left_out"),
    [
        ("title,text\nعنوان,نص\n".encode("cp1256"), ["نص"], {}),
        ("عنوان\nنص الخبر", ["نص الخبر"], {}),
        (b'{"text": "a"}\nno JSON\n{"title": "b"}', ["a"], {"bad_record": 1, "missing_column": 1}),
        (json.dumps({"text": "x" * (MAX_CHARACTERS + 1)}), [], {"field_too_large": 1}),
        ("ا" + "\u0301\u0316" * 40, ["ا" + "\u0301\u0316" * 40], {}),
        (b"", [], {"empty_file": 1}),
        (b"%PDF-1.4\n" + bytes(range(256)), [], {"unknown_format": 1}),
    ],
)
def test_rows_that_cannot_be_read_are_counted(
    client: TestClient, content: str | bytes, texts: list[str], left_out: dict[str, int]
) -> None:
    answer = upload(client, content)
    assert [article["text"] for article in answer["articles"]] == texts
    assert (answer["left_out"], answer["complete"]) == (left_out, True)


@pytest.mark.parametrize(("row", "n_articles"), [('{"text": "x"}\n', MAX_ARTICLES), ('{"title": "x"}\n', 0)])
def test_only_the_start_of_a_long_file_is_read(client: TestClient, row: str, n_articles: int) -> None:
    answer = upload(client, row * (MAX_ROWS + 1))
    assert (len(answer["articles"]), answer["complete"]) == (n_articles, False)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "رمز,كلام\n1,خبر\n2,خبر\n"),
        ("T.CSV", "code;words\r\n1;خبر\r\n".encode("cp1256")),
        ("جدول.tsv", "code\twords\n1\tخبر\n"),
    ],
)
def test_a_table_without_a_known_column_is_no_article(
    client: TestClient, name: str, content: str | bytes
) -> None:
    answer = upload(client, content, name)
    assert (answer["articles"], answer["left_out"]) == ([], {"missing_column": 1})
    header = (content if isinstance(content, str) else content.decode("cp1256")).split()[0]
    assert all(column in answer["details"]["missing_column"] for column in re.split("[,;\t]", header))


def test_archive_is_refused(client: TestClient) -> None:
    response = client.post("/read", content=gzip.compress(PAGE.read_bytes()), headers=BYTES)
    assert (response.status_code, response.json()["details"][0]["type"]) == (422, "container")


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data"])
def test_other_content_types_are_refused(client: TestClient, kind: str) -> None:
    response = client.post("/read", content=b"x", headers={"content-type": kind})
    assert (response.status_code, response.json()["error"]) == (415, "not_json")
