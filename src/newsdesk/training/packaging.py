"""The arrays and the description of a packaged model, from its trained heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from newsdesk import __version__
from newsdesk.base.normalization import build_table
from newsdesk.base.settings import Settings
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.inference import storage
from newsdesk.inference.code import code_sha256

Arrays = dict[str, np.ndarray[Any, Any]]
HEAD_KEYS = ("task", "labels", "thresholds", "profiles", "most", "floor")


def join_heads(heads: Sequence[Arrays], *, quantize: int | None) -> Arrays:
    """Join the weights of heads, one label after the other; `quantize` is the number of bits or None.

    Coefficients and intercepts of all labels are followed by those of all labels as the main one.
    """
    by_name = {name: [head[name] for head in heads] for name in heads[0]}
    arrays: Arrays = {
        "coef": np.vstack([*by_name["coef"], *by_name["main_coef"]]).T,
        "intercept": np.concatenate([*by_name["intercept"], *by_name["main_intercept"]]),
        **{name: np.concatenate(by_name[name]) for name in ("slope", "offset")},
    }
    if quantize:
        arrays["coef"], arrays["scale"] = quantize_coef(arrays["coef"], quantize)
    return arrays


def quantize_coef(
    coef: np.ndarray[Any, Any], bits: int
) -> tuple[np.ndarray[Any, np.dtype[np.signedinteger[Any]]], np.ndarray[Any, np.dtype[np.float32]]]:
    """Round coefficients to integers, with one step size a label; none changes by more than half a step.

    Parameters
    ----------
    coef : ndarray of shape (n_features, n_labels)
    bits : int
        From 2 to 16; up to 8 are stored as int8, more as int16.

    Returns
    -------
    steps : int8 or int16 ndarray of shape (n_features, n_labels)
    scale : float32 ndarray of shape (n_labels,)
        The size of a step.

    Examples
    --------
    >>> steps, scale = quantize_coef(np.array([[254.0], [-1.0]]), bits=8)
    >>> steps.tolist(), scale.tolist()
    ([[127], [0]], [2.0])
    """
    largest = np.abs(coef).max(axis=0).astype(np.float64)
    scale = (np.where(largest > 0, largest, 1.0) / (2 ** (bits - 1) - 1)).astype(np.float32)
    # divided in float64: in float32 the quotient of the largest could round up to one integer too many
    steps = np.rint(coef / scale.astype(np.float64))
    return np.ascontiguousarray(steps, dtype=np.int8 if bits <= 8 else np.int16), scale


def describe_model(
    settings: Settings, heads: Sequence[Mapping[str, Any]], taxonomy: Taxonomy
) -> dict[str, Any]:
    """Describe a model as its `model.json` does; `heads` is the content of each `head.json`."""
    return {
        "format": storage.FORMAT,
        "name": "newsdesk",
        "version": __version__,
        "code_sha256": code_sha256(),
        "normalization": build_table(settings.text),
        "features": {
            **settings.features.model_dump(exclude={"min_df", "max_df", "max_features"}),
            "min_words": settings.clean.min_words,
        },
        "heads": [{key: head[key] for key in HEAD_KEYS} for head in heads],
        "taxonomy": taxonomy.as_dict(),
    }
