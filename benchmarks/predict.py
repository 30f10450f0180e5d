"""Raw text to the labels of both heads: the packaged models beside scikit-learn, fastText and Vowpal Wabbit.

One thread each, the same text, as many labels. fastText and Vowpal Wabbit are trained on the training split
of the largest corpus that is there, normalized and cut into tokens as ours; they label the raw text.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow.parquet as pq
import scipy.sparse as sp
from corpus import real
from featurize import fold, fold_tokens, peer_blocks
from harness import (
    ROOT,
    Contender,
    Row,
    build_parser,
    check,
    fresh,
    measure,
    median_ratio,
    note,
    write_results,
)
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import make_union
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits
from vowpalwabbit import Workspace

from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.mentions import place_features
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.storage import PLACES, TERMS, read_packed, read_weights
from newsdesk.inference.text import (
    CHAR_PREFIX,
    build_stemmer,
    char_ngrams,
    normalize,
    take_tokens,
    tokenize,
    tokenize_sentences,
    word_ngrams,
)

MODELS = ("model", "profiles/public/model")
CORPORA = ("profiles/public/data/clean/articles.parquet", "data/clean/articles.parquet")
PAGE = ROOT / "data/starter/pages/page-01.txt"
ONE_LINE = str.maketrans("\n\r", "  ")
WABBIT_LINE = str.maketrans("\n\r:|", "    ")  # a colon and a bar mean something there
LOAD = """
import json, sys, time
started = time.perf_counter()
from newsdesk.inference.scorer import Scorer
scorer = Scorer.load(sys.argv[1])
loaded = time.perf_counter()
scorer.predict([""], [open(sys.argv[2], encoding="utf-8").read()])
print(json.dumps({"load": loaded - started, "label": time.perf_counter() - loaded}))
"""
COMMAND = "import sys; from newsdesk.cli.main import main; sys.argv[0] = 'newsdesk'; main()"

Texts = Sequence[str]
Label = Callable[[Texts, Texts], Any]


def whole(titles: Texts, texts: Texts) -> Iterable[str]:
    """Title and text as one."""
    return (f"{title}\n{text}" for title, text in zip(titles, texts, strict=True))


def newsdesk(folder: Path) -> Label:
    """The packaged model as it is loaded, its compiled path built."""
    scorer = Scorer.load(folder)
    scorer.compile_from, scorer.threads = 0, 1
    scorer.predict([""], ["نص"])
    return scorer.predict


def scikit_learn(folder: Path) -> Label:
    """The same model as up to four `TfidfVectorizer`s with our terms, and one matrix product."""
    info = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    terms = read_packed(folder / TERMS)
    weights = read_weights(folder / "weights.npz")
    settings = info["features"]
    n_words = sum(not term.startswith(CHAR_PREFIX) for term in terms)
    chars = [term.removeprefix(CHAR_PREFIX) for term in terms[n_words:]]
    parts = [(None, 1.0), (settings["lead_tokens"], settings["lead_weight"])]
    blocks = [
        (_block(info, terms_of, own, idf, n_tokens=n_tokens), own_weight * weight)
        for n_tokens, weight in parts if weight
        for terms_of, own, idf, own_weight in (
            (_words_of, terms[:n_words], weights["idf"][:n_words], settings["word_weight"]),
            (_chars_of, chars, weights["idf"][n_words:], settings["char_weight"]),
        ) if own
    ]  # fmt: skip
    if settings["places"]:
        blocks.append((_places(folder, info), settings["place_weight"]))
    coef, n_labels = weights["coef"].astype(np.float64), len(weights["slope"])

    def score(titles: Texts, texts: Texts) -> np.ndarray:
        pairs = list(zip(titles, texts, strict=True))
        X = sp.hstack([weight * transformer.transform(pairs) for transformer, weight in blocks], format="csr")
        # without the coefficients of homes; those of the order of labels are the second half of the columns
        linear = X @ coef[: X.shape[1]] + weights["intercept"]
        return 1 / (1 + np.exp(-(weights["slope"] * linear[:, :n_labels] + weights["offset"])))

    return score


def _block(
    info: Row, terms_of: Callable[..., list[str]], terms: Sequence[str], idf: np.ndarray, *,
    n_tokens: int | None,
) -> TfidfVectorizer:  # fmt: skip
    """A vectorizer of title and text, or of title and the first tokens of the text."""
    settings, fold = info["features"], info["normalization"]
    table = str.maketrans(fold["from"], fold["to"], fold["remove"])

    def analyze(pair: tuple[str, str]) -> list[str]:
        title, text = (
            tokenize_sentences(normalize(part, table), scope=settings["ngram_scope"]) for part in pair
        )
        text = text if n_tokens is None else take_tokens(text, n_tokens)
        return terms_of(title, settings) * settings["title_weight"] + terms_of(text, settings)

    vectorizer = TfidfVectorizer(
        analyzer=analyze, vocabulary=terms, sublinear_tf=settings["sublinear_tf"], norm=settings["norm"]
    )
    vectorizer.idf_ = idf
    return vectorizer


def _places(folder: Path, info: Row) -> FunctionTransformer:
    gazetteer = Gazetteer.from_dict(read_packed(folder / PLACES))
    fold, lead_tokens = info["normalization"], info["features"]["lead_tokens"]
    table = str.maketrans(fold["from"], fold["to"], fold["remove"])

    def values(pairs: list[tuple[str, str]]) -> sp.csr_matrix:
        tokens = ([tokenize(normalize(part, table)) for part in pair] for pair in pairs)
        return sp.csr_matrix([place_features(*both, gazetteer, lead_tokens=lead_tokens) for both in tokens])

    return FunctionTransformer(values)


def _words_of(parts: list[list[str]], settings: Row) -> list[str]:
    stem = build_stemmer(settings["stem"]) or list
    return [run for tokens in parts for run in word_ngrams(stem(tokens), ngram_max=settings["ngram_max"])]


def _chars_of(parts: list[list[str]], settings: Row) -> list[str]:
    shortest, longest = settings["char_ngrams"]
    return [
        run
        for part in parts
        for token in part
        for run in char_ngrams(token, shortest=shortest, longest=longest)
    ]


def hashing(folder: Path, n_labels: int, seed: int) -> Label:
    """`HashingVectorizer`s that count what the model counts, and a product with weights that are drawn."""
    features = json.loads((folder / "model.json").read_text(encoding="utf-8"))["features"]
    blocks = [HashingVectorizer(n_features=2**18, **block) for block in peer_blocks(features)]
    union = make_union(*blocks)
    coef = np.random.default_rng(seed).normal(size=(2**18 * len(blocks), n_labels))
    return lambda titles, texts: union.transform(list(whole(titles, texts))) @ coef > 0


def fast_text(lines: Path, *, subwords: bool) -> Label:
    """A supervised fastText model of 100 dimensions, its labels one against the rest."""
    note(f"training fastText {'with subwords' if subwords else 'of words'}")
    runs = {"minn": 2, "maxn": 5} if subwords else {"minn": 0, "maxn": 0}
    # on one thread 0.9.3 fills a tenth of the matrix and trains on what is in memory: "Encountered NaN"
    model = fasttext.train_supervised(str(lines), loss="ova", dim=100, thread=2, verbose=0, **runs)
    return lambda titles, texts: model.predict([t.translate(ONE_LINE) for t in whole(titles, texts)], k=-1)


def normalized_first(label: Label) -> Label:
    """The same with our normalization before it, in Python."""
    return lambda titles, texts: label([fold(t) for t in titles], [fold(t) for t in texts])


def vowpal_wabbit(rows: Sequence[tuple[list[int], str]], n_labels: int, folder: Path) -> Label:
    """Logistic regressions on hashed words, one against the rest."""
    note("training Vowpal Wabbit")
    path = folder / "model.vw"
    options = f"--multilabel_oaa {n_labels} --loss_function logistic -b 20 --quiet"
    training = Workspace(f"{options} -f {path}")
    for labels, text in rows:
        training.learn(f"{','.join(map(str, labels))} | {text}")
    training.finish()
    model = Workspace(f"-i {path} -t --quiet")
    return lambda titles, texts: [
        model.predict(f"| {t.translate(WABBIT_LINE)}") for t in whole(titles, texts)
    ]


def training_rows(corpus: Path, labels: Sequence[str]) -> list[tuple[list[int], str]]:
    """Labels, by their places, and normalized text of the labelled training articles."""
    place = {label: k for k, label in enumerate(labels)}
    columns = ["split", "region", "topic", "title", "text"]
    return [
        ([place[label] for label in held], fold_tokens(f"{row['title']}\n{row['text']}"))
        for row in pq.read_table(corpus, columns=columns).to_pylist()
        if row["split"] == "train" and (held := [*(row["region"] or ()), *(row["topic"] or ())])
    ]


def contenders(models: list[Path], corpus: Path, seed: int, folder: Path) -> list[Contender]:
    """Whoever labels, each ready to."""
    labels = [label for head in Scorer.load(models[0]).heads for label in head.labels]
    rows = training_rows(corpus, labels)
    lines = folder / "train.txt"
    named = ((" ".join(f"__label__{labels[k]}" for k in held), text) for held, text in rows)
    lines.write_text("".join(f"{held} {text}\n" for held, text in named), encoding="utf-8")
    subwords = fast_text(lines, subwords=True)
    ready: dict[str, Label] = {
        "HashingVectorizer and weights": hashing(models[0], len(labels), seed),
        "fastText, subwords 2-5": subwords,
        "fastText, subwords 2-5, normalized in Python": normalized_first(subwords),
        "fastText, words": fast_text(lines, subwords=False),
        "Vowpal Wabbit, words": vowpal_wabbit(rows, len(labels), folder),
    }
    found = []
    for model in models:
        name = model.relative_to(ROOT).as_posix() if model.is_relative_to(ROOT) else model.as_posix()
        if model == models[0]:  # it takes minutes
            ready[f"scikit-learn, {name}"] = scikit_learn(model)
        found.append(Contender({"system": f"newsdesk, {name}"}, partial(newsdesk, model)))
    return found + [Contender({"system": name}, lambda label=label: label) for name, label in ready.items()]


def on(contender: Contender, titles: Texts, texts: Texts) -> Contender:
    """The contender with its input."""
    return Contender(contender.named, lambda: partial(contender.prepare(), titles, texts))


def difference(model: Path, titles: Texts, texts: Texts) -> float:
    """Largest difference of a probability from scikit-learn's, of the articles that are scored."""
    scorer = Scorer.load(model)
    scorer.compile_from = 0
    ours, reasons = scorer.predict_proba(titles, texts)
    scored = np.array([reason is None for reason in reasons])
    return float(np.abs(ours - scikit_learn(model)(titles, texts))[scored].max(initial=0.0))


