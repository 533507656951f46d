"""What every signer can do, and signing our own messages with any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, overload, runtime_checkable

from peersettle.errors import InvalidField, SignatureError, SignerError
from peersettle.trades import Domain, Quote, SignedTrade, Swap, Trade, swap_digest, trade_digest, typed_data
from peersettle.trades.documents import verify_signature
from peersettle.types import Address, Hash32


class Signer(Protocol):
    """Signs typed data and transactions as one address."""

    @property
    def address(self) -> Address:
        """Whose signatures these are."""
        ...

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """Sign EIP-712 data in the form of `eth_signTypedData_v4`: 65 bytes r|s|v, v 27 or 28."""
        ...

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """Sign a transaction that names every field (chain id, nonce, gas and fees, too): its raw bytes."""
        ...


@runtime_checkable
class DigestSigner(Protocol):
    """A signer that holds its key here, so that a digest made by hand will do."""

    def sign_digest(self, digest: Hash32) -> bytes:
        """Sign 32 bytes: 65 bytes r|s|v."""
        ...


def sign_message(signer: Signer, domain: Domain, message: Swap | Trade) -> bytes:
    """Sign a swap or a trade, as `sign_typed`."""
    digest = swap_digest(domain, message) if isinstance(message, Swap) else trade_digest(domain, message)
    return sign_typed(signer, digest, lambda: typed_data(domain, message))


def sign_typed(signer: Signer, digest: Hash32, full_message: Callable[[], dict[str, Any]]) -> bytes:
    """Sign a message: by digest where the key is here, as full typed data where a wallet shows it.

    Raises:
        SignerError: a remote signer refused, or signed something else.
    """
    if isinstance(signer, DigestSigner):
        return signer.sign_digest(digest)
    signature = signer.sign_typed_data(full_message())
    try:
        verify_signature("signer", signer.address, digest, signature)
    except SignatureError as error:
        raise SignerError(f"the signer for {signer.address} signed something else: {error}") from None
    return signature


@overload
def sign_as(signer: Signer, document: Quote) -> Quote: ...


@overload
def sign_as(signer: Signer, document: SignedTrade) -> SignedTrade: ...


def sign_as(signer: Signer, document: Quote | SignedTrade) -> Quote | SignedTrade:
    """The document with the signer's signature in its place: the maker's, the taker's or a party's.

    Raises:
        InvalidField: the signer is none of those who sign, or the quote is open and has no taker to sign.
    """
    if isinstance(document, SignedTrade):
        if signer.address not in document.trade.parties:
            raise InvalidField("signer", signer.address, "is no party of this trade")
        return document.with_signature(signer.address, sign_message(signer, document.domain, document.trade))
    swap = document.swap
    if signer.address == swap.maker:
        return replace(document, maker_signature=sign_message(signer, document.domain, swap))
    if swap.is_open:
        raise InvalidField("taker", swap.taker, "an open quote has no taker to sign for; take it by sending it")
    if signer.address != swap.taker:
        raise InvalidField("signer", signer.address, f"is neither the maker {swap.maker} nor the taker {swap.taker}")
    return replace(document, taker_signature=sign_message(signer, document.domain, swap))
