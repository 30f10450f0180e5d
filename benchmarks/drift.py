"""How often drift is told where there is none, and how seldom it is missed, on the public corpora.

Only articles that the model did not learn, nor a near-duplicate of them, are looked at. An outlet's reference
is made of its earlier half, by date; windows follow one another through its later half. Limits come from the
windows of some outlets alone (`CALIBRATION`); the others tell what they are worth.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from harness import RESULTS, ROOT, Row, note

from newsdesk.base.files import SHIPPED, read_json, read_model, read_table, sha256, write_json
from newsdesk.base.schema import ARTICLES
from newsdesk.inference.decision import Prediction
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import PredictionCounts, build_unknown_share
from newsdesk.monitoring.drift import compare
from newsdesk.monitoring.reference import LIMITS, build_reference

PUBLIC = ROOT / "profiles/public"
CALIBRATION = ("skynews", "alriyadh", "aljazirah", "alyaum", "aleqtisadiya", "okaz")
OTHERS = ("alarabiya", "alwatan", "almadina", "alweeam", "3alyoum", "sabq")
WINDOWS = (100, 300, 1000)
MARGIN = 1.5  # between the largest PSI of a calibration window and the limit
STEP = 0.05
LEAST = 0.05
MIXED = (0.1, 0.25, 0.5, 1.0)
SIZES = (100, 300, 1000)
PAIRS = (("skynews", "okaz"), ("skynews", "alarabiya"), ("alarabiya", "almayadeen"), ("okaz", "alriyadh"))
SHOWN = {"skynews": ("okaz", "alarabiya", "almayadeen"), "okaz": ("skynews", "alriyadh")}
FOREIGN = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)
DRAWS = 30
MODEL = {"name": "", "version": "", "weights_sha256": ""}
# invented, as every sentence made of them
ENGLISH = (
    "council port vote bridge minister harvest train school budget storm court river village plan the of in"
)
PERSIAN = "شهرداری پروژه گفتگو کشاورزان پیش‌بینی می‌کند چهارشنبه گزارش رودخانه مدرسه پل بودجه که را برای است"


@dataclass(frozen=True, slots=True)
class Scored:
    """Articles and what the model said of them."""

    titles: list[str]
    texts: list[str]
    predictions: list[Prediction]
    sources: list[str]
    months: list[str]
    unknown_share: Callable[[str, str], float | None] | None
    heads: dict[str, tuple[str, ...]]

    def count(self, rows: Sequence[int]) -> PredictionCounts:
        """Count some rows."""
        counts = PredictionCounts(self.heads, unknown_share=self.unknown_share, lookup_every=1)
        counts.update(
            [self.predictions[i] for i in rows],
            titles=[self.titles[i] for i in rows],
            texts=[self.texts[i] for i in rows],
        )
        return counts

    def reference(self, rows: Sequence[int]) -> dict[str, Any]:
        """A reference made of some rows."""
        return build_reference(self.count(rows), model=MODEL, sources={})


def score(articles: Path, trained: Path, scorer: Scorer) -> Scored:
    """Label what the model did not learn, each outlet's articles in the order of their dates."""
    table = read_table(articles, ARTICLES)
    groups = pc.unique(read_table(trained)["group_id"])
    new = pc.and_(pc.invert(pc.is_in(table["group_id"], groups)), pc.not_equal(table["split"], "evaluation"))
    table = table.filter(new).sort_by(
        [("source", "ascending"), ("published", "ascending"), ("article_id", "ascending")]
    )
    scorer.threads = os.cpu_count() or 1
    titles, texts = table["title"].to_pylist(), table["text"].to_pylist()
    return Scored(
        titles,
        texts,
        scorer.predict(titles, texts),
        table["source"].to_pylist(),
        pc.strftime(table["published"], "%Y-%m").fill_null("").to_pylist(),
        _cached(scorer),
        {head.task: head.labels for head in scorer.heads},
    )


def _cached(scorer: Scorer) -> Callable[[str, str], float | None] | None:
    share = build_unknown_share(scorer)
    return share and cache(share)


