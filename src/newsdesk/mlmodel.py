"""The MLflow model of a packaged folder: what it takes, gives and needs, how it is saved and found."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsdesk.artifacts import files_in, read_json, sha256
from newsdesk.canonical import sha256_of_json

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

# all that the model imports, and what PyStemmer and numba are imported for; pinned as installed
REQUIREMENTS = ("mlflow-skinny", "numpy", "pandas", "pyarrow", "numba", "PyStemmer")


def save(folder: Path, destination: Path, *, run_id: str | None = None) -> None:
    """Save a packaged folder as an MLflow model: its code, its artifacts and what describes them.

    Parameters
    ----------
    folder : Path
        As stage `package` writes it.
    destination : Path
        A folder that is not there yet, or is empty.
    run_id : str, optional
        The run that the model is of.
    """
    from mlflow.models import Model
    from mlflow.pyfunc import save_model

    from newsdesk import served

    info = read_json(folder / "model.json")
    description = Model(run_id=run_id)
    with tempfile.TemporaryDirectory() as temporary:
        clean = Path(temporary, served.ARTIFACT)  # MLflow would copy what Python compiled there too
        for file in files_in(folder):
            copy = clean / file.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        save_model(
            str(destination),
            mlflow_model=description,
            python_model=served.__file__,
            artifacts={served.ARTIFACT: str(clean)},
            model_config=served.CONFIG,
            signature=build_signature(),
            input_example=build_example(),
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            metadata={
                "format": info["format"],
                "newsdesk_version": info["version"],
                "model_sha256": sha256(folder),
                "taxonomy_sha256": taxonomy_sha256(info),
            },
        )
    # MLflow notes where it copied all from: a temporary folder and this checkout, which say nothing elsewhere
    flavor = description.flavors["python_function"]
    flavor["artifacts"][served.ARTIFACT]["uri"] = flavor["artifacts"][served.ARTIFACT]["path"]
    flavor["model_code_path"] = Path(served.__file__).name
    description.save(str(destination / "MLmodel"))


def packaged_folder(model: Path) -> Path:
    """The packaged folder in an MLflow model; a folder that is none comes back as it is."""
    inner = model / "artifacts" / "model"  # as `save` has it, by the name of `served.ARTIFACT`
    return inner if (inner / "model.json").is_file() else model


def taxonomy_sha256(info: Mapping[str, Any]) -> str:
    """The hash of the taxonomy in a `model.json`, whatever the order of its keys."""
    return sha256_of_json(info["taxonomy"])


def build_signature() -> ModelSignature:
    """The signature: named columns, none of which MLflow itself demands or converts.

    The model checks its input itself, for what MLflow would do to it before the model sees it: of a column
    of type string it makes the word None of every null in `inputs` and `instances`, and it refuses a column
    of NaN alone; a list of strings it calls column 0, and refuses it where `text` is required.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType, Array, Map

    from newsdesk import served

    types = {bool: DataType.boolean, str: DataType.string}
    labels, scores = Array(DataType.string), Map(DataType.double)
    # column 0 first: MLflow takes a name that is false for the column's position
    taken: list[Any] = [served.LIST, "text", "title", "article_id"]
    given: dict[str, Any] = {
        "article_id": DataType.string,
        "regions": labels,
        "topics": labels,
        "region_scores": scores,
        "topic_scores": scores,
        "reason": DataType.string,
        "model_version": DataType.string,
    }
    nullable = ("article_id", "reason")
    anything = AnyType()  # type: ignore[no-untyped-call]
    return ModelSignature(
        inputs=Schema([ColSpec(anything, name, required=False) for name in taken]),
        outputs=Schema([ColSpec(kind, name, required=name not in nullable) for name, kind in given.items()]),
        params=ParamSchema([ParamSpec(name, types[type(v)], v) for name, v in served.PARAMS.items()]),
    )


def build_example() -> pd.DataFrame:
    """Articles of our own invention, one of them without title and id."""
    import pandas as pd

    rows = [
        (
            "قمة في برلين",
            "بحث المستشار الألماني مع نظيره الفرنسي في برلين سبل دعم الاقتصاد الأوروبي وخفض أسعار الطاقة.",
            "a1",
        ),
        (None, "قتل سبعة أشخاص في تفجير انتحاري استهدف سوقاً شعبية في نيروبي وتبنته جماعة متطرفة.", None),
    ]
    # as objects: of strings pandas would make the null NaN, which is no JSON
    return pd.DataFrame(rows, columns=["title", "text", "article_id"], dtype=object)
