"""Kernels run as they are written, or compiled, whatever they are given."""

from contextlib import contextmanager

import pytest

from peersettle.pricing._compiling import Kernel

WAYS = (Kernel.interpreted, Kernel.compiled)


@contextmanager
def running(way):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kernel, "__call__", way)
        yield
