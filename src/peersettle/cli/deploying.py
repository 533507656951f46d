"""Deploying the contracts, and demo tokens for those who try things."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peersettle.cli.desk import Desk
from peersettle.errors import NotDeployed
from peersettle.types import Address, to_units

if TYPE_CHECKING:
    from peersettle.chain import Deployment

DEMO_TOKENS: Final = (("USD Coin (demo)", "USDC", 6), ("Wrapped Ether (demo)", "WETH", 18))
GRANTS: Final = {"USDC": "1000000", "WETH": "1000"}
"""Up to what a holder's demo tokens are filled."""


def deploy_contracts(
    desk: Desk,
    key: str | None,
    password_file: Path | None,
    *,
    demo_tokens: bool,
    holders: Sequence[Address],
    again: bool,
) -> tuple[Deployment, bool]:
    """Deploy what is not there yet, and fill the holders' demo tokens; whether Settlement is new.

    Raises:
        InsufficientFunds, RpcUnavailable, TransactionStuck: as sending does; run again, it goes on.
    """
    from peersettle.chain import deploy

    directory = desk.settings.paths.deployments
    before = _recorded(directory, desk.chain.chain_id)
    sender = desk.sender(desk.signer(key, password_file))
    deployment = deploy(
        desk.chain, sender, directory=directory, demo_tokens=DEMO_TOKENS if demo_tokens else (), force=again
    )
    for holder in holders:
        for _, symbol, decimals in DEMO_TOKENS if demo_tokens else ():
            token = desk.token(deployment.tokens[symbol])
            lacking = to_units(GRANTS[symbol], decimals) - token.balance(holder)
            if lacking > 0:
                sender.send(token.mint(holder, lacking))
    return deployment, deployment.settlement != before


def _recorded(directory: Path, chain_id: int) -> Address | None:
    from peersettle.chain import Deployment

    try:
        return Deployment.load(directory, chain_id).settlement
    except NotDeployed:
        return None
