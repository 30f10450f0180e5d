"""The wrapper that MLflow logs with a model: rows in, one row out for each, in the same order.

MLflow runs this file by its path, where newsdesk need not be installed. The model's artifacts hold a copy of
this package, imported under a name of its own, so that two versions in one process keep their behaviour.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

MODEL, CODE = "model", "inference"  # MLflow's names for the packaged folder and for the code that scores
TASKS = ("region", "topic")
LIST = 0  # what pandas, by which MLflow turns a plain list into a frame, calls its column
PARAMS: dict[str, Any] = {"profile": "balanced", "explain": False, "flat": False}
CONFIG: dict[str, Any] = {"threads": 1, "warm": False, "task": None}
NO_LABEL = "none"  # evaluators of MLflow compare no nulls
HASH_DIGITS = 12


class NewsdeskModel(PythonModel):
    """Regions and topics of Arabic news, by the code in the model's artifacts."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the packaged folder as the model config says.

        `threads` is the number of threads that score; `warm` compiles what scores; with a `task`, one of
        `TASKS`, `predict` returns main labels alone.
        """
        folder = Path(context.artifacts[MODEL])
        threads, warm, task = ({**CONFIG, **(context.model_config or {})}[name] for name in CONFIG)
        if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
            raise _refusal(f"model config threads: expected a number from 1, found {threads!r}")
        if not isinstance(warm, bool):
            raise _refusal(f"model config warm: expected true or false, found {warm!r}")
        if task not in (None, *TASKS):
            raise _refusal(f"model config task: expected {' or '.join(TASKS)}, found {task!r}")
        self.task = task
        self._code = _import_package(Path(context.artifacts[CODE]))
        self.scorer = self._code.Scorer.load(folder)
        self.scorer.threads = threads
        if warm:
            self.scorer.warm_up()
        self.version = f"{self.scorer.info['version']}+{_sha256(folder)[:HASH_DIGITS]}"

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> pd.DataFrame | pd.Series:
        """Label articles.

        Parameters
        ----------
        model_input : DataFrame
            `text`, and optionally `title`, `home` (the ISO 3166-1 code of the source's country) and
            `article_id`; other columns are ignored. A plain list of texts comes as column `LIST`.
        params : mapping, optional
            `profile`, a set of thresholds; whether to `explain`; whether rows are `flat`.

        Returns
        -------
        DataFrame, or Series with a task
            With the input's index: article_id, regions, topics, region_scores, topic_scores, reason,
            main_region, main_topic and model_version. If `flat`, columns such as region_asia (bool) and
            region_asia_score (float) stand for lists and maps, one for each label. With `explain` also
            evidence, None for articles that are not scored. The series of a task has the main label of each
            article, `NO_LABEL` for those that have none.

        Raises
        ------
        MlflowException
            If there is no text, a text, title or home is neither a string nor missing, or a home or a param
            is not known.
        """
        chosen = self._check_params(params or {})
        texts, titles = _strings(*_text_column(model_input)), [""] * len(model_input)
        if "title" in model_input:
            titles = _strings(model_input["title"], "title")
        titles, texts = ([self._code.repair_text(part) for part in parts] for parts in (titles, texts))
        homes = self._homes(model_input)
        said = self.scorer.predict(titles, texts, chosen["profile"], homes)
        if self.task:
            main = [next(iter(p.labels[self.task]), NO_LABEL) for p in said]
            return pd.Series(main, model_input.index, dtype=object, name=f"main_{self.task}")
        columns: dict[str, Any] = {"article_id": _article_ids(model_input)}
        if not chosen["flat"]:
            columns |= {f"{task}s": [p.labels[task] for p in said] for task in TASKS}
            columns |= {f"{task}_scores": [p.scores[task] for p in said] for task in TASKS}
        columns["reason"] = [p.reason for p in said]
        for task in TASKS:
            columns[f"main_{task}"] = [next(iter(p.labels[task]), None) for p in said]
        columns["model_version"] = [self.version] * len(said)
        if chosen["flat"]:
            columns |= self._label_columns(said)
        if chosen["explain"]:
            scored = [bool(p.scores["region"]) for p in said]
            columns["evidence"] = self._explain(titles, texts, homes, scored, chosen["profile"])
        # as objects: in a column of strings pandas would turn None into NaN, which is no JSON
        return pd.DataFrame(
            {name: pd.Series(values, model_input.index, dtype=object) for name, values in columns.items()}
        )

    def _label_columns(self, said: Sequence[Any]) -> dict[str, list[Any]]:
        """Return for each label whether it is assigned, and its probability, None if there is none."""
        columns: dict[str, list[Any]] = {}
        for head in self.scorer.heads:
            for label in head.labels:
                columns[f"{head.task}_{label}"] = [label in p.labels[head.task] for p in said]
                columns[f"{head.task}_{label}_score"] = [p.scores[head.task].get(label) for p in said]
        return columns

    def _homes(self, frame: pd.DataFrame) -> list[str | None]:
        """Return the homes of articles, None where they are missing."""
        if "home" not in frame:
            return [None] * len(frame)
        homes = [home or None for home in _strings(frame["home"], "home")]
        for row, home in enumerate(homes):
            try:
                self.scorer.countries.number(home)
            except ValueError as error:
                raise _refusal(f"{error} in row {row}") from None
        return homes

    def _check_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(params) - set(PARAMS))
        if unknown:
            raise _refusal(f"params: {', '.join(unknown)} not known; expected {' or '.join(PARAMS)}")
        chosen = PARAMS | dict(params)
        if chosen["profile"] not in self._code.PROFILES:
            expected = ", ".join(self._code.PROFILES)
            raise _refusal(f"params: profile: expected one of {expected}, found {chosen['profile']!r}")
        for name in ("explain", "flat"):
            if not isinstance(chosen[name], bool):
                raise _refusal(f"params: {name}: expected true or false, found {chosen[name]!r}")
        return chosen

    def _explain(
        self, titles: Sequence[str], texts: Sequence[str], homes: Sequence[str | None],
        scored: Sequence[bool], profile: str,
    ) -> list[Any]:  # fmt: skip
        """Explain each article that was scored."""
        module = importlib.import_module(f"{self._code.__name__}.explain")
        thresholds = {head.task: head.profiles[profile] for head in self.scorer.heads}
        return [
            module.explain(self.scorer, title, text, thresholds=thresholds, home=home) if has_scores else None
            for title, text, home, has_scores in zip(titles, texts, homes, scored, strict=True)
        ]


def _refusal(message: str) -> MlflowException:
    """Return an error of the caller, which a server answers with status 400."""
    return MlflowException(message, error_code=INVALID_PARAMETER_VALUE)


def _text_column(frame: pd.DataFrame) -> tuple[pd.Series, str]:
    """Return the column of texts, `text` or that of a plain list, and its name for messages."""
    # Spark's columns without names come counted from `LIST` on, so that a title would be taken for text
    named, listed = "text" in frame, LIST in frame and not frame[LIST].isna().all()
    if named and listed and not frame["text"].isna().all():
        raise _refusal("columns without names: pass them by name, in Spark as struct('text', 'title')")
    if listed or (LIST in frame and not named):
        return frame[LIST], "list"
    if not named:
        raise _refusal("no column `text`: give a DataFrame that has one, or a list of strings")
    return frame["text"], "text"


def _strings(column: pd.Series, name: str) -> list[str]:
    """Return the strings of a column, empty where they are missing."""
    strings = []
    for row, (value, missing) in enumerate(zip(column.tolist(), column.isna().tolist(), strict=True)):
        if not missing and not isinstance(value, str):
            raise _refusal(f"{name}: expected strings or nulls, found {type(value).__name__} in row {row}")
        strings.append("" if missing else str(value))
    return strings


def _article_ids(frame: pd.DataFrame) -> list[Any]:
    """Return the identifiers as given, None where they are missing."""
    if "article_id" not in frame:
        return [None] * len(frame)
    ids = frame["article_id"]
    return [None if missing else value for value, missing in zip(ids.tolist(), ids.isna(), strict=True)]


def _sha256(folder: Path) -> str:
    """Hash all files of a folder and their names, as the run that made it records it."""
    digest = hashlib.sha256()
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    for file in sorted(path for path in files if "__pycache__" not in path.parts):
        of_file = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{of_file}\n".encode())
    return digest.hexdigest()


def _import_package(folder: Path) -> ModuleType:
    """Import a folder as a package whose name depends on its content, by which compiled code is found."""
    name = f"newsdesk_inference_{_sha256(folder)[:HASH_DIGITS]}"
    if name in sys.modules:
        sys.modules[name].__path__ = [str(folder)]  # an earlier folder of this content may be gone
    else:
        spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


if not __package__:  # MLflow runs this file by its path; newsdesk imports it as part of its package
    set_model(NewsdeskModel())
