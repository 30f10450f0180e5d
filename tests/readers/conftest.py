"""Read bytes under a file name; invented records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits, read

Rows = list[Article | Refusal]
ReadBytes = Callable[..., Rows]

SECTIONS = ("أوروبا", "الولايات المتحدة", "آسيا", "شؤون إقليمية")


@pytest.fixture
def read_bytes(tmp_path: Path) -> ReadBytes:
    """Write bytes to a file of the folder `desk` and read that file."""

    def read_one(content: bytes, name: str = "news.jsonl", limits: Limits = Limits()) -> Rows:  # noqa: B008
        path = tmp_path / "desk" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return list(read([path], sections=SECTIONS, limits=limits))

    return read_one


def line(text: str = "افتتح الوزير جسراً جديداً فوق النهر.", **fields: object) -> str:
    """Return a record as a JSON line without its end."""
    return json.dumps({"text": text, **fields}, ensure_ascii=False)


def reasons(rows: Rows) -> list[str]:
    """Return the reason of each row, "ok" for an article."""
    return [row.reason if isinstance(row, Refusal) else "ok" for row in rows]