def in_fresh_processes(models: list[Path], repeats: int) -> list[Row]:
    """Seconds to load a model and to label a page, each in a process of its own."""
    rows = []
    for model in models:
        seconds: dict[str, list[float]] = {"load": [], "label": [], "process": [], "command": []}
        for _ in range(repeats):
            inside, took = fresh("-c", LOAD, model, PAGE)
            for key, value in json.loads(inside).items():
                seconds[key].append(value)
            seconds["process"].append(took)
            seconds["command"].append(fresh("-c", COMMAND, "predict", PAGE, "--model", model)[1])
        rows.append(
            {
                "model": model.name if not model.is_relative_to(ROOT) else str(model.relative_to(ROOT)),
                **seconds,
            }
        )
    return rows


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/predict.py --articles 1000 --repeats 2")
    parser.add_argument("--articles", type=int, help="only so many, drawn evenly from the corpus")
    there = [ROOT / model for model in MODELS if (ROOT / model).exists()]
    parser.add_argument("--model", type=Path, nargs="+", default=there, help="the first one is checked")
    trained = next((ROOT / path for path in CORPORA if (ROOT / path).exists()), None)
    parser.add_argument(
        "--train", type=Path, default=trained, help="clean articles for the peers (%(default)s)"
    )
    options = parser.parse_args()
    models = [model.resolve() for model in options.model]
    corpus = real(options.articles)
    table = corpus.table()
    titles, texts = table["title"].to_pylist(), table["text"].to_pylist()
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        found = contenders(models, options.train, options.seed, Path(folder))
        measure([on(contender, titles[:8], texts[:8]) for contender in found], 1)  # to warm up
        rows = measure([on(contender, titles, texts) for contender in found], options.repeats)
        differences = [difference(model, titles[:2000], texts[:2000]) for model in models]
    processes = in_fresh_processes(models, max(3, options.repeats))
    ours, peer = found[0].named, {"system": "fastText, subwords 2-5"}
    checks = [
        check("largest difference of a probability from scikit-learn", max(differences), most=1e-9),
        check("times as fast as fastText with subwords", median_ratio(rows, ours, peer), least=4),
        check(
            "slowest load of a model in a fresh process, s", max(max(p["load"]) for p in processes), most=1
        ),
    ]
    content = {
        "corpus": corpus.describe(),
        "seed": options.seed,
        "rows": rows,
        "processes": processes,
        "checks": checks,
    }
    write_results(options.results / "predict.json", content)


if __name__ == "__main__":
    main()
