"""fastText's training files: a line is an article without its labels."""

import pytest

from newsdesk.base.schema import Article

from .conftest import ReadBytes, reasons


def test_each_line_is_an_article(read_bytes: ReadBytes) -> None:
    lines = [
        "__label__sport فاز الفريق.",
        "",
        "__label__a __label__b , نص بوسمين",
        "__label__رياضة,__label__c نص",
        "سطر بلا وسم",
        "نص __label__last",
        "__label__only",
    ]
    for name in ("train.txt", "train.csv", "train"):
        rows = read_bytes("\n".join(lines).encode(), name)
        assert reasons(rows) == ["ok"] * 6
        assert [(row.position, row.text) for row in rows if isinstance(row, Article)] == [
            (1, "فاز الفريق."),
            (3, "نص بوسمين"),
            (4, "نص"),
            (5, "سطر بلا وسم"),
            (6, "نص"),
            (7, ""),
        ]


def test_a_broken_line_is_refused_by_itself(read_bytes: ReadBytes) -> None:
    content = "__label__a نص\n__label__b ".encode() + b"\xff\xfe\n" + "__label__c نص\n".encode() * 5
    assert reasons(read_bytes(content, "train.txt")) == ["ok", "bad_encoding"] + ["ok"] * 5


@pytest.mark.parametrize(
    "lines",
    [
        ["نص أول __label__sport", "نص ثان __label__x"],
        ["__LABEL__1 نص أول", "__LABEL__2 نص ثان"],
        ["__label__1,نص أول", "__label__2 : نص ثان"],
        ["نص أول", "__label__2 نص ثان"],
    ],
)
def test_labels_are_known_wherever_they_stand(read_bytes: ReadBytes, lines: list[str]) -> None:
    rows = read_bytes("\n".join(lines).encode(), "train.txt")
    assert [row.text for row in rows if isinstance(row, Article)] == ["نص أول", "نص ثان"]
