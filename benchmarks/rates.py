"""How fast one core signs and recovers, beside eth-account in the same run."""

import time
from collections.abc import Callable

import coincurve
from eth_account import Account
from eth_account.messages import encode_typed_data

from peersettle.trades import Domain, Swap, recover, sign_digest, swap_digest, typed_data
from peersettle.types import Address, checksummed, keccak

SECONDS = 1.0
ROUNDS = 3


def measure() -> dict[str, float]:
    """Times a second that one core hashes and signs a swap and recovers the other side's signature; the best of a few rounds.

    The peer does the same with eth-account: encode, sign, encode, recover.
    """
    key = coincurve.PrivateKey(bytes(keccak(b"peersettle bench maker")))
    maker = checksummed(keccak(key.public_key.format(compressed=False)[1:])[-20:])
    domain = Domain(31337, Address("0x" + "5e" * 20))
    other = Address("0x" + "7a" * 20)
    counter = iter(range(10**9))

    def message() -> Swap:
        return Swap(maker, other, Address("0x" + "a1" * 20), 10**18, other, 2 * 10**18, next(counter), 2 * 10**9)

    def ours() -> None:
        digest = swap_digest(domain, message())
        recover(digest, sign_digest(key, digest))

    def peer() -> None:
        signed = Account.sign_typed_data(key.secret, full_message=typed_data(domain, message()))
        encoded = encode_typed_data(full_message=typed_data(domain, message()))
        Account.recover_message(encoded, signature=signed.signature)

    rate, peer_rate = best(ours), best(peer)
    return {
        "rate.sign_recover_per_s": round(rate),
        "rate.peer.eth_account_sign_recover_per_s": round(peer_rate),
        "ratio.sign_recover_to_eth_account": round(rate / peer_rate, 1),
    }


def best(work: Callable[[], None]) -> float:
    """Calls a second, in the best of a few rounds: noise only ever slows."""
    work()
    rates = []
    for _ in range(ROUNDS):
        calls, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < SECONDS:
            for _ in range(10):
                work()
            calls += 10
        rates.append(calls / elapsed)
    return max(rates)
