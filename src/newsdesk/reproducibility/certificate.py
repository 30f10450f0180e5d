"""The certificate: what a rerun gave beside what a lock promises, the findings, and the sign-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256_of_json
from newsdesk.reproducibility.differences import ROUNDING, Difference

FORMAT = 1
Kind = Literal["inputs", "lock", "rerun", "at_hand", "cache", "predictions"]
Verdict = Literal["certified", "rounding", "differs"]
OF_RERUN: tuple[Kind, ...] = ("rerun", "predictions")  # where rounding may be the reason
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Compared:
    """An output of a stage: its hash in the lock, after the rerun, and at hand; None for no file."""

    stage: str
    path: str
    expected: str
    found: str | None
    at_hand: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as the lock says.

    Attributes
    ----------
    kind : str
        `inputs` (code, data or settings of the commit are others than the lock was made with), `lock` (the
        one at hand is not the committed one), `rerun`, `at_hand` (a file of the checkout), `cache` (content
        that is not what its name in DVC's cache says), `predictions`.
    differences : tuple of Difference
        Empty where the content that the lock names is nowhere, so that only hashes could be compared.
    """

    kind: Kind
    stage: str
    path: str
    message: str
    differences: tuple[Difference, ...] = ()

    @property
    def rounding(self) -> bool:
        """Whether it is no more than another processor could make."""
        told = bool(self.differences) and all(difference.rounding for difference in self.differences)
        return self.kind in OF_RERUN and told


def judge(findings: Sequence[Finding]) -> Verdict:
    """`certified` without findings, `rounding` if all are such, else `differs`."""
    if not findings:
        return "certified"
    return "rounding" if all(finding.rounding for finding in findings) else "differs"


def first_stage(findings: Sequence[Finding]) -> str | None:
    """The first stage, in the order of running, that does not give what the lock says."""
    return next((f.stage for f in findings if f.kind == "rerun"), None)


def compare_predictions(
    expected: Sequence[Any], found: Sequence[Any], *, stage: str, path: str, what: str
) -> tuple[dict[str, Any], Finding | None]:
    """Compare what two models say of the same articles: labels, reasons, and the 64 bits of each score.

    Parameters
    ----------
    expected, found : sequence of Labelled
        As `newsdesk predict` wrote them, in the same order.

    Returns
    -------
    dict
        Numbers of `articles`, `scores`, `scores_differing` and `labels_differing`, and `largest`, the
        largest difference of a score.
    Finding or None
        None if all is the same.
    """
    n_scores = n_differing = n_labels = 0
    largest = 0.0
    matched = len(expected) == len(found)
    for then, now in zip(expected, found, strict=False):
        matched = matched and then.article_id == now.article_id
        said = [(row.prediction.labels, row.prediction.reason) for row in (then, now)]
        n_labels += said[0] != said[1]
        for task, of_labels in then.prediction.scores.items():
            others = now.prediction.scores.get(task, {})
            matched = matched and of_labels.keys() == others.keys()
            for label in of_labels.keys() & others.keys():
                n_scores += 1
                if of_labels[label].hex() != others[label].hex():
                    n_differing += 1
                    largest = max(largest, abs(of_labels[label] - others[label]))
    account = {
        "articles": len(expected),
        "scores": n_scores,
        "scores_differing": n_differing,
        "labels_differing": n_labels,
        "largest": largest,
    }
    if matched and not n_differing and not n_labels:
        return account, None
    told = f"{n_differing:,} of {n_scores:,} scores differ, by at most {largest:.3g}"
    message = f"{what}: {told}; labels of {n_labels:,} of {len(expected):,} articles"
    if not matched:
        message = f"{what}: other articles or other labels"
    small = matched and not n_labels and largest <= ROUNDING  # of 1, the largest that a score can be
    difference = Difference("scores", n_scores, n_differing, largest, small)
    return account, Finding("predictions", stage, path, message, (difference,))


def describe(compared: Sequence[Compared], findings: Sequence[Finding]) -> dict[str, Any]:
    """What was compared and what was found, of JSON's types."""
    return {
        "verdict": judge(findings),
        "first_stage": first_stage(findings),
        "outputs": [{**asdict(c), "same": c.found == c.expected} for c in compared],
        "findings": [{**asdict(f), "rounding": f.rounding} for f in findings],
    }


def tell(findings: Sequence[Finding]) -> list[str]:
    """The findings in lines to read, the first stage that differs before all."""
    lines = []
    first = first_stage(findings)
    if first:
        lines.append(f"the first stage that gives something else is {first}")
    for finding in findings:
        lines.append(f"{finding.stage}: {finding.message}" if finding.stage else finding.message)
        told = [] if finding.kind == "predictions" else [d.text() for d in finding.differences]
        lines += [f"  {line}" for line in told[:SHOWN]]
        if len(told) > SHOWN:
            lines.append(f"  and {len(told) - SHOWN:,} more, in the certificate")
    return lines


def sign(content: Mapping[str, Any], *, by: str | None, at: str) -> dict[str, Any]:
    """The certificate with who signed it off, when, and the hash of all that it says."""
    signed = {**content, "signed_off": {"by": by, "at": at}}
    return {**signed, "signed_off": {"by": by, "at": at, "sha256": seal(signed)}}


def seal(content: Mapping[str, Any]) -> str:
    """SHA-256 of a certificate in canonical form, without the hash itself.

    A certificate that was only laid out anew keeps its hash.
    """
    signed_off = {key: value for key, value in content["signed_off"].items() if key != "sha256"}
    return sha256_of_json({**content, "signed_off": signed_off})


def check_seal(content: Any, name: str) -> str:
    """Return the hash of a certificate that is as it was signed.

    Raises
    ------
    NewsdeskError
        If it is no certificate.
    """
    try:
        if content["format"] != FORMAT:
            raise NewsdeskError(f"{name}: certificate of format {content['format']}, this is {FORMAT}")
        return seal(content)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise NewsdeskError(f"{name}: no certificate of `newsdesk certify`") from None
