"""A service ends in good order when it is told to, and what it fails with is not lost."""

import asyncio
import os
import signal

import pytest

from peersettle.service.running import until_stopped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_what_it_must_put_in_order(number):
    ended = []

    async def work():
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), number)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    async def runs():
        await until_stopped(work())
        return asyncio.get_running_loop().remove_signal_handler(number)

    is_left_behind = asyncio.run(runs())
    assert ended == [number]
    assert not is_left_behind


def test_a_failure_is_the_callers():
    async def work():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(until_stopped(work()))
