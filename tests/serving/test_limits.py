"""Requests that are refused, each with its status and a message that names the field."""

import gzip
import json

import pytest
from fastapi.testclient import TestClient

from newsdesk.serving.limits import MAX_BYTES
from newsdesk.serving.schemas import MAX_ARTICLES, MAX_CHARACTERS, STATUS_CODES, ErrorOut

from .conftest import JSON

UTF_16_AND_32 = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


def many(n: int) -> str:
    return json.dumps({"articles": [{"text": "x"}] * n})


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        ("", 400, "Field required"),
        ("{", 400, "JSON decode error"),
        ("[" * 100_000, 400, "parsing the body"),
        (b'{"text": "\xff"}', 400, "the body is not UTF-8 at byte 10; send JSON in UTF-8"),
        *(('{"text": "خبر"}'.encode(code), 400, "in UTF-16 or UTF-32; send JSON in UTF-8") for code in UTF_16_AND_32),
        (f'{{"text": {"9" * 5000}}}', 400, "parsing the body"),
        (r'{"text": "\ud800"}', 400, "text: Input should be a valid string, unable to parse raw data as a unicode"),
        (r'{"article_id": "\udfff", "text": ""}', 400, "article_id: Input should be a valid string"),
        (r'{"text": "a\u0000b"}', 400, "text: holds a NUL character"),
        ("[]", 422, "valid dictionary"),
        ("null", 422, "valid dictionary"),
        ("NaN", 422, "valid dictionary"),
        ("{}", 422, "text: Field required"),
        ('{"text": 5}', 422, "text: Input should be a valid string"),
        ('{"articles": {}}', 422, "articles: Input should be a valid list"),
        ('{"articles": [{"text": ""}, {"title": ""}]}', 422, "articles.1.text: Field required"),
        ('{"text": "", "body": ""}', 422, "body: Extra inputs are not permitted"),
        (r'{"text": "", "\ud800": ""}', 400, "unable to parse raw data as a unicode string"),
        ('{"text": "", "explain": "perhaps"}', 422, "explain: Input should be a valid boolean"),
        ('{"text": "", "top": 0}', 422, "top: Input should be greater than or equal to 1"),
        ('{"text": "", "profile": "bold"}', 422, "profile: Input should be 'balanced'"),
        (many(MAX_ARTICLES + 1), 422, "articles: List should have at most 1000 items"),
        (many(51)[:-1] + ', "explain": true}', 422, "explain: at most 50 articles"),
        (json.dumps({"text": "x" * (MAX_CHARACTERS + 1)}), 422, "text: String should have at most 100000"),
        (b" " * (MAX_BYTES + 1), 413, "the body is larger than 8,388,608 bytes"),
    ],
)  # fmt: skip
def test_invalid_request_is_refused_with_a_reason(
    client: TestClient, content: str | bytes, status: int, message: str
) -> None:
    response = client.post("/predict", content=content, headers=JSON)
    error = ErrorOut.model_validate(response.json())
    assert (response.status_code, error.error) == (status, STATUS_CODES[status])
    assert message in error.message


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json; charset=utf-16"])
def test_other_content_types_are_refused(client: TestClient, kind: str) -> None:
    response = client.post("/predict", content='{"text": ""}', headers={"content-type": kind})
    assert (response.status_code, response.json()["error"]) == (415, "not_json")


@pytest.mark.parametrize(
    "kind",
    ['application/json; charset="UTF-8"', "Application/JSON;charset=utf8", "application/json; version=1"],
)
def test_the_same_content_type_in_other_words(client: TestClient, kind: str) -> None:
    content = '\ufeff{"text": ""}'.encode()
    assert client.post("/predict", content=content, headers={"content-type": kind}).status_code == 200


def test_compressed_body_is_refused(client: TestClient) -> None:
    headers = JSON | {"content-encoding": "gzip"}
    response = client.post("/predict", content=gzip.compress(b'{"text": ""}'), headers=headers)
    assert (response.status_code, "without Content-Encoding: gzip" in response.json()["message"]) == (
        415,
        True,
    )


def test_body_without_a_length_is_cut_off(client: TestClient) -> None:
    chunks = (b" " * (1 << 20) for _ in range(20))
    response = client.post("/predict", content=chunks, headers=JSON)
    assert (response.status_code, response.json()["error"]) == (413, "too_large")


def test_usual_marks_and_tatweel_are_accepted(client: TestClient) -> None:
    text = "مُحَمَّدٌ " + "ـ" * 200 + " " + "\u200f" * 100 + "😀" * 100
    assert client.post("/predict", json={"text": text}).status_code == 200


@pytest.mark.parametrize("between", ["", "\u200c", "\u0640"])
def test_any_number_of_marks_is_accepted(client: TestClient, between: str) -> None:
    request = {"text": "ا" + f"\u0301{between}\u0316" * 30_000, "explain": True}
    assert client.post("/predict", json=request).status_code == 200
