"""Whoever holds a key: in memory, in an encrypted keystore, or behind a remote signer."""

from peersettle.signing.key import DEFAULT_VARIABLE, KeySigner
from peersettle.signing.keystore import KeyRecord, KeyStore, KeyStoreSigner
from peersettle.signing.remote import RemoteSigner
from peersettle.signing.signer import DigestSigner, Signer, sign_as, sign_message, sign_typed

__all__ = [
    "Signer",
    "DigestSigner",
    "sign_message",
    "sign_typed",
    "sign_as",
    # keys
    "KeySigner",
    "KeyStore",
    "KeyStoreSigner",
    "KeyRecord",
    "RemoteSigner",
    "DEFAULT_VARIABLE",
]
