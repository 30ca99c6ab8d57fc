"""What the tests of this folder share."""

import pytest

from support.processes import node_binary


@pytest.fixture(scope="session")
def node() -> str:
    """Node's path."""
    return node_binary()
