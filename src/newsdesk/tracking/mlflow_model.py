"""The MLflow model of a packaged folder: what it takes, gives and needs, how it is saved and found."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsdesk.base.files import read_json, sha256, sha256_of_json
from newsdesk.inference.code import copy_code

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

    from newsdesk.inference import pyfunc

    info = read_json(folder / "model.json")
    description = Model(run_id=run_id)
    with tempfile.TemporaryDirectory() as temporary:
        code = Path(temporary, pyfunc.CODE)
        copy_code(code)
        save_model(
            str(destination),
            mlflow_model=description,
            python_model=pyfunc.__file__,
            artifacts={pyfunc.MODEL: str(folder), pyfunc.CODE: str(code)},
            model_config=pyfunc.CONFIG,
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
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    flavor["model_code_path"] = Path(pyfunc.__file__).name
    description.save(str(destination / "MLmodel"))


def packaged_folder(model: Path) -> Path:
    """The packaged folder in an MLflow model or an export; any other folder comes back as it is."""
    inner = (model / "artifacts" / "model", model / "model")  # as `save` and `export` name it
    return next((folder for folder in inner if (folder / "model.json").is_file()), model)


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

    from newsdesk.inference import pyfunc

    types = {bool: DataType.boolean, str: DataType.string}
    labels, scores = Array(DataType.string), Map(DataType.double)
    # column 0 first: MLflow takes a name that is false for the column's position
    taken: list[Any] = [pyfunc.LIST, "text", "title", "article_id"]
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
        params=ParamSchema([ParamSpec(name, types[type(v)], v) for name, v in pyfunc.PARAMS.items()]),
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
