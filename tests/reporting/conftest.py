"""Fixtures of the report's tests."""

from pathlib import Path

import pytest

from newsdesk.reporting.run_files import RunPaths, find_run_paths
from tests.reporting.page import make_page


@pytest.fixture(scope="session")
def run_paths(tiny_run: Path) -> RunPaths:
    return find_run_paths("starter", tiny_run)


@pytest.fixture(scope="session")
def html(run_paths: RunPaths) -> str:
    return make_page(run_paths)
