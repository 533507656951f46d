"""What a trader has at hand: the chain, the contracts, the local record, tokens by name, keys."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from peersettle.bindings.amounts import TokenBook, token_book
from peersettle.cli.failures import keep_secret
from peersettle.cli.passwords import read_password
from peersettle.config import Settings
from peersettle.errors import ConfigError, InvalidDocument, NotDeployed
from peersettle.signing import KeySigner, KeyStore, RemoteSigner, Signer
from peersettle.trades import Document, Domain
from peersettle.types import Address, address

if TYPE_CHECKING:
    from peersettle.bindings import MarginDesk, Oracle, Settlement
    from peersettle.bindings import Token as TokenBinding
    from peersettle.bindings.settling import SettlementDesk
    from peersettle.chain import Chain, Deployment, RpcWalletView, SettlementTracker, TransactionSender
    from peersettle.store import Store


class Desk:
    """Opens what the settings name, at its first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        for url in (settings.chain.url, settings.paths.store, settings.signer.url or ""):
            parts = urlsplit(url)
            if "://" in url:
                keep_secret(parts.password or "", *parts.path.split("/"), *parts.query.split("="))

    def close(self) -> None:
        """Let go of the chain and the record, where they were opened."""
        opened = vars(self)
        if "store" in opened:
            self.store.close()
        if "chain" in opened:
            self.chain.close()

    @cached_property
    def keystore(self) -> KeyStore:
        """The keys of this user."""
        return KeyStore(self.settings.paths.keystore)

    @cached_property
    def chain(self) -> Chain:
        """The chain that the settings name."""
        from peersettle.chain import connect

        wanted = self.settings.chain
        return connect(wanted.url, expect_chain_id=wanted.expected_id, timeout=wanted.timeout)

    @cached_property
    def deployment(self) -> Deployment:
        """The contracts on this chain."""
        from peersettle.chain import Deployment

        return Deployment.load(self.settings.paths.deployments, self.chain.chain_id)

    @cached_property
    def domain(self) -> Domain:
        """Where signatures made at this desk count."""
        return Domain(self.chain.chain_id, self.deployment.settlement)

    @cached_property
    def store(self) -> Store:
        """The local record."""
        from peersettle.store import Store

        return Store.open(self.settings.paths.store)

    @cached_property
    def settlement(self) -> Settlement:
        """The contract."""
        from peersettle.bindings import Settlement

        return Settlement(self.chain, self.deployment)

    @cached_property
    def oracle(self) -> Oracle:
        """The Oracle that the settings name, or the recorded one.

        Raises:
            NotDeployed: neither.
        """
        from peersettle.bindings import Oracle

        named = self.settings.oracle.contract
        if named is None:
            return Oracle(self.chain, self.deployment)
        if not self.chain.code(Address(named)):
            raise NotDeployed(f"oracle.contract is {named}, where chain {self.chain.chain_id} has no code")
        return Oracle(self.chain, Address(named), self.settings.oracle.contract_block)

    @cached_property
    def margin(self) -> MarginDesk:
        """The margin accounts.

        Raises:
            NotDeployed: there are none on record.
        """
        from peersettle.bindings import MarginDesk

        return MarginDesk(self.chain, self.deployment)

    def token(self, where: Address) -> TokenBinding:
        """A token's contract."""
        from peersettle.bindings import Token as TokenBinding

        return TokenBinding(self.chain, where)

    @cached_property
    def tokens(self) -> TokenBook:
        """Tokens by the names of the deployment and, before those, of the settings."""
        named = self.settings.tokens_on(self.chain.chain_id)
        return token_book(self.chain, self.deployment, lambda: self.margin.markets, named)

    @property
    def tracker(self) -> SettlementTracker:
        """Follows settlements to finality."""
        from peersettle.chain import Finality, SettlementTracker

        finality = Finality.of(self.settings.chain)
        return SettlementTracker(self.chain, self.store, self.deployment.settlement, finality=finality)

    @cached_property
    def settling(self) -> SettlementDesk:
        """What it takes to settle a document here."""
        from peersettle.bindings.settling import SettlementDesk
        from peersettle.cli.margins import price_updates

        return SettlementDesk(
            self.chain, self.deployment, self.store, self.tracker, updates=lambda markets: price_updates(self, markets)
        )

    def view(self) -> RpcWalletView:
        """The chain as the pre-flight check reads it, now."""
        from peersettle.chain import RpcWalletView

        return RpcWalletView(self.chain, self.deployment)

    def sender(self, signer: Signer) -> TransactionSender:
        """Sends transactions as `signer`, each recorded before it is sent."""
        from peersettle.chain import TransactionSender

        return TransactionSender(self.chain, signer, self.store)

    def signer(self, key: str | None, password_file: Path | None) -> Signer:
        """The signer of a key of the keystore, or else the configured one.

        Raises:
            KeyStoreError: the key is missing, or its password is wrong or not given.
            ConfigError: no key is given and the settings name no signer.
        """
        chosen = self.settings.signer
        if key is None and chosen.kind == "environment":
            return KeySigner.from_environment(chosen.variable)
        if key is None and chosen.kind == "remote":
            if chosen.url is None or chosen.address is None:
                raise ConfigError("a remote signer needs signer.url and signer.address")
            return RemoteSigner(chosen.url, chosen.address, timeout=chosen.timeout)
        name = key or chosen.name
        if name is None:
            raise ConfigError(
                "no signer: no --key was given, and the settings name none",
                next_step="give --key NAME (peersettle keys list), or set signer.name or signer.kind",
            )
        self.keystore.record(name)  # say that it is missing before asking for its password
        return self.keystore.unlock(name, read_password(name, password_file or chosen.password_file))

    @contextmanager
    def exclusive(self, what: str) -> Iterator[None]:
        """One process of this user at a time."""
        state = self.settings.paths.state
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (state / f"{what}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def party(self, text: str) -> Address:
        """An address, as it is or as the name of a key of the keystore."""
        return address(text) if text.lower().startswith("0x") else self.keystore.record(text).address

    def assert_ours(self, document: Document) -> None:
        """Refuse a document for another chain or another Settlement.

        Raises:
            InvalidDocument: it is for another.
        """
        if document.domain == self.domain:
            return
        theirs, ours = document.domain, self.domain
        raise InvalidDocument(
            f"the document is for {theirs.settlement} on chain {theirs.chain_id}, "
            f"but here is {ours.settlement} on chain {ours.chain_id}",
            next_step="point chain.url and paths.deployments at the chain and contract that it names",
        )
