"""A registered model of its own for each test, in both kinds of stores."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from mlflow import MlflowClient

from newsdesk.registry import promotion, versions
from newsdesk.registry.paired_test import PromotionRules
from newsdesk.registry.versions import get_finished_run
from tests.commands import Command
from tests.recorded_runs import make_run
from tests.stores import connect

Register = Callable[[pa.Table], str]


@pytest.fixture
def client(store: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    return connect(store)


@pytest.fixture
def newsdesk(store: str, tmp_path: Path) -> Command:
    """`newsdesk` with the store, in this process."""
    return Command(tmp_path, store)


@pytest.fixture
def name() -> str:
    """Name of a registered model that no other test uses."""
    return f"m{uuid.uuid4().hex[:8]}"


@pytest.fixture
def register(client: MlflowClient, name: str, tmp_path: Path) -> Register:
    """Record a run with predictions, register its model, return the version."""

    def call(predictions: pa.Table) -> str:
        run = get_finished_run(client, make_run(client, tmp_path, predictions))
        return versions.register(client, run, name=name, card="# Card\n")[0]

    return call


@pytest.fixture
def promote(client: MlflowClient, name: str, register: Register) -> Register:
    """Record a run, register its model and promote it, which must succeed; return the version."""

    def call(predictions: pa.Table) -> str:
        number = register(predictions)
        rules = PromotionRules(n_bootstrap=200)
        result = promotion.promote(client, name, rules=rules, reason="", dry_run=False)
        assert result.entry
        assert result.entry.version == number
        return number

    return call
