"""A chain inside this process: eth-tester over py-evm, with the wall clock's time.

Nothing listens anywhere.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

from eth.vm.spoof import SpoofTransaction
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.backends.pyevm.main import _get_block_by_number
from eth_tester.exceptions import TransactionFailed
from web3.providers.eth_tester import EthereumTesterProvider
from web3.providers.eth_tester.defaults import API_ENDPOINTS
from web3.types import RPCEndpoint, RPCResponse

from peersettle.chain.client import Chain
from peersettle.types import Address

CHAIN_ID: Final = 1337
_GAS_MARGIN: Final = 1.5  # above what was used: refunds, and the 1/64 that each inner call leaves behind
_GAS_SPARE: Final = 50_000


class _Backend(PyEVMBackend):  # type: ignore[misc]
    """py-evm whose calls cost nothing, as a node's, and that estimates gas in one run."""

    def call(self, transaction: dict[str, Any], block_number: object = "latest") -> bytes:
        return bytes(self._run(transaction, block_number).output)

    def estimate_gas(self, transaction: dict[str, Any], block_number: object = "latest") -> int:
        del block_number  # always the pending block, whose time is now
        limit = int(self.chain.get_block().header.gas_limit)
        used = int(self._run({**transaction, "gas": limit}, "pending").get_gas_used())
        return min(int(used * _GAS_MARGIN) + _GAS_SPARE, limit)

    def _run(self, transaction: dict[str, Any], at: object) -> Any:
        header = _get_block_by_number(self.chain, at).header.copy(base_fee_per_gas=0)
        free = {"gas": header.gas_limit, **transaction, "max_fee_per_gas": 0, "max_priority_fee_per_gas": 0}
        free.pop("gas_price", None)
        unsigned = self._get_normalized_and_unsigned_evm_transaction(free, at)
        state = self.chain.get_vm(at_header=header).state
        snapshot = state.snapshot()
        computation = state.apply_transaction(SpoofTransaction(unsigned, from_=transaction["from"]))
        state.revert(snapshot)
        if computation.is_error:
            raise TransactionFailed(computation._error)
        return computation


class EmbeddedProvider(EthereumTesterProvider):
    """eth-tester behind web3: one request at a time, the id we want, and the time of the wall clock."""

    global_ccip_read_enabled = False

    def __init__(self, chain_id: int) -> None:
        backend = _Backend()
        type(backend.chain).chain_id = chain_id
        endpoints = {name: dict(methods) for name, methods in API_ENDPOINTS.items()}
        endpoints["eth"]["chainId"] = lambda *_: chain_id
        endpoints["net"]["version"] = lambda *_: str(chain_id)
        super().__init__(EthereumTester(backend), endpoints)
        self._lock = threading.RLock()
        self._ahead = 0

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request, after bringing the pending block to the present."""
        with self._lock:
            self._keep_time()
            return super().make_request(method, params)

    def grant(self, account: Address, wei: int) -> None:
        """Give an account some wei from an account of the chain's own."""
        with self._lock:
            self._keep_time()
            tester = self._tester()
            giver = tester.get_accounts()[0]
            tester.send_transaction({"from": giver, "to": account, "value": wei, "gas": 100_000})

    def advance(self, seconds: int) -> None:
        """Let time pass, and one block with it."""
        with self._lock:
            self._keep_time()
            self._ahead = self._tester().backend.chain.header.timestamp + seconds - int(time.time())
            self._keep_time()
            self._tester().mine_block()

    def _tester(self) -> Any:
        return self.ethereum_tester

    def _keep_time(self) -> None:
        chain = self._tester().backend.chain
        now = int(time.time()) + self._ahead
        if chain.header.timestamp < now:
            chain.set_header_timestamp(now)


def embedded(*, chain_id: int = CHAIN_ID) -> Chain:
    """A new chain in this process, gone with it. `peersettle.chain.fund` gives accounts the native asset.

    Every transaction is a block of its own, and final at once.
    """
    return Chain(EmbeddedProvider(chain_id), "embedded", is_embedded=True)


def _provider(chain: Chain) -> EmbeddedProvider:
    provider = chain.w3.provider
    assert isinstance(provider, EmbeddedProvider)
    return provider


def grant(chain: Chain, account: Address, wei: int) -> None:
    """`peersettle.chain.fund` for this chain."""
    _provider(chain).grant(account, wei)


def advance(chain: Chain, seconds: int) -> None:
    """`peersettle.chain.advance_time` for this chain."""
    _provider(chain).advance(seconds)
