"""Write a review queue and read corrections: Label Studio, CSV and JSON lines."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.corpus.label_tables import NONE, open_rows
from newsdesk.review.sampling import SampledArticle

QueueFormat = Literal["label-studio", "jsonl", "csv"]
Record = dict[str, Any]

QUESTIONS = {"regions": "region", "topics": "topic"}  # fields and their tasks
# what a correction needs to become a label, besides the labels
PROVENANCE = ("article_id", "outlet", "key", "stratum", "probability", "model")
COLUMNS = (
    *PROVENANCE, "title", "text", *QUESTIONS, "reason", "margin", "unknown_share", "evidence",
    "reviewer", "reviewed_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Correction:
    """A reviewer's labels of an article."""

    outlet: str
    key: str
    regions: tuple[str, ...]  # main label first, empty if none applies
    topics: tuple[str, ...]
    reviewer: str
    reviewed_at: str  # ISO 8601 in UTC, empty if the record has no time
    model: str
    stratum: str
    probability: str


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that gives no labels, and the reason."""

    reason: Literal["not_reviewed", "skipped", "unanswered", "bad_record", "unknown_label", "no_article"]
    detail: str = ""


def format_queue(articles: Sequence[tuple[SampledArticle, str]], form: QueueFormat) -> str:
    """Return articles and their evidence as the text of a queue file."""
    records = [flat_record(article, evidence) for article, evidence in articles]
    if form == "csv":
        table = io.StringIO()
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(record | {name: "|".join(record[name]) for name in QUESTIONS} for record in records)
        return table.getvalue()
    if form == "jsonl":
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    tasks = [label_studio_task(article, evidence) for article, evidence in articles]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def flat_record(article: SampledArticle, evidence: str) -> Record:
    """Return a record without nesting; the reviewer corrects the labels and fills in `reviewer`."""
    candidate, prediction = article.candidate, article.candidate.prediction
    return {
        "article_id": candidate.article_id,
        "outlet": candidate.outlet,
        "key": candidate.key,
        "stratum": article.strata[0],
        "probability": float(f"{article.probability:.6g}"),
        "model": candidate.model,
        "title": candidate.title,
        "text": candidate.text,
        **{name: prediction.labels[task] or [NONE] for name, task in QUESTIONS.items()},
        "reason": prediction.reason,
        "margin": round(article.margin, 4) if math.isfinite(article.margin) else None,
        "unknown_share": None if article.unknown_share is None else round(article.unknown_share, 4),
        "evidence": evidence,
        "reviewer": "",
        "reviewed_at": "",
    }


def label_studio_task(article: SampledArticle, evidence: str) -> Record:
    """Return a task with the model's labels as prediction: https://labelstud.io/guide/predictions."""
    record = flat_record(article, evidence)
    answers = ("reviewer", "reviewed_at", *QUESTIONS)
    data = {name: value for name, value in record.items() if name not in answers}
    data |= {f"predicted_{name}": "|".join(record[name]) for name in QUESTIONS}
    tag = {"to_name": "text", "type": "choices"}  # of `label_studio_config`
    result = [
        {"id": name, "from_name": name, **tag, "value": {"choices": record[name]}} for name in QUESTIONS
    ]
    prediction: Record = {"model_version": record["model"], "result": result}
    by_task = article.candidate.prediction.scores.values()
    certainties = [max(score, 1.0 - score) for scores in by_task for score in scores.values()]
    if certainties:
        prediction["score"] = round(min(certainties), 6)
    return {"data": data, "predictions": [prediction]}


def label_studio_config(taxonomy: Taxonomy) -> str:
    """Return the labeling configuration of a Label Studio project for these tasks."""
    choices = {"regions": taxonomy.region_ids, "topics": taxonomy.topic_ids}
    lines = ["<View>", '  <Header value="$title"/>', '  <Text name="text" value="$text"/>']
    for name in QUESTIONS:
        lines.append(f'  <Choices name="{name}" toName="text" choice="multiple" required="true">')
        lines += [f"    <Choice value={quoteattr(label)}/>" for label in (*choices[name], NONE)]
        lines.append("  </Choices>")
    lines += ['  <Text name="evidence" value="$evidence"/>', "</View>"]
    return "\n".join(lines) + "\n"


