"""A review queue in the formats of those who show it: Label Studio, Argilla, plain lines; there and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

from newsdesk.base.taxonomy import Taxonomy
from newsdesk.corpus.label_tables import NONE
from newsdesk.review.sampling import Drawn

Form = Literal["label-studio", "argilla", "jsonl", "csv"]
Record = dict[str, Any]

QUESTIONS = {"regions": "region", "topics": "topic"}  # and the task of each
# what a correction needs to become a label again, besides the labels
PROVENANCE = ("article_id", "outlet", "key", "stratum", "probability", "model")
FLAT = (
    *PROVENANCE, "title", "text", *QUESTIONS, "reason", "margin", "unknown_share", "evidence",
    "reviewer", "reviewed_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said of an article.

    `regions` and `topics` have the main label first and are empty where none applies. `reviewed_at` is
    ISO 8601 in UTC, or empty where the record does not tell.
    """

    outlet: str
    key: str
    regions: tuple[str, ...]
    topics: tuple[str, ...]
    reviewer: str
    reviewed_at: str
    model: str
    stratum: str
    probability: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that gives no label, and why."""

    reason: Literal["not_reviewed", "skipped", "unanswered", "bad_record", "unknown_label", "no_article"]
    detail: str = ""


def flat(drawn: Drawn, evidence: str) -> Record:
    """A record of one level; who reads the article fills in `reviewer`, and mends `regions` and `topics`."""
    candidate, prediction = drawn.candidate, drawn.candidate.prediction
    return {
        "article_id": candidate.article_id,
        "outlet": candidate.outlet,
        "key": candidate.key,
        "stratum": drawn.strata[0],
        "probability": float(f"{drawn.probability:.6g}"),
        "model": candidate.model,
        "title": candidate.title,
        "text": candidate.text,
        **{name: prediction.labels[task] or [NONE] for name, task in QUESTIONS.items()},
        "reason": prediction.reason,
        "margin": round(drawn.margin, 4) if math.isfinite(drawn.margin) else None,
        "unknown_share": None if drawn.unknown_share is None else round(drawn.unknown_share, 4),
        "evidence": evidence,
        "reviewer": "",
        "reviewed_at": "",
    }


def label_studio(drawn: Drawn, evidence: str) -> Record:
    """A task with the model's labels as a prediction, of the JSON that Label Studio imports.

    As https://labelstud.io/guide/predictions documents it; its control tags are `config`'s.
    """
    record = flat(drawn, evidence)
    data = {
        name: value for name, value in record.items() if name not in ("reviewer", "reviewed_at", *QUESTIONS)
    }
    data |= {f"predicted_{name}": "|".join(record[name]) for name in QUESTIONS}
    result = [
        {
            "id": name,
            "from_name": name,
            "to_name": "text",
            "type": "choices",
            "value": {"choices": record[name]},
        }
        for name in QUESTIONS
    ]
    prediction: Record = {"model_version": record["model"], "result": result}
    scores = [s for of_task in drawn.candidate.prediction.scores.values() for s in of_task.values()]
    if scores:
        prediction["score"] = round(
            min(max(score, 1.0 - score) for score in scores), 6
        )  # of the least certain
    return {"data": data, "predictions": [prediction]}


def config(taxonomy: Taxonomy) -> str:
    """The labeling configuration of a Label Studio project for these tasks."""
    choices = {"regions": taxonomy.region_ids, "topics": taxonomy.topic_ids}
    lines = ["<View>", '  <Header value="$title"/>', '  <Text name="text" value="$text"/>']
    for name in QUESTIONS:
        lines.append(f'  <Choices name="{name}" toName="text" choice="multiple" required="true">')
        lines += [f"    <Choice value={quoteattr(label)}/>" for label in (*choices[name], NONE)]
        lines.append("  </Choices>")
    lines += ['  <Text name="evidence" value="$evidence"/>', "</View>"]
    return "\n".join(lines) + "\n"


def argilla(drawn: Drawn, evidence: str) -> Record:
    """A record with the model's labels as suggestions, of the JSON that Argilla 2 imports.

    As `Record.to_dict` and `dataset.records.from_json` of argilla 2.8.0 write and read it.
    """
    record = flat(drawn, evidence)
    shown = {name: record[name] for name in ("title", "text", "evidence")}
    rest = (*PROVENANCE, "reason", "margin", "unknown_share")
    return {
        "id": record["article_id"],
        "fields": {name: value or "-" for name, value in shown.items()},
        "metadata": {name: record[name] for name in rest if record[name] not in (None, "")},
        "suggestions": {
            name: {"value": record[name], "score": None, "agent": record["model"] or None}
            for name in QUESTIONS
        },
        "responses": {},
        "vectors": {},
    }


# and back


def corrections(record: Any, *, reviewer: str = "") -> Iterator[Correction | Refused]:
    """What a record of any of the formats says; a record may hold the answers of several people.

    `reviewer` is who read the records that name nobody.
    """
    if not isinstance(record, Mapping):
        yield Refused("bad_record", f"a {type(record).__name__}, expected a record with names")
    elif isinstance(record.get("data"), Mapping):
        yield from _of_label_studio(record, reviewer)
    elif isinstance(record.get("fields"), Mapping):
        yield from _of_argilla(record, reviewer)
    else:
        yield _of_flat(record, reviewer)


def _of_label_studio(record: Mapping[str, Any], reviewer: str) -> Iterator[Correction | Refused]:
    data, annotations = record["data"], record.get("annotations") or []
    if not annotations:
        yield Refused("not_reviewed")
    for annotation in annotations:
        if annotation.get("was_cancelled"):
            yield Refused("skipped")
            continue
        answers = {
            result.get("from_name"): (result.get("value") or {}).get("choices")
            for result in annotation.get("result") or []
        }
        who = annotation.get("completed_by")
        who = who.get("email") or who.get("id") if isinstance(who, Mapping) else who
        when = annotation.get("updated_at") or annotation.get("created_at")
        before = {name: _split(data.get(f"predicted_{name}")) for name in QUESTIONS}
        yield _correction(data, answers, before, str(who or reviewer), when)


def _of_argilla(record: Mapping[str, Any], reviewer: str) -> Iterator[Correction | Refused]:
    metadata, responses = record.get("metadata") or {}, record.get("responses") or {}
    suggested = record.get("suggestions") or {}
    before = {name: (suggested.get(name) or {}).get("value") or [] for name in QUESTIONS}
    by_user: dict[str, Record] = {}
    for name in QUESTIONS:
        for response in responses.get(name) or []:
            by_user.setdefault(str(response.get("user_id") or reviewer), {})[name] = response.get("value")
    if not by_user:
        yield Refused("not_reviewed")
    for user, answers in by_user.items():
        yield _correction(metadata, answers, before, user, None)


def _of_flat(record: Mapping[str, Any], reviewer: str) -> Correction | Refused:
    who = str(record.get("reviewer") or reviewer)
    if not who:
        return Refused("not_reviewed")
    answers = {name: _split(record.get(name)) for name in QUESTIONS}
    return _correction(record, answers, {}, who, record.get("reviewed_at"))


def _split(cell: Any) -> Any:
    return [label.strip() for label in cell.split("|") if label.strip()] if isinstance(cell, str) else cell


def _correction(
    given: Mapping[str, Any],
    answers: Mapping[str, Any],
    before: Mapping[str, Sequence[str]],
    who: str,
    when: Any,
) -> Correction | Refused:
    told = {name: "" if given.get(name) is None else str(given[name]).strip() for name in PROVENANCE}
    if not (told["outlet"] and told["key"]):
        return Refused("no_article", "no outlet or no key, by which a label finds its article")
    if any(character in value for value in (*told.values(), who) for character in "\t\n\r"):
        return Refused("bad_record", "a tab or a line end within a value")
    labels = {}
    for name in QUESTIONS:
        answer = answers.get(name)
        if not answer:
            return Refused("unanswered", f"no {name}; {NONE!r} tells that none applies")
        if not isinstance(answer, list) or not all(isinstance(label, str) for label in answer):
            return Refused("bad_record", f"{name}: expected a list of labels, found {answer!r}"[:200])
        if len(set(answer)) < len(answer) or (NONE in answer and len(answer) > 1):
            return Refused(
                "bad_record", f"{name}: {'|'.join(answer)} names a label twice, or none beside one"
            )
        labels[name] = tuple(label for label in _ordered(answer, before.get(name, ())) if label != NONE)
    return Correction(
        told["outlet"], told["key"], labels["regions"], labels["topics"], who, _time(when),
        told["model"], told["stratum"], told["probability"],
    )  # fmt: skip


def _ordered(answer: Sequence[str], before: Sequence[str]) -> list[str]:
    """Labels that the model had named in its order, main one first: choices are not told in any."""
    kept = [label for label in before if label in answer]
    return [*kept, *(label for label in answer if label not in kept)]


def _time(when: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(when).strip())
    except ValueError:
        return ""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
