"""The tag with the hashes of a run."""

from newsdesk.tracking.hashes import hashes_tag, read_hashes, recorded_hashes, search_conditions

HASHES = {"model": "3f", "articles": "9c", "receipt": "ab", "test": "ef"}
EARLIER = {
    "newsdesk.model_sha256": "3f", "newsdesk.articles_sha256": "9c", "newsdesk.receipt": "ab",
    "newsdesk.test_sha256": "ef",
}  # fmt: skip


def test_hashes_are_read_from_the_tag_and_from_those_of_earlier_releases() -> None:
    assert read_hashes(hashes_tag(HASHES)) == read_hashes(EARLIER) == HASHES
    assert read_hashes({"other": "1"}) == {}


def test_only_files_that_a_run_records_have_a_name() -> None:
    assert recorded_hashes({"model": "3f", "data/clean/articles.parquet": "9c"}) == {"model": "3f"}


def test_the_conditions_of_a_search() -> None:
    assert search_conditions({"model": "3f", "receipt": "ab"}) == (
        "tags.`newsdesk.hashes` LIKE '%model=3f%' and tags.`newsdesk.hashes` LIKE '%receipt=ab%'",
        "tags.`newsdesk.model_sha256` = '3f' and tags.`newsdesk.receipt` = 'ab'",
    )
