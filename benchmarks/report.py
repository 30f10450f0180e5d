"""RESULTS.md and its plots from the files in results/: no figure is written by hand."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from featurize import PEER
from harness import RESULTS, Row, find, note, ratios
from scale import seconds

NAMES = ("featurize", "training", "predict", "scale", "clean", "batch", "resume", "spark")
TASKS = ("fit_transform", "fit", "transform")
COLORS = {"newsdesk": "#0b6e4f", "newsdesk predict": "#6ab187"}
FAST_TEXT = "fastText, subwords 2-5"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """Median, and what it lies between."""
    ordered = sorted(values)
    return f"{statistics.median(ordered):{form}} ({ordered[0]:{form}} to {ordered[-1]:{form}})"


def rates(row: Row, run: Row) -> list[float]:
    """Articles a second of each repeat."""
    return [run["corpus"]["articles"] / s for s in row["seconds"]]


def _threads(n: int) -> str:
    return f"{n} thread{'s'[: n > 1]}"


def describe(runs: dict[str, Row]) -> str:
    """Whether what is asked holds; machines, versions, texts."""
    asked = table(
        ["", "what is asked", "", "measured", ""],
        [
            (name, c["claim"], c["bound"], f"{c['value']:.3g}", "pass" if c["holds"] else "**miss**")
            for name, run in runs.items()
            for c in run["checks"]
        ],
    )
    where = "\n\n".join(_where(name, run) for name, run in runs.items())
    return f"## What is asked\n\n{asked}\n\n## Machine, versions, text\n\n{where}"


def _where(name: str, run: Row) -> str:
    machine = run["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in run["versions"].items())
    corpora = run.get("corpora", [run["corpus"]] if "corpus" in run else [])
    texts = "; ".join(
        f"{corpus['name']}; {corpus['articles']:,} articles, {corpus['empty']:,} empty, "
        f"{corpus['bytes'] / 1e6:,.1f} MB of UTF-8, SHA-256 {corpus['sha256'][:16]}"
        for corpus in corpora
    )
    return (
        f"**{name}**, {run['date']}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}, load at the end "
        f"{machine['load_average']:.1f}; {versions}. Text: {texts}."
    )


def report_featurize(run: Row) -> str:
    """A table an analyzer: a row a system, a column a task."""
    size = run["corpus"]["bytes"] / run["corpus"]["articles"] / 1e6
    parts = [
        "## Text to TF-IDF (`featurize`)\n\nArticles a second, median (least to most) of "
        f"{len(run['rows'][0]['seconds'])} repeats; MB/s; and how many times as fast as scikit-learn's "
        "`TfidfVectorizer` with the same normalization, repeat by repeat. `HashingVectorizer` learns nothing "
        "and weighs nothing. What `transform` remembers of tokens is dropped before each repeat."
    ]
    for compared in run["comparisons"]:
        own = [row for row in run["rows"] if row["analyzer"] == compared["analyzer"]]
        systems = list(dict.fromkeys((row["system"], row["input"], row["threads"]) for row in own))
        lines = []
        for system, kind, threads in systems:
            cells = [f"{system}, {kind}", threads]
            named = {"system": system, "input": kind, "threads": threads}
            for task in TASKS:
                found = [row for row in own if row["task"] == task and row.items() >= named.items()]
                cells.append(_featurized(found[0], find(own, task=task, **PEER), run, size) if found else "")
            lines.append(cells)
        parts.append(
            f"### {compared['analyzer']}: {compared['terms']:,} terms, {compared['values']:,} values\n\n"
            f"Same terms as scikit-learn, largest difference of a value {compared['difference']:.1e}.\n\n"
            + table(["system, input", "threads", *TASKS], lines)
        )
    return "\n\n".join(parts)


def _featurized(row: Row, peer: Row, run: Row, size: float) -> str:
    found = rates(row, run)
    times = spread(ratios(row, peer), ".1f")
    return f"{spread(found)}<br>{statistics.median(found) * size:.1f} MB/s; **{times}**"


def report_predict(run: Row) -> str:
    """Who labels how fast, and how long a model takes to be there."""
    peer = find(run["rows"], system=FAST_TEXT)
    lines = [
        (row["system"], spread(rates(row, run)), spread(ratios(row, peer), ".2f"))
        for row in sorted(run["rows"], key=lambda row: statistics.median(row["seconds"]))
    ]
    processes = [
        (p["model"], *(spread(p[key], ".2f") for key in ("load", "label", "process", "command")))
        for p in run["processes"]
    ]
    return (
        "## Raw text to labels (`predict`)\n\nOne thread each, the same text, 19 labels; fastText and Vowpal "
        "Wabbit get the raw text. Median (least to most).\n\n"
        + table(["system", "articles a second", f"times as fast as {FAST_TEXT}"], lines)
        + "\n\n![articles a second](plots/predict.svg)\n\nSeconds in a fresh process: to import and load a "
        "model, to label a page with it, the whole of that process, and `newsdesk predict PAGE`.\n\n"
        + table(["model", "load", "label", "process", "`newsdesk predict`"], processes)
    )


def series(run: Row) -> dict[tuple[str, str], dict[int, list[Row]]]:
    """Runs by system and size."""
    found: dict[tuple[str, str], dict[int, list[Row]]] = {}
    for row in run["rows"]:
        settings = [row[key] for key in ("analyzer", "format") if key in row]
        threads = [_threads(row["threads"])] if "threads" in row else []
        key = (row["system"], ", ".join([row["system"], *settings, *threads]))
        found.setdefault(key, {}).setdefault(row["articles"], []).append(row)
    return found


def report_scale(run: Row) -> str:
    """Speed and memory by size."""
    lines = [
        (
            name,
            f"{articles:,}",
            spread([articles / seconds(row) for row in rows]),
            f"{statistics.median(row['peak_bytes'] for row in rows) / 1e6:,.0f}",
            f"{rows[0]['terms']:,}" if "terms" in rows[0] else "",
        )
        for (_, name), sizes in series(run).items()
        for articles, rows in sizes.items()
    ]
    return (
        "## Small to large (`scale`)\n\nFit and transform (the hashing one: transform; predict: raw text to "
        "labels), streamed from Parquet, each in a process of its own, whose peak memory is all of it, "
        "libraries too. The articles are made: sentences of real ones, shuffled within their outlet. So they "
        "hold no word that the real ones don't, and the terms level off sooner than those of as many real "
        "articles would. Peers stop where the next size would take too long. `default` counts "
        f"{json.dumps(run['default'])}.\n\n"
        "![time and memory](plots/scale.svg)\n\n"
        + table(["system", "articles", "articles a second", "peak MB", "terms"], lines)
    )


def report_training(run: Row) -> str:
    """Training by size."""
    ours = {(r["articles"], r["repeat"]): r["seconds"] for r in run["rows"] if r["system"] == "newsdesk"}
    lines = []
    for (_, system), sizes in series(run).items():
        for articles, rows in sizes.items():
            seconds, memory = [row["seconds"] for row in rows], max(row["peak_bytes"] for row in rows)
            times = [row["seconds"] / ours[articles, row["repeat"]] for row in rows]
            cost = f"{1e3 * statistics.median(seconds) / articles:,.1f}"
            lines.append(
                (
                    system,
                    f"{articles:,}",
                    spread(seconds, ",.1f"),
                    cost,
                    spread(times, ".2f"),
                    f"{memory / 1e6:,.0f}",
                )
            )
    header = ["system", "articles", "seconds", "ms an article", "times newsdesk's", "peak MB"]
    return (
        "## Labelled articles to classifiers (`training`)\n\nText to TF-IDF of stems, and a classifier a "
        "label, on all cores, each in a process of its own; median (least to most). newsdesk and "
        "scikit-learn fit the same logistic regressions by the same solver; Annif trains Omikuji. Memory is "
        "that of all processes at once.\n\n![time and memory](plots/training.svg)\n\n" + table(header, lines)
    )


def report_clean(run: Row) -> str:
    """Cleaning by size and format, and how good the groups are."""
    lines = [
        (
            name, f"{articles:,}", spread([articles / row["cpu_seconds"] for row in rows]),
            f"{max(row['peak_bytes'] for row in rows) / 1e6:,.0f}", f"{rows[0]['groups']:,}",
        )
        for (_, name), sizes in series(run).items()
        for articles, rows in sizes.items()
    ]  # fmt: skip
    exact, *others = run["groups"]
    groups = [
        (row["system"], f"{row['pairs']:,}", f"{row['precision']:.4f}", f"{row['recall']:.4f}")
        for row in others
    ]
    return (
        "## Raw files to groups (`clean`)\n\nArticles a second of processor time on one core, median (least "
        "to most). newsdesk reads, repairs, checks, groups and splits; datasketch and rensa group texts that "
        "are read and cut at spaces, and stop where the next size would take too long.\n\n"
        "![time and memory](plots/clean.svg)\n\n"
        + table(["system, format", "articles", "articles a second", "peak MB", "groups"], lines)
        + f"\n\nPairs joined among {exact['texts']:,} real articles, beside the {exact['pairs']:,} of "
        "groups by all pairs of a Jaccard similarity of 0.5 or more, in word triples of our tokens.\n\n"
        + table(["system", "pairs", "precision", "recall"], groups)
    )


def report_batch(run: Row) -> str:
    """Whole jobs by size."""
    lines = []
    for row in run["rows"]:
        peers = [r for r in run["rows"] if r["system"] == FAST_TEXT and r["articles"] == row["articles"]]
        times = f"{peers[0]['seconds'] / row['seconds']:.1f}" if peers else ""
        lines.append(
            (
                row["system"], row["threads"], f"{row['articles']:,}", f"{row['seconds']:,.1f}",
                f"{row['articles'] / row['seconds']:,.0f}", f"{1e6 * row['seconds'] / row['articles']:,.0f}",
                times, f"{row['peak_bytes'] / 1e6:,.0f}",
            )
        )  # fmt: skip
    header = ["system", "threads", "articles", "seconds", "articles a second", "µs an article"]
    return (
        "## Jobs (`batch`)\n\nFrom one Parquet file to a folder of Parquet, each in a process of its own "
        "from its start to its end: libraries, model, reading, labels, writing; ours with probabilities, "
        "the account and the report of drift, the peers' with labels alone. Memory of workers is that of all "
        "their processes at once. A peer stops where it would take too long.\n\n"
        "![time and memory](plots/batch.svg)\n\n"
        + table([*header, f"times as fast as {FAST_TEXT}", "peak MB"], lines)
    )


def report_resume(run: Row) -> str:
    """Jobs that were killed."""
    lines = []
    for row in run["rows"]:
        kills = ", ".join(f"{kill['after_seconds']:.0f} ({kill['parts']})" for kill in row["kills"])
        named, seconds = f"`{' '.join(row['given'])}`", f"{row['undisturbed_seconds']:.0f}"
        lines.append((named, seconds, len(row["kills"]), row["jobs"], row["different"], kills))
    header = ["job", "seconds undisturbed", "kills", "jobs", "differ", "seconds before each (parts there)"]
    return (
        f"## kill -9 (`resume`)\n\nJobs of {run['articles']:,} articles, killed after random times and "
        "resumed each time; one that is done is compared with the undisturbed one, byte by byte, and another "
        "begun.\n\n" + table(header, lines)
    )


def report_spark(run: Row) -> str:
    """One job by workers."""
    lines = [
        (
            row["engine"], row["workers"] or "", f"{row['rows']:,}", f"{row['seconds']:,.1f}",
            f"{row['rows'] / row['seconds']:,.0f}",
        )
        for row in run["rows"]
    ]  # fmt: skip
    return (
        "## On Spark (`spark`)\n\nThe same job in one process of one thread, and on standalone clusters of "
        "one and of two workers of a core each, on loopback; the driver shares the cores. All rows are the "
        "same to the bit.\n\n" + table(["engine", "workers", "rows", "seconds", "rows a second"], lines)
    )


REPORTS: dict[str, Callable[[Row], str]] = {
    "featurize": report_featurize,
    "training": report_training,
    "predict": report_predict,
    "scale": report_scale,
    "clean": report_clean,
    "batch": report_batch,
    "resume": report_resume,
    "spark": report_spark,
}


def plot_bars(axes: Any, labels: Sequence[str], rows: Sequence[Row], run: Row) -> None:
    """Articles a second, the fastest on top, with least and most."""
    order = sorted(range(len(rows)), key=lambda k: -statistics.median(rows[k]["seconds"]))
    found = [rates(rows[k], run) for k in order]
    medians = [statistics.median(f) for f in found]
    below = [m - min(f) for m, f in zip(medians, found, strict=True)]
    above = [max(f) - m for m, f in zip(medians, found, strict=True)]
    names = [labels[k] for k in order]
    colors = [COLORS["newsdesk"] if name.startswith("newsdesk") else "#9a9a9a" for name in names]
    axes.barh(names, medians, color=colors, xerr=[below, above])
    axes.set_xlabel("articles a second")


def plot_featurize(run: Row, figure: Any) -> None:
    """fit_transform of each analyzer, transform of the hashing one."""
    names = [compared["analyzer"] for compared in run["comparisons"]]
    for name, axes in zip(names, figure.subplots(len(names), 1), strict=True):
        rows = [
            row
            for row in run["rows"]
            if row["analyzer"] == name
            and (row["task"] == "fit_transform" or row["system"] == "HashingVectorizer")
            and (row["input"] == "Arrow" or row["system"] != "newsdesk")
        ]
        plot_bars(axes, [f"{row['system']}, {_threads(row['threads'])}" for row in rows], rows, run)
        axes.set_title(name, fontsize="medium")


def plot_predict(run: Row, figure: Any) -> None:
    """Everyone who labels."""
    plot_bars(figure.subplots(), [row["system"] for row in run["rows"]], run["rows"], run)


def plot_scale(run: Row, figure: Any) -> None:
    """Seconds and memory over the number of articles."""
    plot_sizes(run, figure, seconds, limit=2)


def plot_training(run: Row, figure: Any) -> None:
    """The same of training."""
    plot_sizes(run, figure, lambda row: float(row["seconds"]), limit=4)


def plot_clean(run: Row, figure: Any) -> None:
    """The same of cleaning, in seconds of the processor."""
    plot_sizes(run, figure, lambda row: float(row["cpu_seconds"]), limit=4)


def plot_batch(run: Row, figure: Any) -> None:
    """The same of whole jobs."""
    plot_sizes(run, figure, lambda row: float(row["seconds"]), limit=1.5)


def plot_sizes(run: Row, figure: Any, of: Callable[[Row], float], *, limit: float) -> None:
    """Time and memory by size, with the memory that must do."""
    time, memory = figure.subplots(1, 2)
    for k, ((system, name), sizes) in enumerate(series(run).items()):
        style = {
            "marker": ".",
            "label": name,
            "linestyle": "-" if system.startswith("newsdesk") else "--",
            "color": f"C{k}",
        }
        x = sorted(sizes)
        time.plot(x, [statistics.median(map(of, sizes[n])) for n in x], **style)
        memory.plot(x, [statistics.median(row["peak_bytes"] for row in sizes[n]) / 1e9 for n in x], **style)
    time.set(xscale="log", yscale="log", xlabel="articles", ylabel="seconds")
    memory.set(xscale="log", xlabel="articles", ylabel="peak memory, GB")
    memory.axhline(limit, color="black", linewidth=0.5)
    figure.legend(*time.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize="small")


PLOTS: dict[str, tuple[Callable[[Row, Any], None], tuple[float, float]]] = {
    "featurize": (plot_featurize, (8, 6)),
    "predict": (plot_predict, (8, 4)),
    "scale": (plot_scale, (9, 5.5)),
    "training": (plot_training, (9, 4)),
    "clean": (plot_clean, (9, 4.5)),
    "batch": (plot_batch, (9, 5)),
}


def plot(name: str, run: Row, path: Path) -> None:
    """Write the plot of a run, the same bytes from the same figures."""
    from matplotlib.figure import Figure

    draw, size = PLOTS[name]
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure = Figure(figsize=size, layout="constrained")
        draw(run, figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Example:\n  python benchmarks/report.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to read (%(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS.parent / "RESULTS.md", help="(%(default)s)")
    options = parser.parse_args()
    found = {name: options.results / f"{name}.json" for name in NAMES}
    runs = {
        name: json.loads(path.read_text(encoding="utf-8")) for name, path in found.items() if path.exists()
    }
    if not runs:
        parser.exit(2, f"{options.results}: no results; run featurize.py, predict.py and scale.py first\n")
    parts = [
        "# Results\n\nMade by `python benchmarks/report.py` from `results/`; README.md tells how to measure."
    ]
    parts.append(describe(runs))
    for name, run in runs.items():
        if name in PLOTS:
            plot(name, run, options.output.parent / f"plots/{name}.svg")
        parts.append(REPORTS[name](run))
    if "featurize" in runs:
        parts.append("![articles a second](plots/featurize.svg)")
    options.output.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    note(f"wrote {options.output}")


if __name__ == "__main__":
    main()
