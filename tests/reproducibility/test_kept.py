"""Where the content that a lock names is found again: at hand, in git, in DVC's cache."""

import json
import shutil
from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.reproducibility.dvc_lock import md5_of
from newsdesk.reproducibility.kept import cached_object, committed, damaged, fetch, take_imports
from tests.conftest import run


@pytest.fixture
def checkout(tiny_checkout: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_checkout, tmp_path / "checkout", symlinks=True)


def find(checkout: Path, path: str, md5: str | None) -> Path | None:
    assert md5
    cache, into = checkout / ".dvc/cache", checkout.parent / "into"
    return fetch(path, md5, folder=checkout, commit="HEAD", cache=cache, into=into)


def test_what_is_at_hand_is_taken_as_it_lies(checkout: Path) -> None:
    assert find(checkout, "heads/topic", md5_of(checkout / "heads/topic")) == checkout / "heads/topic"
    assert not (checkout.parent / "into").exists()


def test_a_folder_comes_from_the_cache(checkout: Path) -> None:
    """DVC itself filled it."""
    md5 = md5_of(checkout / "heads/topic")
    shutil.rmtree(checkout / "heads/topic")
    found = find(checkout, "heads/topic", md5)
    assert found
    assert md5_of(found) == md5


def test_a_metric_comes_from_git(checkout: Path) -> None:
    md5 = md5_of(checkout / "metrics/measure.json")
    (checkout / "metrics/measure.json").write_text("{}")
    found = find(checkout, "metrics/measure.json", md5)
    assert found
    assert json.loads(found.read_text()) == {"sum": 15.0}


def test_nothing_is_made_up(checkout: Path) -> None:
    assert find(checkout, "heads/topic", "0" * 32 + ".dir") is None
    assert find(checkout, "metrics/measure.json", "0" * 32) is None
    assert committed("no/such.file", folder=checkout, commit="HEAD") is None


def test_an_edited_object_of_the_cache_is_named_and_not_taken(checkout: Path) -> None:
    md5 = md5_of(checkout / "heads/topic")
    assert md5
    cache = checkout / ".dvc/cache"
    assert damaged(md5, cache) == []
    kept = cached_object(str(md5_of(checkout / "heads/topic/weights.npz")), cache)
    kept.chmod(0o644)
    kept.write_bytes(b"edited")
    shutil.rmtree(checkout / "heads/topic")
    assert damaged(md5, cache) == ["weights.npz"]
    assert find(checkout, "heads/topic", md5) is None
    listing = cached_object(md5, cache)
    listing.chmod(0o644)
    listing.write_bytes(b"[1]")
    assert damaged(md5, cache) == [""]


def test_imports_are_given_to_the_clone(tmp_path: Path) -> None:
    source = tmp_path / "data/public"
    (source / "skynews/2018").mkdir(parents=True)
    (source / "skynews/2018/a.txt").write_text("1")
    (source / "skynews.dvc").write_text("committed, so that the clone has it")
    (tmp_path / "clone").mkdir()
    take_imports(source, tmp_path / "clone")
    assert [p.relative_to(tmp_path / "clone").as_posix() for p in (tmp_path / "clone").rglob("*.*")] == [
        "skynews/2018/a.txt"
    ]


def test_without_imports_there_is_no_rerun(tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match=r"public: no imports to rerun from; run `make import`"):
        take_imports(tmp_path / "data/public", tmp_path)


def test_a_commit_s_file_is_read_to_the_byte(checkout: Path) -> None:
    assert committed("dvc.lock", folder=checkout, commit="HEAD") == (checkout / "dvc.lock").read_bytes()
    below = committed("measure.json", folder=checkout / "metrics", commit="HEAD")
    assert below == run("git", "show", "HEAD:metrics/measure.json", cwd=checkout).stdout.encode()
