"""The services of `patterns_support` as fixtures."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from patterns_support import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The payment service."""
    with Service("service.py", tmp_path) as running:
        yield running


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[Service]:
    """What stands for AWS Lambda."""
    with Service("lambda_service.py", tmp_path) as running:
        yield running
