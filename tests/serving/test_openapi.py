"""Requests that schemathesis makes from the OpenAPI document, valid and not, to a server process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import negative_data_rejection, positive_data_acceptance

from .processes import ServerProcess, serve

pytestmark = pytest.mark.integration
# What no schema says: which codes are countries, and which bytes are an archive.
BEYOND_SCHEMA = {"country", "container"}
PATHS = ["POST /predict", "POST /read", "GET /health", "GET /ready", "GET /version", "GET /metrics"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serve(tmp_path_factory.mktemp("server"), "--drain", "0") as started:
        yield started


@pytest.fixture(scope="module")
def document(server: ServerProcess) -> Any:
    return schemathesis.openapi.from_url(f"{server.address}/openapi.json")


def test_all_paths_of_the_document_are_tested(document: Any) -> None:
    operations = (found.ok() for found in document.get_all_operations())
    assert sorted(f"{each.method.upper()} {each.path}" for each in operations) == sorted(PATHS)


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        *((path, GenerationMode.POSITIVE) for path in PATHS),
        *((path, GenerationMode.NEGATIVE) for path in PATHS if path.startswith("POST")),
    ],
)
def test_answers_are_as_documented(document: Any, path: str, mode: GenerationMode) -> None:
    method, _, path = path.partition(" ")

    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        response = case.call()
        details = response.json().get("details", []) if response.status_code == 422 else []
        excluded = [positive_data_acceptance] * any(each["type"] in BEYOND_SCHEMA for each in details)
        excluded += [negative_data_rejection] * (response.status_code == 413)  # refused before it was read
        case.validate_response(response, excluded_checks=excluded)

    check()
