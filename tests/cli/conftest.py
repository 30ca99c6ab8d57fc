from collections.abc import Iterator

import pytest

from cli.running import Up


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A server on memory, for all tests of a file."""
    with Up(tmp_path_factory.mktemp("server"), "--store", "memory://") as up:
        yield up