def read_queue(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the records of a queue file with their positions from 1; raise if it is missing or damaged."""
    with open_rows(path) as handle:
        if path.suffix == ".csv":
            csv.field_size_limit(2**31 - 1)
            yield from enumerate(csv.DictReader(handle), 1)
        elif path.suffix == ".jsonl":
            yield from enumerate((json.loads(line) for line in handle if line.strip()), 1)
        else:
            content = json.load(handle)
            if not isinstance(content, list):
                raise NewsdeskError(f"{path}: expected a list of records, found {type(content).__name__}")
            yield from enumerate(content, 1)


def parse_record(record: Any, *, reviewer: str = "") -> Iterator[Correction | RefusedRecord]:
    """Yield the corrections of a record of any format; `reviewer` is that of records that name none."""
    if not isinstance(record, Mapping):
        yield RefusedRecord("bad_record", f"expected a record with names, found a {type(record).__name__}")
    elif isinstance(record.get("data"), Mapping):
        yield from _parse_label_studio(record, reviewer)
    else:
        yield _parse_flat(record, reviewer)


def _parse_label_studio(record: Mapping[str, Any], reviewer: str) -> Iterator[Correction | RefusedRecord]:
    data, annotations = record["data"], record.get("annotations") or []
    if not annotations:
        yield RefusedRecord("not_reviewed")
    for annotation in annotations:
        if annotation.get("was_cancelled"):
            yield RefusedRecord("skipped")
            continue
        answers = {
            result.get("from_name"): (result.get("value") or {}).get("choices")
            for result in annotation.get("result") or []
        }
        by = annotation.get("completed_by")
        by = by.get("email") or by.get("id") if isinstance(by, Mapping) else by
        time = annotation.get("updated_at") or annotation.get("created_at")
        predicted = {name: _split(data.get(f"predicted_{name}")) for name in QUESTIONS}
        yield _build_correction(data, answers, predicted, str(by or reviewer), time)


def _parse_flat(record: Mapping[str, Any], reviewer: str) -> Correction | RefusedRecord:
    by = str(record.get("reviewer") or reviewer)
    if not by:
        return RefusedRecord("not_reviewed")
    answers = {name: _split(record.get(name)) for name in QUESTIONS}
    return _build_correction(record, answers, {}, by, record.get("reviewed_at"))


def _split(cell: Any) -> Any:
    return [label.strip() for label in cell.split("|") if label.strip()] if isinstance(cell, str) else cell


def _build_correction(
    record: Mapping[str, Any],
    answers: Mapping[str, Any],
    predicted: Mapping[str, Sequence[str]],
    reviewer: str,
    time: Any,
) -> Correction | RefusedRecord:
    given = {name: "" if record.get(name) is None else str(record[name]).strip() for name in PROVENANCE}
    if not (given["outlet"] and given["key"]):
        return RefusedRecord("no_article", "no outlet or no key to find the article by")
    if any(character in value for value in (*given.values(), reviewer) for character in "\t\n\r"):
        return RefusedRecord("bad_record", "a tab or a line end within a value")
    labels = {}
    for name in QUESTIONS:
        answer = answers.get(name)
        if not answer:
            return RefusedRecord("unanswered", f"no {name}; write {NONE!r} if none applies")
        if not isinstance(answer, list) or not all(isinstance(label, str) for label in answer):
            return RefusedRecord("bad_record", f"{name}: expected a list of labels, found {answer!r}"[:200])
        if len(set(answer)) < len(answer) or (NONE in answer and len(answer) > 1):
            detail = f"{name}: {'|'.join(answer)} names a label twice, or none beside one"
            return RefusedRecord("bad_record", detail)
        # choices have no order: labels that were predicted stay in the model's, main label first
        kept = [label for label in predicted.get(name, ()) if label in answer]
        ordered = [*kept, *(label for label in answer if label not in kept)]
        labels[name] = tuple(label for label in ordered if label != NONE)
    return Correction(
        given["outlet"], given["key"], labels["regions"], labels["topics"], reviewer, _utc(time),
        given["model"], given["stratum"], given["probability"],
    )  # fmt: skip


def _utc(time: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(time).strip())
    except ValueError:
        return ""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
