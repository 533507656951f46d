"""Waiting for what a node comes to."""

import asyncio


async def until(read, wanted, seconds=30.0):
    """Wait until something reads as wanted."""
    async with asyncio.timeout(seconds):
        while not (found := read()) or not wanted(found):
            await asyncio.sleep(0.005)
    return found


async def quoted(node, key, seconds=30.0):
    """The first offer, and whose it is."""
    state = await until(lambda: node.engine.state(key), lambda s: any(a.offer for a in s.answers.values()), seconds)
    return next((peer, answer.offer) for peer, answer in state.answers.items() if answer.offer)


async def settled(node, key, seconds=30.0):
    """A negotiation whose trade is in a block."""
    return await until(lambda: node.engine.state(key), lambda s: s.status in ("settled", "final"), seconds)
