"""Deploying the contracts of margin accounts, most of which know one another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peersettle.chain.artifacts import artifact, decode, selector
from peersettle.chain.steps import Progress, address_word, verify_code
from peersettle.errors import ChainError, InputError, InvalidField, NotDeployed, Reverted
from peersettle.types import ZERO_ADDRESS, Address, checksummed, keccak

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.chain.deployments import Deployment
    from peersettle.chain.sender import TransactionSender

DELAYS: Final = (3_600, 30 * 86_400)
"""Seconds, as the contract has them: from an announcement to its activation."""
RAMPS: Final = (3_600, 14 * 86_400)
"""Seconds in which what tightens comes in."""
_KNOWN: Final = ("Backstop", "Risk", "Auction", "Ledger")
"""Those that know one another, in the order in which they are deployed."""


def deploy_margin(
    chain: Chain,
    sender: TransactionSender,
    deployment: Deployment,
    cash: Address,
    *,
    steward: Address = ZERO_ADDRESS,
    delay: int = 7 * 86_400,
    ramp: int = 3 * 86_400,
    directory: Path = Path("deployments"),
    force: bool = False,
) -> Deployment:
    """Deploy Parameters, Backstop, Risk, Auction and the Ledger whose settlement currency is `cash`, and record them.

    `steward` may propose markets and risk parameters, which takes `delay` seconds; what tightens comes in over `ramp`
    seconds. All but Parameters know one another, by addresses that follow from the sender's next nonces: nothing else
    may be sent with this key meanwhile. Recorded contracts that the chain has are kept unless `force`; a run that was
    cut short is taken up where it ended.

    Raises:
        InvalidField: delay or ramp out of their bounds. NotDeployed: there is no Oracle, or another contract is there
            than was compiled.
        ChainError: another transaction of this key came between.
        InsufficientFunds, RpcUnavailable, TransactionStuck: as `TransactionSender.send`.
    """
    for name, seconds, (least, most) in (("delay", delay, DELAYS), ("ramp", ramp, RAMPS)):
        if not least <= seconds <= most:
            raise InvalidField(name, seconds, f"give {least} to {most} seconds")
    if deployment.oracle is None:
        raise NotDeployed(f"chain {chain.chain_id} has no Oracle on record; run `peersettle oracle deploy` first")
    if deployment.ledger is not None and not force:
        try:
            verify_margin(chain, deployment)
        except NotDeployed:
            pass
        else:
            return deployment
    progress = Progress(chain, sender, directory / f"{chain.chain_id}.margin-progress.json", force)
    parameters, _ = progress.deploy("Parameters", artifact("Parameters"), (steward, delay, ramp))
    first = _first_nonce(chain, sender, progress, _KNOWN)
    backstop, risk, auction, predicted = (created_address(sender.address, first + place) for place in range(4))
    arguments = {
        "Backstop": (predicted, auction, cash),
        "Risk": (predicted, deployment.oracle, parameters, backstop, auction),
        "Auction": (predicted, risk, backstop),
        "Ledger": (deployment.settlement, risk, parameters, backstop, auction, cash),
    }
    block = 0
    for name, wanted in zip(_KNOWN, (backstop, risk, auction, predicted), strict=True):
        made, block = progress.deploy(name, artifact(name), arguments[name])
        if made != wanted:
            progress.finish()
            raise ChainError(
                f"{name} is at {made}, but the others were made for {wanted}: another transaction of {sender.address} "
                "came between; run it again, and send nothing else with this key meanwhile",
                made=made,
                predicted=wanted,
            )
    progress.finish()
    done = replace(
        deployment,
        parameters=parameters,
        backstop=backstop,
        risk=risk,
        auction=auction,
        ledger=predicted,
        ledger_block=block,
        cash=cash,
    )
    verify_margin(chain, done)
    done.save(directory)
    return done


def verify_margin(chain: Chain, deployment: Deployment) -> None:
    """Check the contracts of a record: their code, and how they name one another.

    Steward, delay and ramp are Parameters' own to say.

    Raises:
        NotDeployed: one is missing, or another contract.
    """
    parts = (deployment.ledger, deployment.risk, deployment.parameters, deployment.backstop, deployment.auction)
    ledger, risk, parameters, backstop, auction = parts
    cash, oracle = deployment.cash, deployment.oracle
    if not (ledger and risk and parameters and backstop and auction and cash and oracle):
        raise NotDeployed(f"the record of chain {deployment.chain_id} lacks a part of its margin accounts")
    if not chain.code(parameters):
        raise NotDeployed(f"chain {chain.chain_id} has no code at {parameters}, where Parameters should be")
    functions = artifact("Parameters").functions
    try:
        said = [chain.call(parameters, functions[name].selector) for name in ("steward", "delay", "ramp")]
        (decimals,) = decode(["uint8"], chain.call(cash, selector("decimals()")))
    except (Reverted, InputError) as error:
        raise NotDeployed(f"{parameters} or {cash} does not answer as Parameters and cash must: {error}") from None
    verify_code(chain, artifact("Parameters"), parameters, said)
    scale, pool = (number.to_bytes(32, "big") for number in (10 ** (18 - decimals), int(backstop, 16) << 96))
    expected: dict[str, tuple[Address, tuple[Address, ...], tuple[bytes, ...]]] = {
        "Backstop": (backstop, (ledger, auction, cash), (scale,)),
        "Risk": (risk, (ledger, oracle, parameters, backstop, auction), ()),
        "Auction": (auction, (ledger, risk, backstop, ledger, risk), (pool,)),
        "Ledger": (ledger, (deployment.settlement, parameters, cash, risk, backstop, auction), (scale, pool)),
    }
    for name, (where, addresses, words) in expected.items():
        verify_code(chain, artifact(name), where, [*(address_word(item) for item in addresses), *words])


def created_address(sender: Address, nonce: int) -> Address:
    """Where the contract of a sender's transaction with this nonce will be: the last 20 bytes of keccak(rlp([…]))."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    item = number if 0 < nonce < 0x80 else bytes([0x80 + len(number)]) + number
    payload = b"\x94" + bytes.fromhex(sender[2:]) + item
    return checksummed(keccak(bytes([0xC0 + len(payload)]) + payload)[12:])


def _first_nonce(chain: Chain, sender: TransactionSender, progress: Progress, names: tuple[str, ...]) -> int:
    """The nonce of the first of these steps: what it was, when they have gone on without a gap, else the next one."""
    upcoming = chain.nonce(sender.address, "pending")
    waiting = [sent.nonce for sent in sender.resume()]
    upcoming = max([upcoming, *(nonce + 1 for nonce in waiting)])
    first = progress.nonce(names[0])
    if first is not None and first < upcoming <= first + len(names):
        sent = [progress.nonce(name) for name in names[: upcoming - first]]
        if sent == list(range(first, upcoming)):
            return first
    return upcoming
