"""The MLflow model of a packaged folder: signature, input example, requirements, metadata."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsdesk.base.files import read_json, sha256, sha256_of_json
from newsdesk.inference.code import copy_code
from newsdesk.inference.decision import SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

# `make test-consumers` labels with the lowest and the newest of these
REQUIREMENTS = {
    "mlflow-skinny": ">=3.0.1,<4",
    "numpy": ">=1.26.4,<3",
    "pandas": ">=2.2.3,<4",
    "pyarrow": ">=16.1,<27",
    "numba": ">=0.62.1,<0.69",  # older ones keep no compiled code by its content
    "PyStemmer": ">=2.2.0.3,<4",
}


def save(folder: Path, destination: Path, *, run_id: str | None = None, model_id: str | None = None) -> None:
    """Save a packaged folder, with a copy of the inference code, as an MLflow model in a new folder."""
    from mlflow.models import Model
    from mlflow.pyfunc import save_model

    from newsdesk.inference import pyfunc

    info = read_json(folder / "model.json")
    description = Model(run_id=run_id, model_id=model_id)
    with tempfile.TemporaryDirectory() as temporary:
        # copies, since MLflow names artifacts by their folders and takes bytecode along
        model, code = Path(temporary, pyfunc.MODEL), Path(temporary, pyfunc.CODE)
        shutil.copytree(folder, model, ignore=shutil.ignore_patterns("__pycache__"))
        copy_code(code)
        save_model(
            str(destination),
            mlflow_model=description,
            python_model=pyfunc.__file__,
            artifacts={pyfunc.MODEL: str(model), pyfunc.CODE: str(code)},
            model_config=pyfunc.CONFIG,
            signature=build_signature(),
            input_example=build_example(),
            pip_requirements=[f"{name}{versions}" for name, versions in REQUIREMENTS.items()],
            metadata={
                "format": info["format"],
                "schema_version": SCHEMA_VERSION,
                "newsdesk_version": info["version"],
                "model_sha256": sha256(folder),
                "taxonomy_sha256": sha256_of_json(info["taxonomy"]),
            },
        )
    # MLflow records the folders that it copied from, which mean nothing on another machine
    flavor = description.flavors["python_function"]
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    flavor["model_code_path"] = Path(pyfunc.__file__).name
    description.save(str(destination / "MLmodel"))


def packaged_folder(model: Path) -> Path:
    """Return the packaged folder in an MLflow model or an export; return any other folder as is."""
    inner = (model / "artifacts" / "model", model / "model")  # as `save` and `export` name it
    return next((folder for folder in inner if (folder / "model.json").is_file()), model)


def build_signature() -> ModelSignature:
    """Build the signature: named columns of any type, none of them required; the model checks its input.

    With string columns MLflow would turn null into "None"; with a required `text` it would refuse a list.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType, Array, Map

    from newsdesk.inference import pyfunc

    types = {bool: DataType.boolean, str: DataType.string}
    labels, scores = Array(DataType.string), Map(DataType.double)
    # column 0 stands first, since MLflow replaces a false name by the position of the column
    inputs: list[Any] = [pyfunc.LIST, "text", "title", "article_id", "home"]
    text = DataType.string
    outputs: dict[str, Any] = {
        "article_id": text, "regions": labels, "topics": labels,
        "region_scores": scores, "topic_scores": scores, "reason": text,
        "main_region": text, "main_topic": text, "model_version": text,
    }  # fmt: skip
    nullable = ("article_id", "reason", "main_region", "main_topic")
    anything = AnyType()  # type: ignore[no-untyped-call]
    return ModelSignature(
        inputs=Schema([ColSpec(anything, name, required=False) for name in inputs]),
        outputs=Schema(
            [ColSpec(kind, name, required=name not in nullable) for name, kind in outputs.items()]
        ),
        params=ParamSchema([ParamSpec(name, types[type(v)], v) for name, v in pyfunc.PARAMS.items()]),
    )


def build_example() -> pd.DataFrame:
    """Build two invented articles, one of them without title and id."""
    import pandas as pd

    summit = "بحث المستشار الألماني مع نظيره الفرنسي في برلين سبل دعم الاقتصاد الأوروبي وخفض أسعار الطاقة."
    attack = "قتل سبعة أشخاص في تفجير انتحاري استهدف سوقاً شعبية في نيروبي وتبنته جماعة متطرفة."
    columns = {"title": ["قمة في برلين", None], "text": [summit, attack], "article_id": ["a1", None]}
    return pd.DataFrame(columns, dtype=object)  # a string dtype would turn null into NaN, which JSON lacks
