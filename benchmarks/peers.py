"""What AirSwap and 0x need for the swap that PeerSettle settles: receipts of their own published contracts.

The compiled contracts come from npm (`npm ci --ignore-scripts` in `benchmarks/peers`). Every system meets the same
conditions: one ERC-20 implementation for both tokens, four balances that are not zero, unlimited allowances, a nonce
word in use (a first trade with the nonce before it is not counted), and a transaction of its own, so that all storage
is cold.

    python -m benchmarks.peers --rpc http://127.0.0.1:8545 [--json]
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.types import TxReceipt

from benchmarks.scene import Scene, deploy, send, stage

MODULES = Path(__file__).parent / "peers" / "node_modules"
AIRSWAP = MODULES / "@airswap/swap-erc20/build/contracts/SwapERC20.sol"
ZERO_EX = MODULES / "@0x/contracts-zero-ex/lib/generated-artifacts"

BATCH = 50
EIP712_SIGNATURE = 2
NONCE_BUCKET = 1
NONCES_PER_WORD = 256

AIRSWAP_ORDER = [
    {"name": "nonce", "type": "uint256"},
    {"name": "expiry", "type": "uint256"},
    {"name": "signerWallet", "type": "address"},
    {"name": "signerToken", "type": "address"},
    {"name": "signerAmount", "type": "uint256"},
    {"name": "protocolFee", "type": "uint256"},
    {"name": "senderWallet", "type": "address"},
    {"name": "senderToken", "type": "address"},
    {"name": "senderAmount", "type": "uint256"},
]
ZERO_EX_ORDER = [
    {"name": "makerToken", "type": "address"},
    {"name": "takerToken", "type": "address"},
    {"name": "makerAmount", "type": "uint128"},
    {"name": "takerAmount", "type": "uint128"},
    {"name": "maker", "type": "address"},
    {"name": "taker", "type": "address"},
    {"name": "txOrigin", "type": "address"},
    {"name": "expiryAndNonce", "type": "uint256"},
]


class PeersMissing(FileNotFoundError):
    """The peers' contracts are not installed."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is missing: run `npm ci --ignore-scripts` in {MODULES.parent}")


def measure(scene: Scene) -> dict[str, int]:
    """Gas used, by receipt, for the swap of `scene` on each peer.

    `airswap_swap`, `airswap_swap_light`: the maker has signed, the taker sends. Both protocol fees are zero, the least
        that the contract allows: `swap` then makes no fee transfer, `swapLight` still makes one, of nothing.
    `zero_ex_otc`: `fillOtcOrder`, the maker has signed, the taker sends.
    `zero_ex_otc_relayed`: `fillTakerSignedOtcOrder`, both have signed, a relayer sends.
    `zero_ex_batch_per_trade`: `batchFillTakerSignedOtcOrders` of 50 such orders in one nonce bucket, per order,
        rounded up.
    """
    return measure_airswap(scene) | measure_zero_ex(scene)


def measure_airswap(scene: Scene) -> dict[str, int]:
    """Gas used by AirSwap's two ways to take a signed order."""
    swap_erc20 = deploy_airswap(scene)
    scene.approve(swap_erc20.address)
    order = AirSwapOrders(scene, swap_erc20)
    return {
        "airswap_swap": second(order.swap)["gasUsed"],
        "airswap_swap_light": second(order.swap_light)["gasUsed"],
    }


