"""A damaged model folder is refused, with a message that names what is wrong."""

import gzip
import json
import mimetypes
from collections.abc import Callable
from pathlib import Path

import pytest

from newsdesk.inference.scorer import Scorer
from newsdesk.inference.storage import FORMAT, PLACES, TERMS


def places(content: bytes) -> Callable[[Path], None]:
    return lambda model: (model / PLACES).write_bytes(gzip.compress(content))


def terms(content: bytes) -> Callable[[Path], None]:
    return lambda model: (model / TERMS).write_bytes(gzip.compress(content))


def features(**changed: object) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        info = json.loads((model / "model.json").read_text())
        info["features"] |= changed
        (model / "model.json").write_text(json.dumps(info))

    return damage


def profiles(chosen: object) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        info = json.loads((model / "model.json").read_text())
        info["heads"][0]["profiles"] = chosen
        (model / "model.json").write_text(json.dumps(info))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (profiles({"high_precision": [0.5] * 7}), "no readable model .KeyError: 'high_recall'"),
        (
            profiles({"high_precision": [2.0] * 7, "high_recall": [0.1] * 7}),
            "one high_precision threshold from 0",
        ),
        (
            profiles({"high_precision": [0.5] * 7, "high_recall": [0.1]}),
            "region: expected one high_recall threshold",
        ),
        (lambda m: (m / "weights.npz").unlink(), "no readable model .FileNotFoundError"),
        (lambda m: (m / "weights.npz").write_bytes(b"PK\x03\x04 cut"), "no readable model .BadZipFile"),
        (lambda m: (m / "model.json").write_text("{"), "no readable model .JSONDecodeError"),
        (
            lambda m: (m / "model.json").write_text('{"format": 99}'),
            f"model format 99, this code reads {FORMAT}",
        ),
        (lambda m: (m / "model.json").write_text("[" * 100_000), "no readable model .RecursionError"),
        (lambda m: (m / "model.json").write_text("[]"), "no readable model .TypeError"),
        (features(ngram_max="x"), "ngram_max: expected an integer from 0 to 10, found 'x'"),
        (features(title_weight=2**31), "title_weight: .* found 2147483648"),
        (features(char_ngrams=[6, 4]), "char_ngrams: expected"),
        (features(norm="l3"), "features.norm"),
        (features(ngram_scope="para"), "features.ngram_scope"),
        (features(sublinear_tf="no"), "features.sublinear_tf"),
        (terms('["#كل", "كلمة"]'.encode()), "a word is listed after a character"),
        (terms('["كلمة", "كلمة"]'.encode()), "a term is listed twice"),
        (terms(b"[7]"), "terms.json.gzip: not a list of strings"),
        (lambda m: (m / "model.json").write_text(f'{{"format": {FORMAT}}}'), "no readable model .KeyError"),
        (
            lambda m: (m / "model.json").write_text(f'{{"format": {FORMAT - 1}}}'),
            f"model format {FORMAT - 1}, this code reads {FORMAT}",
        ),
        (lambda m: (m / TERMS).unlink(), "no readable model .FileNotFoundError"),
        (lambda m: (m / TERMS).write_bytes((m / TERMS).read_bytes()[:-9]), "terms.json.gzip: EOFError"),
        (terms('["كلمة"]'.encode()), "coef of shape .* for 1 terms"),
        (features(places="yes"), "features.places"),
        (features(place_weight=-1), "features.place_weight"),
        (features(lead_tokens=1.5), "features.lead_tokens"),
        (features(places=False), "coef of shape .* 0 place features"),
        (lambda m: (m / PLACES).unlink(), "no readable model .FileNotFoundError"),
        (lambda m: (m / PLACES).write_bytes(b"{}"), "places.json.gzip: BadGzipFile"),
        (lambda m: (m / PLACES).write_bytes((m / PLACES).read_bytes()[:-9]), "places.json.gzip: EOFError"),
        (places(b"{"), "places.json.gzip: JSONDecodeError"),
        (places(b"[]"), "places.json.gzip: TypeError"),
        (places(b'{"regions": []}'), "places.json.gzip: KeyError"),
        (places(b'{"regions": [7]}'), "places.json.gzip: regions .7. are not distinct names"),
        (
            places(b'{"regions": ["europe"], "places": [], "rules": [], "forms": []}'),
            "coef of shape .* 17 place features",
        ),
    ],
)
def test_damaged_model_is_refused(tiny_model: Path, tmp_path: Path, damage, message: str) -> None:
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        Scorer.load(tmp_path)


def test_no_file_is_one_that_mlflow_unpacks(tiny_model: Path) -> None:
    encodings = {file.name: mimetypes.guess_type(file.name)[1] for file in tiny_model.iterdir()}
    assert set(encodings.values()) == {None}, encodings
