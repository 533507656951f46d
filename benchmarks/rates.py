"""How fast one core signs and recovers, beside eth-account in the same run."""

import time
from collections.abc import Callable
from itertools import cycle

import coincurve
from eth_account import Account
from eth_account.messages import encode_typed_data

from peersettle.trades import Domain, Swap, recover, sign_digest, swap_digest, typed_data
from peersettle.types import Address, checksummed, keccak

SECONDS = 1.0
ROUNDS = 3


def measure() -> dict[str, float]:
    """Times a second that one core hashes and signs a swap and recovers the other side's signature.

    The peer does the same with eth-account, on coincurve too: encode, sign, encode, recover. The bare library call is
    measured as well: what is left to gain.
    """
    key = coincurve.PrivateKey(bytes(keccak(b"peersettle bench maker")))
    maker = checksummed(keccak(key.public_key.format(compressed=False)[1:])[-20:])
    domain = Domain(31337, Address("0x" + "5e" * 20))
    other = Address("0x" + "7a" * 20)
    token = Address("0x" + "a1" * 20)
    swaps = cycle([Swap(maker, other, token, 10**18, other, 2 * 10**18, n, 2 * 10**9) for n in range(1_000)])

    def ours() -> None:
        digest = swap_digest(domain, next(swaps))
        recover(digest, sign_digest(key, digest))

    def peer() -> None:
        swap = next(swaps)
        signed = Account.sign_typed_data(key.secret, full_message=typed_data(domain, swap))
        encoded = encode_typed_data(full_message=typed_data(domain, swap))
        Account.recover_message(encoded, signature=signed.signature)

    digest = bytes(swap_digest(domain, next(swaps)))

    def bare() -> None:
        signature = key.sign_recoverable(digest, hasher=None)
        coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)

    rate, peer_rate, bare_rate = best(ours), best(peer), best(bare)
    return {
        "rate.sign_recover_per_s": round(rate),
        "rate.peer.eth_account_sign_recover_per_s": round(peer_rate),
        "rate.bare_libsecp256k1_per_s": round(bare_rate),
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