def measure_zero_ex(scene: Scene) -> dict[str, int]:
    """Gas used by the ways of 0x to fill an OTC order, through the exchange proxy."""
    exchange = deploy_zero_ex(scene)
    scene.approve(exchange.address)
    order = OtcOrders(scene, exchange)
    return {
        "zero_ex_otc": second(order.fill)["gasUsed"],
        "zero_ex_otc_relayed": second(order.fill_relayed)["gasUsed"],
        "zero_ex_batch_per_trade": -(-order.fill_batch(first_nonce=3)["gasUsed"] // BATCH),
    }


def second(trade: Callable[[int], TxReceipt]) -> TxReceipt:
    """Trade twice, with adjacent nonces in one storage word, and return the second receipt."""
    trade(1)
    return trade(2)


# AirSwap


def deploy_airswap(scene: Scene) -> Contract:
    """`SwapERC20` without protocol fee. Its fee wallet already holds the maker's token, as one in use would."""
    fee_wallet = scene.relayer.address
    send(scene.w3, scene.relayer, scene.maker_token.functions.mint(fee_wallet, scene.maker_amount))
    artifact = read_json(AIRSWAP / "SwapERC20.json")
    return deploy(scene.w3, scene.relayer, artifact["abi"], artifact["bytecode"], 0, 0, fee_wallet, 0, 0)


@dataclass(frozen=True)
class AirSwapOrders:
    """Orders of the scene's swap on `SwapERC20`. The two functions use nonces of different storage words."""

    scene: Scene
    swap_erc20: Contract

    def swap(self, nonce: int) -> TxReceipt:
        """Settle by `swap`."""
        functions, taker = self.swap_erc20.functions, self.scene.taker
        return self.scene.settle(taker, functions.swap(taker.address, *self._signed_order(nonce)))

    def swap_light(self, nonce: int) -> TxReceipt:
        """Settle by `swapLight`."""
        call = self.swap_erc20.functions.swapLight(*self._signed_order(NONCES_PER_WORD + nonce))
        return self.scene.settle(self.scene.taker, call)

    def _signed_order(self, nonce: int) -> tuple[Any, ...]:
        scene = self.scene
        _, name, version, chain_id, contract, _, _ = self.swap_erc20.functions.eip712Domain().call()
        order = {
            "nonce": nonce,
            "expiry": scene.expiry,
            "signerWallet": scene.maker.address,
            "signerToken": scene.maker_token.address,
            "signerAmount": scene.maker_amount,
            "senderToken": scene.taker_token.address,
            "senderAmount": scene.taker_amount,
        }
        signed = scene.maker.sign_typed_data(
            {"name": name, "version": version, "chainId": chain_id, "verifyingContract": contract},
            {"OrderERC20": AIRSWAP_ORDER},
            order | {"protocolFee": 0, "senderWallet": scene.taker.address},
        )
        return (*order.values(), signed.v, word(signed.r), word(signed.s))


# 0x


def deploy_zero_ex(scene: Scene) -> Contract:
    """The exchange proxy, bootstrapped by its own migration, with the OTC orders feature.

    Returns:
        The feature's functions at the proxy's address.
    """
    owner = scene.relayer
    migration = _deploy_zero_ex_artifact(scene, "InitialMigration", owner.address)
    proxy = _deploy_zero_ex_artifact(scene, "ZeroEx", migration.address)
    registry = _deploy_zero_ex_artifact(scene, "SimpleFunctionRegistryFeature")
    ownable = _deploy_zero_ex_artifact(scene, "OwnableFeature")
    bootstrap = (registry.address, ownable.address)
    send(scene.w3, owner, migration.functions.initializeZeroEx(owner.address, proxy.address, bootstrap))
    # Any token stands in for wrapped ether, which these orders do not touch.
    feature = _deploy_zero_ex_artifact(scene, "OtcOrdersFeature", proxy.address, scene.maker_token.address)
    migrate = scene.w3.eth.contract(address=proxy.address, abi=ownable.abi).functions.migrate
    send(scene.w3, owner, migrate(feature.address, feature.functions.migrate().selector, owner.address))
    return scene.w3.eth.contract(address=proxy.address, abi=feature.abi)


def _deploy_zero_ex_artifact(scene: Scene, name: str, *arguments: Any) -> Contract:
    output = read_json(ZERO_EX / f"{name}.json")["compilerOutput"]
    return deploy(scene.w3, scene.relayer, output["abi"], output["evm"]["bytecode"]["object"], *arguments)


@dataclass(frozen=True)
class OtcOrders:
    """OTC orders of the scene's swap. Nonces belong to the sender: `fill` and `fill_relayed` write different words."""

    scene: Scene
    exchange: Contract

    def fill(self, nonce: int) -> TxReceipt:
        """Settle by `fillOtcOrder`."""
        order = self._order(nonce, self.scene.taker)
        maker = self._sign(order, self.scene.maker)
        call = self.exchange.functions.fillOtcOrder(tuple(order.values()), maker, self.scene.taker_amount)
        return self.scene.settle(self.scene.taker, call)

    def fill_relayed(self, nonce: int) -> TxReceipt:
        """Settle by `fillTakerSignedOtcOrder`."""
        call = self.exchange.functions.fillTakerSignedOtcOrder(*self._signed_by_both(nonce))
        return self.scene.settle(self.scene.relayer, call)

    def fill_batch(self, first_nonce: int) -> TxReceipt:
        """Settle `BATCH` orders by `batchFillTakerSignedOtcOrders`."""
        orders = [self._signed_by_both(nonce) for nonce in range(first_nonce, first_nonce + BATCH)]
        call = self.exchange.functions.batchFillTakerSignedOtcOrders(*zip(*orders, strict=True), [False] * BATCH)
        return self.scene.settle(self.scene.relayer, call, swaps=BATCH)

    def _signed_by_both(self, nonce: int) -> tuple[Any, ...]:
        order = self._order(nonce, self.scene.relayer)
        return tuple(order.values()), self._sign(order, self.scene.maker), self._sign(order, self.scene.taker)

    def _order(self, nonce: int, sender: LocalAccount) -> dict[str, Any]:
        scene = self.scene
        return {
            "makerToken": scene.maker_token.address,
            "takerToken": scene.taker_token.address,
            "makerAmount": scene.maker_amount,
            "takerAmount": scene.taker_amount,
            "maker": scene.maker.address,
            "taker": scene.taker.address,
            "txOrigin": sender.address,
            "expiryAndNonce": scene.expiry << 192 | NONCE_BUCKET << 128 | nonce,
        }

    def _sign(self, order: dict[str, Any], signer: LocalAccount) -> tuple[int, int, bytes, bytes]:
        domain = {
            "name": "ZeroEx",
            "version": "1.0.0",
            "chainId": self.scene.w3.eth.chain_id,
            "verifyingContract": self.exchange.address,
        }
        signed = signer.sign_typed_data(domain, {"OtcOrder": ZERO_EX_ORDER}, order)
        return EIP712_SIGNATURE, signed.v, word(signed.r), word(signed.s)


def read_json(path: Path) -> dict[str, Any]:
    """Read a compiled artifact.

    Raises:
        PeersMissing: the npm packages are not installed.
    """
    try:
        artifact: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise PeersMissing(path) from None
    return artifact


def word(number: int) -> bytes:
    """A 32-byte big-endian word."""
    return number.to_bytes(32, "big")


def main() -> None:
    """Print what the peers need, measured on a running anvil."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="Gas of the peers, on an anvil.")
    parser.add_argument("--rpc", default="http://127.0.0.1:8545", help="address of a running anvil")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    figures = measure(stage(Web3(HTTPProvider(arguments.rpc))))
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, gas in figures.items():
        print(f"{name:<26}{gas:>8,}")


if __name__ == "__main__":
    main()
