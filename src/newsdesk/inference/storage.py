"""Read a packaged model's folder and check what it contains; nothing in it is executed."""

from __future__ import annotations

import gzip
import json
import math
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .code import code_sha256
from .decision import BALANCED, PROFILES, FloatArray, Head
from .gazetteer import Gazetteer
from .home import HomeCountries, home_feature_names
from .mentions import place_feature_names
from .text import CHAR_PREFIX, STEMMERS

FORMAT = 7
# gzip; files ending in .gz are unpacked by MLflow's client while it downloads them from a server with S3
TERMS = "terms.json.gzip"
PLACES = "places.json.gzip"
WEIGHTS = "weights.npz"
VECTORS = ("idf", "intercept", "slope", "offset")
# what reading a damaged file can raise
UNREADABLE = (
    OSError, EOFError, ImportError, KeyError, IndexError, TypeError, ValueError, AttributeError,
    NotImplementedError, RecursionError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip

Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """The content of a packaged model's folder; a label's log-odds are those of `Scorer.log_odds`."""

    info: dict[str, Any]  # the content of `model.json`
    heads: tuple[Head, ...]
    terms: tuple[str, ...]  # words and word n-grams, then character n-grams, which begin with `CHAR_PREFIX`
    gazetteer: Gazetteer | None
    idf: FloatArray
    # of shape (n_columns, 2 * n_labels): terms, places, home; all labels, then all labels as the main one
    coef: np.ndarray[Any, np.dtype[np.float32]]
    intercept: FloatArray  # of shape (2 * n_labels,)
    slope: FloatArray  # of shape (n_labels,), like `offset`
    offset: FloatArray

    @property
    def n_term_columns(self) -> int:
        """Number of columns of terms: one a term, or two if the lead is counted once more."""
        return count_term_columns(len(self.terms), self.info["features"])

    @classmethod
    def build(
        cls, info: Mapping[str, Any], terms: Sequence[str], arrays: Arrays, gazetteer: Gazetteer | None
    ) -> PackagedModel:
        """Build a model from values that are checked already."""
        coef = np.ascontiguousarray(arrays["coef"], dtype=np.float32)
        vectors = {name: np.asarray(arrays[name], np.float64) for name in VECTORS}
        return cls(dict(info), _build_heads(info["heads"]), tuple(terms), gazetteer, coef=coef, **vectors)


def read_model_folder(folder: Path) -> PackagedModel:
    """Read and check a model folder; raises any of `UNREADABLE`."""
    info = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if info["format"] != FORMAT:
        raise ValueError(f"model format {info['format']}, this code reads {FORMAT}")
    terms = read_packed(folder / TERMS)
    arrays = read_weights(folder / WEIGHTS)
    _check_features(info["features"])
    _check_terms(terms)
    _check_heads(info["heads"])
    gazetteer = read_packed(folder / PLACES, Gazetteer.from_dict) if info["features"]["places"] else None
    n_places = len(place_feature_names(gazetteer.regions)) if gazetteer else 0
    n_home = len(home_feature_names(gazetteer.regions)) if gazetteer and info["features"]["home"] else 0
    n_columns = count_term_columns(len(terms), info["features"])
    n_labels = sum(len(head["labels"]) for head in info["heads"])
    _check_arrays(
        arrays, n_terms=len(terms), n_columns=n_columns, n_places=n_places, n_home=n_home, n_labels=n_labels
    )
    if n_home and gazetteer and gazetteer.regions != (regions := HomeCountries(info["taxonomy"]).regions):
        raise ValueError(f"regions {gazetteer.regions} of places for {regions} of the taxonomy")
    return PackagedModel.build(info, terms, arrays, gazetteer)


def count_term_columns(n_terms: int, features: Mapping[str, Any]) -> int:
    """Return the number of columns of terms with these settings of the features."""
    return n_terms * (2 if features["lead_weight"] else 1)


def warn_of_other_code(folder: Path, info: Mapping[str, Any]) -> None:
    """Warn if a model was evaluated with other code than this."""
    expected = info.get("code_sha256")
    if expected != code_sha256():
        found = f"evaluated with code {str(expected)[:12]}, scored with code {code_sha256()[:12]}"
        warnings.warn(f"{folder}: {found}; scores may differ", RuntimeWarning, stacklevel=3)


def read_packed(path: Path, build: Callable[[Any], Any] = lambda content: content) -> Any:
    """Read gzip-compressed JSON, and build something of it; an error names the file."""
    packed = path.read_bytes()
    try:
        return build(json.loads(gzip.decompress(packed)))
    except UNREADABLE as error:
        raise ValueError(f"{path.name}: {describe_error(error)}") from error


def read_weights(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read arrays without pickle; integer coefficients become float32, multiplied by their `scale`."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    coef, scale = arrays["coef"], arrays.pop("scale", None)
    if coef.dtype.kind != "f":
        if coef.dtype not in (np.int8, np.int16):
            raise ValueError(f"{path.name}: coef of {coef.dtype}; expected int8, int16 or floats")
        if scale is None or scale.dtype != np.float32 or scale.shape != coef.shape[1:]:
            raise ValueError(f"{path.name}: coef of {coef.dtype} without one float32 scale a label")
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise ValueError(f"{path.name}: scale: expected positive numbers")
        arrays["coef"] = coef.astype(np.float32) * scale
    return arrays


def describe_error(error: BaseException) -> str:
    """Return the message of a ValueError; prefix exceptions of other types with their type name."""
    return str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"


def check_ngram_settings(ngram_max: Any, char_ngrams: Any, title_weight: Any) -> None:
    """Raise a ValueError unless the compiled path, which allocates memory by these, has room for them."""
    if not _is_integer(ngram_max, 0, 10):
        raise ValueError(f"ngram_max: expected an integer from 0 to 10, found {ngram_max!r}")
    if not _is_integer(title_weight, 1, 1000):
        raise ValueError(f"title_weight: expected an integer from 1 to 1000, found {title_weight!r}")
    if char_ngrams is not None:
        is_pair = isinstance(char_ngrams, tuple | list) and len(char_ngrams) == 2
        in_range = is_pair and all(_is_integer(n, 1, 10) for n in char_ngrams)
        if not in_range or char_ngrams[0] > char_ngrams[1]:
            raise ValueError(f"char_ngrams: expected 1 <= shortest <= longest <= 10, found {char_ngrams!r}")
    elif not ngram_max:
        raise ValueError("neither words nor characters to count; set ngram_max or char_ngrams")


def _build_heads(described: Sequence[Mapping[str, Any]]) -> tuple[Head, ...]:
    heads, start = [], 0
    for head in described:
        labels, profiles = tuple(head["labels"]), _profiles(head)
        columns = slice(start, start + len(labels))
        rule = head.get("most"), head.get("floor")
        heads.append(Head(head["task"], labels, profiles[BALANCED], columns, profiles, *rule))
        start = columns.stop
    return tuple(heads)


def _profiles(head: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Return the thresholds by profile of a head of `model.json`."""
    by_name = {**head["profiles"], BALANCED: head["thresholds"]}
    return {name: tuple(by_name[name]) for name in PROFILES}


def _check_features(features: Any) -> None:
    """Raise a ValueError unless the settings of the features have the right types and ranges."""
    tests: dict[str, Callable[[Any], bool]] = {
        "ngram_scope": lambda v: v in ("text", "sentence"),
        "stem": lambda v: v is None or v in STEMMERS,
        "word_weight": lambda v: _is_number(v, 0, math.inf),
        "char_weight": lambda v: _is_number(v, 0, math.inf),
        "sublinear_tf": lambda v: isinstance(v, bool),
        "norm": lambda v: v in (None, "l1", "l2"),
        "min_words": lambda v: isinstance(v, int) and _is_number(v, 0, math.inf),
        "places": lambda v: isinstance(v, bool),
        "place_weight": lambda v: _is_number(v, 0, math.inf),
        "home": lambda v: isinstance(v, bool),
        "lead_tokens": lambda v: _is_integer(v, 0, 1_000_000),
        "lead_weight": lambda v: _is_number(v, 0, math.inf),
    }
    for name, is_valid in tests.items():
        if not is_valid(features[name]):
            raise ValueError(f"features.{name}: {features[name]!r} is not understood")
    check_ngram_settings(features["ngram_max"], features["char_ngrams"], features["title_weight"])


def _check_terms(terms: Any) -> None:
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
        raise ValueError(f"{TERMS}: not a list of strings")
    if len(set(terms)) != len(terms):
        raise ValueError(f"{TERMS}: a term is listed twice")
    is_char_ngram = [term.startswith(CHAR_PREFIX) for term in terms]
    if is_char_ngram != sorted(is_char_ngram):
        raise ValueError(f"{TERMS}: a word is listed after a character n-gram")


def _check_heads(heads: Any) -> None:
    if not heads or len({head["task"] for head in heads}) != len(heads):
        raise ValueError("heads: none, or two of one task")
    for head in heads:
        task, labels = head["task"], head["labels"]
        are_names = isinstance(task, str) and all(isinstance(label, str) for label in labels)
        if not are_names or len(set(labels)) != len(labels):
            raise ValueError(f"heads: labels of {task!r} are not distinct names")
        for profile, thresholds in _profiles(head).items():
            if len(thresholds) != len(labels) or not all(_is_number(t, 0, 1) for t in thresholds):
                expected = f"one {profile} threshold from 0 to 1 for each label"
                raise ValueError(f"heads: {task}: expected {expected}")
        most, floor = head.get("most"), head.get("floor")
        if most is not None and not _is_integer(most, 1, len(labels)):
            raise ValueError(f"heads: {task}: expected 1 to {len(labels)} labels at most, found {most!r}")
        if floor is not None and not _is_number(floor, 0, 1):
            raise ValueError(f"heads: {task}: expected a floor from 0 to 1, found {floor!r}")


def _check_arrays(
    arrays: Arrays, *, n_terms: int, n_columns: int, n_places: int, n_home: int, n_labels: int
) -> None:
    shapes = {
        "coef": (n_columns + n_places + n_home, 2 * n_labels), "idf": (n_terms,),
        "intercept": (2 * n_labels,), "slope": (n_labels,), "offset": (n_labels,),
    }  # fmt: skip
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            found = f"{name} of shape {arrays[name].shape}"
            columns = (
                f"{n_terms} terms in {n_columns} columns, {n_places} place features, {n_home} home features"
            )
            expected = f"{columns} and {n_labels} labels"
            raise ValueError(f"{WEIGHTS}: {found} for {expected}")
        if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{WEIGHTS}: {name}: expected finite floats")


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_integer(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and least <= int(value) <= most
