"""The scene that every system is measured in: the same wallets, tokens, balances and amounts."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from vyper import compile_code
from web3 import Web3
from web3.contract import Contract
from web3.types import RPCEndpoint, TxReceipt

TOKEN_SOURCE = Path(__file__).parent / "tokens" / "BenchToken.vy"
ROLES = ("maker", "taker", "relayer")
ETHER = 10**18
HOLDING = 10**9 * ETHER
UNLIMITED = 2**256 - 1
# A fixed expiry keeps signatures, and so the cost of calldata, the same from run to run.
EXPIRY = 2_000_000_000
# Below the cap of EIP-7825; the limit of a transaction does not change what it uses.
GAS_LIMIT = 16_000_000
FEE_PER_GAS = 10**11


class Reverted(Exception):
    """A transaction of the benchmark failed. Carries the function's name and the hash."""

    def __init__(self, name: str, transaction_hash: str) -> None:
        super().__init__(f"{name} reverted in {transaction_hash}; run it again with debug_traceTransaction to see why")
        self.name = name
        self.transaction_hash = transaction_hash


@dataclass(frozen=True)
class Scene:
    """Who swaps what. The maker gives `maker_amount` of `maker_token` for `taker_amount` of `taker_token`."""

    w3: Web3
    maker: LocalAccount
    taker: LocalAccount
    relayer: LocalAccount
    maker_token: Contract
    taker_token: Contract
    maker_amount: int = ETHER
    taker_amount: int = 2_500 * ETHER
    expiry: int = EXPIRY

    def approve(self, spender: str) -> None:
        """Give `spender` an unlimited allowance of both tokens from both parties."""
        for owner in (self.maker, self.taker):
            for token in (self.maker_token, self.taker_token):
                send(self.w3, owner, token.functions.approve(spender, UNLIMITED))

    def balances(self) -> tuple[int, int, int, int]:
        """Maker's and taker's balance of the maker's token, then of the taker's token."""
        of_maker_token, of_taker_token = self.maker_token.functions.balanceOf, self.taker_token.functions.balanceOf
        return (
            of_maker_token(self.maker.address).call(),
            of_maker_token(self.taker.address).call(),
            of_taker_token(self.maker.address).call(),
            of_taker_token(self.taker.address).call(),
        )

    def settle(self, sender: LocalAccount, call: Any, swaps: int = 1) -> TxReceipt:
        """Send a settlement and return its receipt.

        Raises:
            Reverted: the transaction failed.
            ValueError: it moved anything but `swaps` times the amounts of this scene.
        """
        before = self.balances()
        receipt = send(self.w3, sender, call)
        moved = tuple(after - start for after, start in zip(self.balances(), before, strict=True))
        out, back = swaps * self.maker_amount, swaps * self.taker_amount
        if moved != (-out, out, back, -back):
            raise ValueError(f"{call.fn_name} moved {moved}, not {(-out, out, back, -back)}")
        return receipt


def stage(w3: Web3) -> Scene:
    """Fund a maker, a taker and a relayer on a fresh anvil; deploy two tokens of which both parties hold plenty."""
    maker, taker, relayer = (Account.from_key(Web3.keccak(text=f"peersettle bench {role}")) for role in ROLES)
    for account in (maker, taker, relayer):
        w3.manager.request_blocking(RPCEndpoint("anvil_setBalance"), [account.address, hex(HOLDING)])
    tokens = []
    for name, symbol in (("Bench Ether", "BETH"), ("Bench Dollar", "BUSD")):
        token = deploy(w3, maker, *token_artifact(), name, symbol, 18, HOLDING)
        send(w3, maker, token.functions.mint(taker.address, HOLDING))
        tokens.append(token)
    maker_token, taker_token = tokens
    return Scene(w3, maker, taker, relayer, maker_token, taker_token)


@cache
def token_artifact() -> tuple[list[Any], str]:
    """ABI and creation code of `BenchToken.vy`."""
    output = compile_code(TOKEN_SOURCE.read_text(), output_formats=["abi", "bytecode"])
    return output["abi"], output["bytecode"]


def deploy(w3: Web3, sender: LocalAccount, abi: list[Any], bytecode: str, *arguments: Any) -> Contract:
    """Deploy a contract and return it."""
    receipt = send(w3, sender, w3.eth.contract(abi=abi, bytecode=bytecode).constructor(*arguments))
    address = receipt["contractAddress"]
    assert address is not None  # the receipt of a deployment that succeeded
    return w3.eth.contract(address=address, abi=abi)


def send(w3: Web3, sender: LocalAccount, call: Any) -> TxReceipt:
    """Sign `call` (a contract function or constructor) as `sender`, send it and return the receipt.

    Raises:
        Reverted: the transaction failed.
    """
    transaction = call.build_transaction(
        {
            "chainId": w3.eth.chain_id,
            "from": sender.address,
            "nonce": w3.eth.get_transaction_count(sender.address),
            "gas": GAS_LIMIT,
            "maxFeePerGas": FEE_PER_GAS,
            "maxPriorityFeePerGas": 0,
        }
    )
    transaction_hash = w3.eth.send_raw_transaction(sender.sign_transaction(transaction).raw_transaction)
    receipt = w3.eth.wait_for_transaction_receipt(transaction_hash, poll_latency=0.01)
    if receipt["status"] != 1:
        raise Reverted(getattr(call, "fn_name", "constructor"), transaction_hash.to_0x_hex())
    return receipt
