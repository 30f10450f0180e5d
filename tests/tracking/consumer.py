"""What a consumer of the model does with each kind of input, in an environment without newsdesk.

    python tests/tracking/consumer.py MODEL

MODEL is a URI or folder that MLflow loads. Prints the versions of packages, and for each kind of input the rows
of the output, as JSON.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import threading
import warnings

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa

PACKAGES = ("mlflow-skinny", "numpy", "pandas", "pyarrow", "numba", "PyStemmer", "polars")
SUMMIT = "بحث المستشار الألماني مع نظيره الفرنسي في برلين سبل دعم الاقتصاد الأوروبي وخفض أسعار الطاقة."
ATTACK = "قتل سبعة أشخاص في تفجير انتحاري استهدف سوقاً شعبية في نيروبي وتبنته جماعة متطرفة."
TEXTS, TITLES, IDS = [SUMMIT, None, ATTACK], ["قمة في برلين", None, None], ["a", "b", "c"]
ROWS = [{"text": SUMMIT, "title": "قمة في برلين", "article_id": "a"}, {"text": None}, {"text": ATTACK}]
N_MANY = 1200  # enough for the compiled implementation


def inputs():
    """The same three articles as each kind of input, by name."""
    columns = {"article_id": IDS, "title": TITLES, "text": TEXTS}
    frame = pd.DataFrame(columns, dtype=object)
    arrow = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    yield "DataFrame", frame
    yield "columns in another order", frame[["text", "title", "article_id"]]
    yield "another index", frame.set_index(pd.Index([7, 7, 0]))
    yield "more columns", frame.assign(section="x", number=[1, 2, 3], when=pd.Timestamp("2025-01-01"))
    yield "NaN", frame.where(frame.notna(), np.nan)
    yield "pd.NA", frame.where(frame.notna(), pd.NA)
    yield "dtype string", frame.astype("string")
    yield "dtype category", frame.astype("category")
    yield "dtype of Arrow", arrow.to_pandas(types_mapper=pd.ArrowDtype)
    yield "from Arrow", arrow.to_pandas()
    yield "home", frame.assign(home=[None, "EG", "KE"])
    yield "list of dicts", ROWS
    if importlib.util.find_spec("polars"):
        import polars

        yield "from polars", polars.DataFrame(columns).to_pandas()


def describe(predicted):
    """The rows of an output, which JSON must be able to hold."""
    return json.loads(json.dumps(predicted.to_dict("records"), allow_nan=False))


def in_threads(model, frame):
    """The same answer in eight threads at once, right after loading."""
    answers = [None] * 8

    def predict(i):
        answers[i] = describe(model.predict(frame))

    threads = [threading.Thread(target=predict, args=(i,)) for i in range(len(answers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


def in_a_child(model, frame):
    """The answer of a forked child."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, json.dumps(describe(model.predict(frame))).encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable, encoding="utf-8") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


def main():
    warnings.simplefilter("ignore")
    frame = pd.DataFrame({"article_id": IDS, "title": TITLES, "text": TEXTS}, dtype=object)
    load = mlflow.pyfunc.load_model
    outputs = {"threads": in_threads(load(sys.argv[1]), frame), "fork": in_a_child(load(sys.argv[1]), frame)}
    model = load(sys.argv[1])
    for name, given in inputs():
        outputs[name] = describe(model.predict(given))
    many = model.predict(pd.concat([frame] * (N_MANY // 3), ignore_index=True))
    outputs["many"] = describe(many.tail(3))
    empty = model.predict(frame.head(0))
    installed = {d.metadata["Name"] for d in importlib.metadata.distributions()}
    json.dump(
        {
            "python": platform.python_version(),
            "versions": {name: importlib.metadata.version(name) for name in PACKAGES if name in installed},
            "compiled": model.unwrap_python_model().scorer.compiled is not None,
            "n_many": len(many),
            "empty": [len(empty), list(empty)],
            "outputs": outputs,
        },
        sys.stdout,
    )  # fmt: skip


if __name__ == "__main__":
    main()
