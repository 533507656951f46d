"""libp2p leaves sockets to the garbage collector when a connection ends rudely, which here is what is tested."""

import gc
import warnings

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/network" in item.path.as_posix():
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture(autouse=True)
def _sockets_are_collected_here():
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
