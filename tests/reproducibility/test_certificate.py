"""The certificate: verdict, findings in order, predictions to the bit, and the sign-off."""

import json
import math

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.batch.output_reader import Labelled
from newsdesk.inference.decision import Prediction
from newsdesk.reproducibility.certificate import (
    Compared,
    Finding,
    check_seal,
    compare_predictions,
    describe,
    first_stage,
    judge,
    seal,
    sign,
    tell,
)
from newsdesk.reproducibility.differences import Difference

SMALL = Difference("weights.npz: coef", 9, 2, 1e-12, True)
LARGE = Difference("weights.npz: coef", 9, 1, 0.5, False)


def finding(kind: str, *differences: Difference, stage: str = "train") -> Finding:
    return Finding(kind, stage, "heads", "heads: the rerun gives other bytes", differences)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], "certified"),
        ([finding("rerun", SMALL), finding("predictions", SMALL)], "rounding"),
        ([finding("rerun", SMALL), finding("rerun", SMALL, LARGE)], "differs"),
        ([finding("rerun")], "differs"),  # of what is nowhere nobody knows how far it is
        ([finding("at_hand", SMALL)], "differs"),  # no processor changes a file that lies there
        ([finding("inputs")], "differs"),
        ([finding("cache", SMALL)], "differs"),
    ],
)
def test_verdict(findings: list[Finding], verdict: str) -> None:
    assert judge(findings) == verdict
    assert describe([], findings)["verdict"] == verdict


def test_the_first_stage_comes_before_all_findings() -> None:
    found = [finding("at_hand", stage="clean"), finding("rerun", LARGE), finding("rerun", stage="package")]
    assert first_stage(found) == "train"
    assert tell(found)[0] == "the first stage that gives something else is train"
    assert "  weights.npz: coef: 1 of 9 values differ, by at most 0.5" in tell(found)
    assert first_stage([finding("at_hand")]) is None


def test_many_differences_are_cut_and_counted() -> None:
    assert tell([finding("rerun", *[LARGE] * 10)])[-1] == "  and 4 more, in the certificate"


def said(score: float, *, labels: tuple[str, ...] = ("us",), article: str = "1") -> Labelled:
    scores = {"region": {"us": score, "asia": 0.25}}
    return Labelled(article, Prediction({"region": list(labels)}, scores, None))


def compare(then: list[Labelled], now: list[Labelled]) -> tuple[dict, Finding | None]:
    return compare_predictions(then, now, stage="package", path="model", what="models")


def test_equal_predictions() -> None:
    account, found = compare([said(0.5), said(0.125)], [said(0.5), said(0.125)])
    assert found is None
    assert account == {"articles": 2, "scores": 4, "scores_differing": 0, "labels_differing": 0, "largest": 0}


def test_one_bit_of_one_score_is_found() -> None:
    account, found = compare([said(0.5)], [said(math.nextafter(0.5, 1))])
    assert (account["scores_differing"], account["largest"]) == (1, 2**-53)
    assert found
    assert found.rounding
    assert found.message == "models: 1 of 2 scores differ, by at most 1.11e-16; labels of 0 of 1 articles"


@pytest.mark.parametrize(
    "now",
    [
        pytest.param([said(0.5, labels=())], id="a label"),
        pytest.param([said(0.75)], id="a score"),
        pytest.param([said(0.5, article="2")], id="another article"),
        pytest.param([], id="no article"),
    ],
)
def test_more_than_rounding(now: list[Labelled]) -> None:
    _, found = compare([said(0.5)], now)
    assert found
    assert not found.rounding


WHOLE = {
    "format": 1,
    **describe([Compared("train", "heads", "a", "b", None)], [finding("rerun", SMALL)]),
    "by": "كاتب",
}


def test_an_edit_shows_and_another_layout_does_not() -> None:
    signed = sign(WHOLE, by="A <a@example.org>", at="2026-11-27T12:00:00+00:00")
    assert check_seal(signed, "c.json") == signed["signed_off"]["sha256"]
    again = json.loads(json.dumps(dict(reversed(signed.items())), indent=7))
    assert check_seal(again, "c.json") == signed["signed_off"]["sha256"]
    for path, value in (("verdict", "certified"), ("signed_off", {**signed["signed_off"], "by": "B"})):
        assert seal({**signed, path: value}) != signed["signed_off"]["sha256"], path


@pytest.mark.parametrize("content", [[], {}, {"format": 1}, "text", None])
def test_what_is_no_certificate_is_one_line(content: object) -> None:
    with pytest.raises(NewsdeskError, match=r"^c\.json: no certificate of `newsdesk certify`$"):
        check_seal(content, "c.json")


def test_a_later_format_is_told() -> None:
    with pytest.raises(NewsdeskError, match=r"^c\.json: certificate of format 2, this is 1$"):
        check_seal({"format": 2}, "c.json")
