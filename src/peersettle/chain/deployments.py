"""Deploying the contracts, and the record of where they are: `deployments/<chain id>.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from peersettle.chain.artifacts import artifact
from peersettle.chain.margin_contracts import verify_margin
from peersettle.chain.steps import Progress, address_word, verify_code, write_json
from peersettle.errors import InputError, InvalidField, NotDeployed, Reverted
from peersettle.reports import OracleDomain, ReporterSet
from peersettle.reports.typed_data import domain_separator as oracle_separator
from peersettle.trades.approvals import PERMIT2_ADDRESS
from peersettle.trades.messages import Domain
from peersettle.trades.typed_data import domain_separator
from peersettle.types import ZERO_ADDRESS, Address, address

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.chain.sender import TransactionSender

DIRECTORY: Final = Path("deployments")
_OPTIONAL: Final = ("oracle", "bundle", "parameters", "backstop", "risk", "auction", "ledger", "cash")


class DemoToken(NamedTuple):
    """A token to try things out with, that anybody can mint."""

    name: str
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts of one chain are. `block` is Settlement's, from which on events are searched.

    A chain may have no Oracle yet; `oracle_block` is that of its deployment, and `bundle` belongs to it. It may have no
    margin accounts: those are Parameters, Backstop, Risk, Auction, and the Ledger whose settlement currency is `cash`.
    """

    chain_id: int
    settlement: Address
    check: Address
    permit2: Address
    block: int
    deployer: Address
    tokens: Mapping[str, Address] = field(default_factory=lambda: MappingProxyType({}))
    oracle: Address | None = None
    oracle_block: int = 0
    bundle: Address | None = None
    parameters: Address | None = None
    backstop: Address | None = None
    risk: Address | None = None
    auction: Address | None = None
    ledger: Address | None = None
    ledger_block: int = 0
    cash: Address | None = None

    def __post_init__(self) -> None:
        for name in ("settlement", "check", "permit2", "deployer", *_OPTIONAL):
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                object.__setattr__(self, name, address(value, name))
        tokens = {symbol: address(token, symbol) for symbol, token in self.tokens.items()}
        object.__setattr__(self, "tokens", MappingProxyType(tokens))

    @property
    def domain(self) -> Domain:
        """Where signatures for this deployment count."""
        return Domain(self.chain_id, self.settlement)

    @classmethod
    def load(cls, directory: Path, chain_id: int) -> Deployment:
        """The recorded deployment of a chain.

        Raises:
            NotDeployed: there is no record, or no usable one.
        """
        path = record_path(directory, chain_id)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found = cls(**data)
        except FileNotFoundError:
            raise NotDeployed(
                f"chain {chain_id} has no record in {path}; run `peersettle deploy`, or put the file of a "
                "known deployment there",
                chain_id=chain_id,
                path=str(path),
            ) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise NotDeployed(f"{path} is no deployment record: {error}", path=str(path)) from None
        if found.chain_id != chain_id:
            raise NotDeployed(f"{path} is the record of chain {found.chain_id}", path=str(path))
        return found

    def save(self, directory: Path) -> Path:
        """Write the record; the whole file or nothing. Returns where."""
        path = record_path(directory, self.chain_id)
        write_json(path, {**_plain(self), "tokens": dict(self.tokens)})
        return path

    def verify(self, chain: Chain) -> None:
        """Check that the chain has exactly these contracts there: code with its immutables, and domain.

        Raises:
            NotDeployed: it has not.
        """
        if chain.chain_id != self.chain_id:
            raise NotDeployed(f"the record is of chain {self.chain_id}, this is chain {chain.chain_id}")
        words = [bytes(domain_separator(self.domain)), self.chain_id.to_bytes(32, "big"), address_word(self.permit2)]
        settlement = artifact("Settlement")
        verify_code(chain, settlement, self.settlement, words)
        verify_code(chain, artifact("SettlementCheck"), self.check, [address_word(self.settlement)])
        function = settlement.functions["eip712Domain"]
        try:
            _fields, name, version, chain_id, contract, *_ = function.decode(
                chain.call(self.settlement, function.selector)
            )
        except (Reverted, InputError) as error:
            raise NotDeployed(f"{self.settlement} does not answer eip712Domain: {error}") from None
        said = (name, version, chain_id, address(contract))
        if said != ("PeerSettle", "1", self.chain_id, self.settlement):
            raise NotDeployed(f"{self.settlement} signs for another domain: {said}")
        if self.oracle is not None:
            _verify_oracle(chain, self.oracle, self.bundle)
        if self.ledger is not None:
            verify_margin(chain, self)


