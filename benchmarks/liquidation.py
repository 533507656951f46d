"""What liquidation needs: receipts of an auction's start, of bids on 1 and on 16 options, and of a take-over.

The account is short in all its series, on an epoch that a rise of the price has just begun; every figure is from cold
storage, and includes the 21,000 of a transaction.
"""

from typing import Any

from web3 import Web3

from benchmarks.margin import SPOT, Bench, account
from benchmarks.scene import ETHER, send

LOTS = 500
RISE = 103
WAD = 10**18
ANY_PRICE = 2**255 - 1
BIDDER_CASH = 10**6 * ETHER


def fall(bench: Bench, wanted: list[int], sub_account: int) -> int:
    """The maker sells these series from a sub-account that then falls below maintenance. Returns the account."""
    for start in range(0, len(wanted), 8):
        bench.refresh(wanted[start : start + 8])
    victim = account(bench.scene.maker.address) | sub_account
    for party in (bench.scene.maker, bench.scene.taker):
        bench.deposit(party, 10**6 * ETHER, sub_account)
    bench.trade(*(bench.position(item, LOTS, sub_account) for item in wanted))
    equity, _, initial, _ = bench.ledger.functions.health(victim).call()
    spare = (equity - initial) * 99 // 100
    out = bench.ledger.functions.withdraw(victim, bench.scene.taker_token.address, spare, bench.scene.maker.address)
    send(bench.w3, bench.scene.maker, out)
    return victim


def rise(bench: Bench, wanted: list[int], price: int) -> None:
    """A higher price, confirmed, and the arrays of its epoch."""
    for _ in range(4):
        bench.prices.update(bench.spot, price)
    for start in range(0, len(wanted), 8):
        bench.refresh(wanted[start : start + 8])


def measure(w3: Web3) -> dict[str, int]:
    """Gas by name."""
    bench = Bench(w3)
    for start in range(0, 16, 8):
        bench.refresh(bench.options[start : start + 8])
    bench.fund(10**7 * ETHER)
    many, one = bench.options[:16], bench.options[:1]
    victims = {sub: fall(bench, many if sub < 3 else one, sub) for sub in (1, 2, 3)}
    price = SPOT
    while any(equity >= maintenance for equity, maintenance, *_ in healths(bench, victims)):
        price = price * RISE // 100
        rise(bench, many, price)
    bidder, gas = bench.sender, {}
    cash = bench.scene.taker_token
    send(w3, bench.scene.taker, cash.functions.transfer(bidder.address, 3 * BIDDER_CASH))
    send(w3, bidder, cash.functions.approve(bench.trades.settlement.address, 2**256 - 1))
    for sub in (0, 1, 2):
        bench.deposit(bidder, BIDDER_CASH, sub)
    gas["auction_start16"] = sent(bench, bench.auction.functions.start(victims[1]))
    half = bench.auction.functions.quote(victims[1]).call()[3] // 2
    gas["bid16_new_account"] = sent(bench, bench.auction.functions.bid(victims[1], 0, half, half, ANY_PRICE))
    gas["bid16"] = sent(bench, bench.auction.functions.bid(victims[1], 0, WAD - 1, 0, ANY_PRICE))
    gas["bid1"] = sent(bench, bench.auction.functions.bid(victims[3], 2, WAD - 1, 0, ANY_PRICE))
    send(w3, bidder, bench.auction.functions.start(victims[2]))
    bench.prices.step(600)
    rise(bench, many, price)
    gas["bid_takeover"] = sent(bench, bench.auction.functions.take_over(victims[2], 1, ANY_PRICE))
    return gas


def healths(bench: Bench, victims: dict[int, int]) -> list[Any]:
    return [bench.ledger.functions.health(victim).call() for victim in victims.values()]


def sent(bench: Bench, call: Any) -> int:
    """Gas of the bidder's transaction."""
    return int(send(bench.w3, bench.sender, call)["gasUsed"])


if __name__ == "__main__":
    from web3 import HTTPProvider

    from peersettle.chain import Anvil

    with Anvil() as anvil:
        for name, figure in measure(Web3(HTTPProvider(anvil.url))).items():
            print(f"{name:32} {figure:9,}")
