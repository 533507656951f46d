"""`make bench`: gas and speed of PeerSettle beside its measured peers, into build/bench.json.

Gas figures are anvil receipts and the same on every run: they are also kept in benchmarks/gas.json, so that a change
shows in review. Rates depend on the machine and are compared with a peer measured in the same run.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from web3 import HTTPProvider, Web3

from benchmarks import black76, keeping, liquidation, margin, margin_rates, nodes, oracle, ours, peers, pricing, rates
from benchmarks.floor import Floor
from benchmarks.scene import stage
from peersettle.chain import Anvil

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "build" / "bench.json"
SNAPSHOT = Path(__file__).parent / "gas.json"
PEER_NAMES = {
    "airswap_swap": "airswap_swap",
    "airswap_swap_light": "airswap_swap_light",
    "zero_ex_otc": "zeroex_otc",
    "zero_ex_otc_relayed": "zeroex_otc_relayed",
    "zero_ex_batch_per_trade": "zeroex_batch50_per_trade",
}
MARGIN_OVER_FLOOR = 3_500
TARGETS = {
    "swap_relayed": 76_500,
    "net50_per_trade": 14_500,
    "novation120": 85_000,
    "oracle_k5": 60_000,
    "oracle_batch20_k5": 185_000,
    "margin16_cold": 80_000,
    "margin_per_position_cold": 3_600,
    "option_trade": 175_000,
    "refresh": 65_000,
    "refresh_batched": 35_000,
    "bid16": 450_000,
    "bid_takeover": 150_000,
}
SPEED_TARGETS = {
    "rate.sign_recover_per_s": "≥ 10,000",
    "ms.rfq_p50": "≤ 20",
    "ms.rfq_settled_p50": "≤ 250",
    "rate.quotes_per_s": "≥ 1,000",
    "mb.node_rss": "≤ 250",
}
BESIDE = {
    "swap": "airswap_swap",
    "swap_relayed": "zeroex_otc_relayed",
    "net50_per_trade": "zeroex_batch50_per_trade",
}


def our_gas() -> tuple[dict[str, int], Floor]:
    """Our own figures: settlement, oracle, pricing, margin and liquidation, each on a fresh anvil."""
    with Anvil() as anvil:
        gas, floor = ours.measure(stage(Web3(HTTPProvider(anvil.url))))
    for bench in (oracle, black76, margin, liquidation):
        with Anvil() as anvil:
            gas |= bench.measure(Web3(HTTPProvider(anvil.url)))
    return gas, floor


def peers_gas() -> dict[str, int]:
    """The peers' figures, on a fresh anvil, staged the same way."""
    with Anvil() as anvil:
        measured = peers.measure(stage(Web3(HTTPProvider(anvil.url))))
    return {ours_name: measured[name] for name, ours_name in PEER_NAMES.items()}


def main() -> int:
    """Measure, print, write. Exit code 1 when a gas target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--gas-only", action="store_true", help="leave out the rates")
    arguments = parser.parse_args()
    console = Console()
    with console.status("our own receipts"):
        gas, floor = our_gas()
    with console.status("the peers' receipts"):
        beside = peers_gas()
    speed: dict[str, float] = {}
    if not arguments.gas_only:
        with console.status("signing and recovering"):
            speed = {**rates.measure(), **oracle.rates()}
        with console.status("pricing and margin"):
            speed |= {**pricing.measure(), **black76.accuracy()}
            speed |= {f"ms.{name}": figure for name, figure in margin_rates.measure().items()}
        with console.status("watching and replaying 10,000 accounts"):
            speed |= keeping.measure()
        with console.status("two nodes that negotiate and settle"):
            speed |= nodes.measure()

    targets = {"swap": floor.total + MARGIN_OVER_FLOOR, **TARGETS}
    table = Table("gas", "ours", "target", "peer", title="Anvil receipts; one ERC-20, four balances, nonce word in use")
    for name, figure in gas.items():
        target, peer = targets.get(name), BESIDE.get(name)
        table.add_row(
            name,
            f"{figure:,}",
            "" if target is None else f"≤ {target:,} {'✓' if figure <= target else '✗ MISSED'}",
            "" if peer is None else f"{peer} {beside[peer]:,}",
        )
    for name, figure in beside.items():
        table.add_row(f"peer: {name}", "", "", f"{figure:,}")
    console.print(table)
    console.print(
        f"floor of the swap {floor.total:,} = 21,000 + calldata {floor.calldata:,} "
        f"+ transfers {sum(floor.transfers):,} + cold tokens {floor.token_access:,} + ecrecover {floor.ecrecover:,} "
        f"+ nonce {floor.nonce:,} + log {floor.log:,}; ours is {gas['swap'] - floor.total:,} above it"
    )
    for name, rate in speed.items():
        console.print(f"{name} {rate:,}" + (f" (target {SPEED_TARGETS[name]})" if name in SPEED_TARGETS else ""))

    result = {
        "gas.floor.swap": floor.total,
        **{f"gas.{name}": figure for name, figure in gas.items()},
        **{f"gas.peer.{name}": figure for name, figure in beside.items()},
        **speed,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    SNAPSHOT.write_text(json.dumps(gas, indent=2) + "\n")
    console.print(f"written: {RESULT.relative_to(ROOT)}, {SNAPSHOT.relative_to(ROOT)}")
    return 0 if all(gas[name] <= target for name, target in targets.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