def halves(scored: Scored, source: str) -> tuple[list[int], list[int]]:
    """The earlier and the later half of an outlet's articles."""
    rows = [i for i, found in enumerate(scored.sources) if found == source]
    return rows[: len(rows) // 2], rows[len(rows) // 2 :]


def held_back(scored: Scored, sources: Sequence[str], seed: int) -> Iterator[Row]:
    """Every window of the later halves against its outlet's reference."""
    for source in sources:
        earlier, later = halves(scored, source)
        reference = scored.reference(earlier)
        for size in WINDOWS:
            for start in range(0, len(later) - size + 1, size):
                report = compare(reference, scored.count(later[start : start + size]), seed=seed)
                yield {"source": source, "size": size, **_told(report)}
        note(f"{source}: windows against {len(earlier):,} articles")


def _told(report: dict[str, Any]) -> Row:
    lows = {row["quantity"]: row["low"] for row in report["quantities"]}
    return {"drifted": report["drifted"], "low": lows}


def calibrate(windows: Sequence[Row]) -> dict[str, Row]:
    """For each quantity the largest lower bound in any window, and the limit that follows."""
    found = {}
    for name in LIMITS:
        largest = max(row["low"][name] for row in windows)
        limit = max(LEAST, math.ceil(MARGIN * largest / STEP - 1e-9) * STEP)
        found[name] = {"largest": largest, "limit": round(limit, 2), "in_use": LIMITS[name]}
    return found


def false_alarms(windows: Sequence[Row]) -> list[Row]:
    """Windows that raise an alarm, by size, and what raised it."""
    rows = []
    for size in WINDOWS:
        of_size = [row for row in windows if row["size"] == size]
        raised = [row for row in of_size if row["drifted"]]
        by = Counter(name for row in raised for name in row["drifted"])
        rows.append(
            {"size": size, "windows": len(of_size), "alarms": len(raised), "by": dict(sorted(by.items()))}
        )
    return rows


def by_month(scored: Scored, source: str, first: str, last: str, seed: int) -> Row:
    """Each later month of an outlet against the months from `first` to `last`."""
    months: defaultdict[str, list[int]] = defaultdict(list)
    for i, (found, month) in enumerate(zip(scored.sources, scored.months, strict=True)):
        if found == source and month >= first:
            months[month].append(i)
    made_of = [i for month, rows in months.items() if month <= last for i in rows]
    reference = scored.reference(made_of)
    later = [
        {"month": month, "n": len(rows), **_told(compare(reference, scored.count(rows), seed=seed))}
        for month, rows in sorted(months.items())
        if month > last and len(rows) >= 100
    ]
    return {"source": source, "reference": f"{first} to {last}", "n": len(made_of), "months": later}


def power(scored: Scored, seed: int) -> Iterator[Row]:
    """How often an alarm is raised where a share of the window is another outlet's."""
    for home, other in PAIRS:
        earlier, later = halves(scored, home)
        reference = scored.reference(earlier)
        away = [i for i, found in enumerate(scored.sources) if found == other]
        for share in MIXED:
            for size in SIZES:
                rng = np.random.default_rng([seed, size, int(100 * share)])
                n_away = round(share * size)
                raised = 0
                for _ in range(DRAWS):
                    rows = [*rng.choice(away, n_away, False), *rng.choice(later, size - n_away, False)]
                    raised += bool(
                        compare(reference, scored.count(rows), n_bootstrap=200, seed=seed)["drifted"]
                    )
                yield {
                    "reference": home,
                    "other": other,
                    "share": share,
                    "size": size,
                    "raised": raised,
                    "of": DRAWS,
                }
        note(f"{home} with {other}: power")


def whole_outlets(scored: Scored, seed: int) -> Iterator[Row]:
    """The latest thousand articles of an outlet and of others against an outlet's earlier half."""
    for home, others in SHOWN.items():
        reference = scored.reference(halves(scored, home)[0])
        for other in (home, *others):
            report = compare(reference, scored.count(halves(scored, other)[1][-1000:]), seed=seed)
            yield {"reference": home, "window": other, "n": report["n_rows"], **_told(report)}


def foreign(scored: Scored, scorer: Scorer, source: str, size: int, seed: int) -> Iterator[Row]:
    """A window in which some rows are invented English and Persian."""
    earlier, later = halves(scored, source)
    reference = scored.reference(earlier)
    rng = np.random.default_rng(seed)
    for share in FOREIGN:
        n = round(share * size)
        texts = [" ".join(rng.choice((ENGLISH, PERSIAN)[i % 2].split(), 80)) for i in range(n)]
        counts = scored.count(later[: size - n])
        counts.update(scorer.predict([""] * n, texts), titles=[""] * n, texts=texts)
        yield {"share": share, "size": size, **_told(compare(reference, counts, seed=seed))}


LOWS = ("length", "unknown", "region", "topic", "region_scores", "topic_scores")


def markdown(results: Row) -> str:
    """The tables of docs/drift.md, one below the other."""
    parts = [
        [(name, f"{row['largest']:.3f}", row["limit"]) for name, row in results["limits"].items()],
        *(
            [(row["month"], f"{row['n']:,}", *_lows(row)) for row in run["months"]]
            for run in results["months"]
        ),
        [(row["reference"], row["window"], *_lows(row)) for row in results["other_outlet"]],
        [
            (f"{row['share']:.1%}", f"{row['low']['language']:.3f}", ", ".join(row["drifted"]) or "-")
            for row in results["foreign"]
        ],
        [
            (
                name,
                f"{row['size']:,}",
                row["windows"],
                row["alarms"],
                ", ".join(f"{k} {n}" for k, n in row["by"].items()),
            )
            for name in ("calibration", "others")
            for row in results[name]
        ],
        _power(results["power"]),
    ]
    return "\n".join("".join(f"| {' | '.join(map(str, row))} |\n" for row in rows) for rows in parts)


def _lows(row: Row) -> list[str]:
    return [*(f"{row['low'][name]:.3f}" for name in LOWS), ", ".join(row["drifted"]) or "-"]


def _power(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    by_share: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for row in rows:
        by_share[row["reference"], row["other"], f"{row['share']:.0%}"].append(
            f"{row['raised'] / row['of']:.0%}"
        )
    return [(*key, *cells) for key, cells in by_share.items()]


def main() -> None:
    """Measure, print and keep the results."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Example:\n  python benchmarks/drift.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--articles", type=Path, default=PUBLIC / "data/clean/articles.parquet")
    parser.add_argument(
        "--trained",
        type=Path,
        default=PUBLIC / "all/features/rows.parquet",
        help="rows that trained the model",
    )
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--seed", type=int, default=0, help="of whatever is drawn (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="only print the tables of the kept results")
    given = parser.parse_args()
    if given.markdown:
        sys.stdout.write(markdown(read_json(given.results / "drift.json")))
        return
    seed, scorer = given.seed, read_model(given.model)
    scored = score(given.articles, given.trained, scorer)
    note(f"{len(scored.texts):,} articles that the model did not learn")
    calibration = list(held_back(scored, CALIBRATION, seed))
    results = {
        "seed": seed,
        "articles_sha256": sha256(given.articles),
        "weights_sha256": sha256(given.model / "weights.npz"),
        "n_articles": len(scored.texts),
        "limits": calibrate(calibration),
        "calibration": false_alarms(calibration),
        "others": false_alarms(list(held_back(scored, OTHERS, seed))),
        "months": [
            by_month(scored, "almayadeen", "2023-01", "2023-06", seed),
            by_month(scored, "almayadeen", "2023-11", "2024-03", seed),
            by_month(scored, "skynews", "2018-02", "2018-04", seed),
        ],
        "other_outlet": list(whole_outlets(scored, seed)),
        "foreign": list(foreign(scored, scorer, "skynews", 1000, seed)),
        "power": list(power(scored, seed)),
    }
    write_json(results, given.results / "drift.json")
    sys.stdout.write(markdown(results))


if __name__ == "__main__":
    main()
