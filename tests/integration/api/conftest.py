"""Two nodes on anvil, the taker's behind its API."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from tests.integration.node.conftest import scene  # noqa: F401
from tests.integration.node.strategies import Fixed

from peersettle.api import Peer, create_app
from peersettle.api.server import serve

TOKEN = "t" * 43


@asynccontextmanager
async def served(node):
    """A client of this node's API."""
    ready = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(create_app(node, TOKEN), ("127.0.0.1", 0), ready.set_result))
    try:
        async with Peer(await asyncio.wait_for(ready, 30), TOKEN) as peer:
            yield peer
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.fixture
def trading(scene):  # noqa: F811
    """Run work with a taker's client and its node, beside a maker at 2,000 a piece."""

    def run(work, strategy=None):
        maker, taker = scene.party("maker", strategy or Fixed()), scene.party("taker")

        async def main():
            async with scene.node(maker, "maker"), scene.node(taker, "taker") as node, served(node) as peer:
                return await asyncio.wait_for(work(peer, maker, taker), 60)

        return asyncio.run(main())

    return run