def deploy(
    chain: Chain,
    sender: TransactionSender,
    *,
    permit2: Address = PERMIT2_ADDRESS,
    directory: Path = DIRECTORY,
    demo_tokens: Sequence[DemoToken | tuple[str, str, int]] = (),
    force: bool = False,
) -> Deployment:
    """Deploy Settlement, SettlementCheck and demo tokens, and record them in `directory`.

    A recorded deployment that the chain has is kept, and only missing demo tokens are added, unless `force`.
    A run that was cut short is taken up where it ended: each transaction is written down before it is
    broadcast.

    Raises:
        InsufficientFunds, RpcUnavailable, TransactionStuck: as `TransactionSender.send`.
        NotDeployed: what was deployed is not what was compiled.
    """
    progress = Progress(chain, sender, record_path(directory, chain.chain_id).with_suffix(".progress.json"), force)
    kept = None if force else _kept(chain, directory, permit2)
    if kept is None:
        settlement, block = progress.deploy("Settlement", artifact("Settlement"), (permit2,))
        check, _ = progress.deploy("SettlementCheck", artifact("SettlementCheck"), (settlement,))
        kept = Deployment(chain.chain_id, settlement, check, permit2, block, sender.address)
        kept.verify(chain)
    tokens = dict(kept.tokens)
    for item in map(DemoToken._make, demo_tokens):
        if item.symbol in tokens and chain.code(tokens[item.symbol]):
            continue
        name = f"token {item.symbol}"
        tokens[item.symbol], _ = progress.deploy(name, artifact("DemoToken"), tuple(item))
    done = replace(kept, tokens=tokens)
    done.save(directory)
    progress.finish()
    return done


def deploy_oracle(
    chain: Chain,
    sender: TransactionSender,
    deployment: Deployment,
    reporters: ReporterSet,
    *,
    steward: Address = ZERO_ADDRESS,
    delay: int = 7 * 86_400,
    directory: Path = DIRECTORY,
    force: bool = False,
) -> Deployment:
    """Deploy an Oracle with its first set of reporters, and its Bundle, and add them to the record.

    `steward` may propose other reporters, which takes `delay` seconds (2 to 30 days); nobody may where it is zero. A
    recorded Oracle that the chain has is kept unless `force`. A run that was cut short is taken up where it ended.

    Raises:
        InvalidField: a delay out of its bounds.
        InsufficientFunds, RpcUnavailable, TransactionStuck: as `TransactionSender.send`.
        NotDeployed: what was deployed is not what was compiled.
    """
    if not 2 * 86_400 <= delay <= 30 * 86_400:
        raise InvalidField("delay", delay, "give 172800 to 2592000 seconds, which are 2 to 30 days")
    if deployment.oracle and deployment.bundle and not force:
        with suppress(NotDeployed):
            _verify_oracle(chain, deployment.oracle, deployment.bundle)
            return deployment
    path = record_path(directory, chain.chain_id).with_suffix(".oracle-progress.json")
    progress = Progress(chain, sender, path, force)
    arguments = (steward, delay, reporters.threshold, list(reporters.members))
    oracle, block = progress.deploy("Oracle", artifact("Oracle"), arguments)
    bundle, _ = progress.deploy("Bundle", artifact("Bundle"), (oracle,))
    done = replace(deployment, oracle=oracle, oracle_block=block, bundle=bundle)
    _verify_oracle(chain, oracle, bundle)
    done.save(directory)
    progress.finish()
    return done


def _kept(chain: Chain, directory: Path, permit2: Address) -> Deployment | None:
    try:
        found = Deployment.load(directory, chain.chain_id)
        found.verify(chain)
    except NotDeployed:
        return None
    return found if found.permit2 == permit2 else None


def _verify_oracle(chain: Chain, oracle: Address, bundle: Address | None) -> None:
    """Check an Oracle and its Bundle; its steward and its delay are its own to say, within the contract's bounds."""
    functions = artifact("Oracle").functions
    if not chain.code(oracle):
        raise NotDeployed(f"chain {chain.chain_id} has no code at {oracle}, where Oracle should be", address=oracle)
    try:
        said = [chain.call(oracle, functions[name].selector) for name in ("steward", "delay")]
    except (Reverted, InputError) as error:
        raise NotDeployed(f"{oracle} does not answer steward and delay: {error}") from None
    separator = oracle_separator(OracleDomain(chain.chain_id, oracle))
    verify_code(chain, artifact("Oracle"), oracle, [bytes(separator), chain.chain_id.to_bytes(32, "big"), *said])
    if bundle is not None:
        verify_code(chain, artifact("Bundle"), bundle, [address_word(oracle), address_word(bundle)])


def record_path(directory: Path, chain_id: int) -> Path:
    """Where the record of a chain is."""
    return directory / f"{chain_id}.json"


def _plain(deployment: Deployment) -> dict[str, Any]:
    return {name: getattr(deployment, name) for name in Deployment.__dataclass_fields__}
