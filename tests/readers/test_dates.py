"""Times of publication as outlets write them."""

import pytest

from newsdesk.readers.dates import parse_time


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2018-02-18T12:26:59+02:00", "2018-02-18 10:26:59"),
        ("Sun, 18 Feb 2018 12:26:59 +0200", "2018-02-18 10:26:59"),
        ("الجمعة 02 أكتوبر 2020 - 16:00", "2020-10-02 16:00:00"),
        ("13 أبريل 2024", "2024-04-13 00:00:00"),
        ("12 إبريل/نيسان 2024", "2024-04-12 00:00:00"),
        ("5 كانون الثاني 2013", "2013-01-05 00:00:00"),
        ("الثلاثاء 9 غشت 2022، 07:05", "2022-08-09 07:05:00"),
        ("27 جويلية 2012", "2012-07-27 00:00:00"),
        ("2025/03/22", "2025-03-22 00:00:00"),
        ("https://news.example/2022/08/03/7/", "2022-08-03 00:00:00"),
        ("17/05/2015", "2015-05-17 00:00:00"),
        ("05/17/2015", None),
        ("31 فبراير 2020", None),
        ("صفحة 3", None),
        ("", None),
    ],
)
def test_times(written: str, expected: str | None) -> None:
    found = parse_time(written)
    assert (found and f"{found:%Y-%m-%d %H:%M:%S}") == expected
