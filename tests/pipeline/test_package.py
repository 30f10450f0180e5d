"""Stages `package` and `fidelity`: the two scorers agree on a quantized model; errors of its files."""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from newsdesk.base.files import read_arrays, write_arrays
from newsdesk.base.settings import Package, read_settings
from newsdesk.evaluation.fidelity import compare_scores
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.storage import read_weights
from newsdesk.pipeline.package import write_model
from tests.commands import invoke


@pytest.fixture(scope="module")
def quantized(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The starter model in 8 and in 16 bits."""
    settings = read_settings(tiny_run / "params.yaml")
    folders = {}
    for bits in (8, 16):
        folders[bits] = tmp_path_factory.mktemp("quantized") / "model"
        write_model(
            settings.model_copy(update={"package": Package(quantize=bits)}),
            features=tiny_run / "data/features",
            heads=[tiny_run / "data/heads/region", tiny_run / "data/heads/topic"],
            taxonomy=tiny_run / "data/taxonomy.yaml",
            model=folders[bits],
        )
    return folders


@pytest.mark.parametrize(("bits", "kind", "bound"), [(8, np.int8, 0.1), (16, np.int16, 1e-3)])
def test_a_quantized_model_scores_nearly_the_same(
    tiny_run: Path, tiny_model: Path, quantized: dict[int, Path], bits: int, kind: type, bound: float
) -> None:
    articles = pq.read_table(tiny_run / "data/clean/articles.parquet")
    plain, compiled, exact = (Scorer.load(f) for f in (quantized[bits], quantized[bits], tiny_model))
    plain.compile_from, compiled.compile_from = sys.maxsize, 0
    columns = articles["title"], articles["text"]
    expected, reasons = plain.predict_proba(*columns)
    found, why = compiled.predict_proba(*columns)
    assert found.tobytes() == expected.tobytes()
    assert why == reasons
    changed = compare_scores(compiled, exact, articles)
    assert changed["n_articles"] == reasons.count(None)
    assert 0 < changed["max_difference"] < bound
    assert changed["n_labels_changed"] <= {8: 10, 16: 0}[bits]
    stored = read_arrays(quantized[bits] / "weights.npz")
    assert stored["coef"].dtype == kind


def test_no_article_of_an_evaluation_outlet_is_an_error(tiny_run: Path) -> None:
    result = invoke("fidelity", "data/heads/region", "data/heads/topic", cwd=tiny_run)
    assert result.returncode == 2
    assert "no article of an evaluation outlet" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scale": None}, "weights.npz: coef of int8 without one float32 scale a label"),
        ({"scale": np.ones(2, np.float32)}, "without one float32 scale a label"),
        ({"scale": np.ones((), np.float32)}, "without one float32 scale a label"),
        ({"scale": np.array([b"x"] * 38)}, "without one float32 scale a label"),
        ({"scale": np.full(38, np.nan, np.float32)}, "scale: expected positive numbers"),
        ({"scale": np.zeros(38, np.float32)}, "scale: expected positive numbers"),
        ({"scale": np.full(38, 3e38, np.float32)}, "coef: expected finite floats"),
        ({"coef": np.ones((4, 19), np.int64)}, "coef of int64; expected int8, int16 or floats"),
        ({"coef": np.ones((4, 38), np.int8)}, "coef of shape .4, 38. for"),
        ({"coef": np.array(["x"])}, "coef of <U1; expected"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_damaged_weights_are_an_error(
    quantized: dict[int, Path], tmp_path: Path, changed: dict, message: str
) -> None:
    for file in quantized[8].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = read_arrays(tmp_path / "weights.npz") | changed
    write_arrays(
        tmp_path / "weights.npz", **{name: array for name, array in weights.items() if array is not None}
    )
    with pytest.raises(ValueError, match=f"no readable model .*{message}"):
        Scorer.load(tmp_path)


def test_integers_are_multiplied_by_the_step_of_their_label(tmp_path: Path) -> None:
    coef, scale = np.array([[1, -2], [0, 127]], np.int8), np.array([0.5, 0.25], np.float32)
    write_arrays(tmp_path / "weights.npz", coef=coef, scale=scale)
    weights = read_weights(tmp_path / "weights.npz")
    assert weights["coef"].tolist() == [[0.5, -0.5], [0.0, 31.75]]
    assert weights["coef"].dtype == np.float32


def test_the_evaluation_split_cannot_be_trained_on(tiny_run: Path) -> None:
    result = invoke("featurize", "--split", "evaluation", cwd=tiny_run)
    assert result.returncode == 2
    assert "'evaluation' is not one of" in result.stderr
