"""A first swap by code: two peers, a chain inside this process, one quote, one settlement.

python examples/settle_a_swap.py
"""

import secrets
import tempfile
from pathlib import Path

from peersettle import (
    KeySigner,
    Quote,
    RpcWalletView,
    Settlement,
    Swap,
    Token,
    TransactionSender,
    check_swap,
    deploy,
    embedded,
    from_units,
    fund,
    random_nonce,
    sign_as,
    to_units,
)
from peersettle.chain import DemoToken


def main() -> None:
    """Deploy, quote, check, settle, and print who has what."""
    chain = embedded()
    maker, taker = KeySigner.random(), KeySigner.random()
    for peer in (maker, taker):
        fund(chain, peer.address, 10**18)
    makers, takers = TransactionSender(chain, maker), TransactionSender(chain, taker)

    # Once for a chain: the contracts, and two tokens to try them with.
    tokens = (DemoToken("Demo Dollar", "USDC", 6), DemoToken("Demo Ether", "WETH", 18))
    deployment = deploy(chain, makers, directory=Path(tempfile.mkdtemp()), demo_tokens=tokens)
    settlement = Settlement(chain, deployment)
    dollar, ether = (Token(chain, deployment.tokens[symbol]) for symbol in ("USDC", "WETH"))
    makers.send(dollar.mint(maker.address, to_units("1000", 6)))
    takers.send(ether.mint(taker.address, to_units("1", 18)))

    # The maker signs a quote. Nothing moves; `quote` can be mailed as JSON.
    swap = Swap(
        maker=maker.address,
        taker=taker.address,
        maker_token=dollar.address,
        maker_amount=to_units("100", 6),
        taker_token=ether.address,
        taker_amount=to_units("0.05", 18),
        nonce=random_nonce(secrets.token_bytes(9)),
        deadline=chain.now() + 600,
    )
    quote = sign_as(maker, Quote(deployment.domain, swap))

    # The taker sees what would stop it, before anything is sent.
    for problem in check_swap(quote, RpcWalletView(chain, deployment), taker.address):
        print("not yet:", problem.explain())
    makers.send(dollar.approve(deployment.settlement, swap.maker_amount))
    takers.send(ether.approve(deployment.settlement, swap.taker_amount))
    assert not check_swap(quote, RpcWalletView(chain, deployment), taker.address)

    # The taker sends it: both sides move, or neither.
    receipt = takers.send(settlement.for_quote(quote, taker.address))
    print(f"settled in block {receipt.block_number} for {receipt.gas_used:,} gas")
    for role, peer in (("maker", maker), ("taker", taker)):
        print(
            f"{role} has {from_units(dollar.balance(peer.address), 6)} USDC "
            f"and {from_units(ether.balance(peer.address), 18)} WETH"
        )


if __name__ == "__main__":
    main()
