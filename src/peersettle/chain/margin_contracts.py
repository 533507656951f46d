"""Deploying the contracts of margin accounts: Parameters, a backstop, Risk and the Ledger, which know one another."""

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


def deploy_margin(
    chain: Chain,
    sender: TransactionSender,
    deployment: Deployment,
    cash: Address,
    *,
    backstop: Address | None = None,
    steward: Address = ZERO_ADDRESS,
    delay: int = 7 * 86_400,
    ramp: int = 3 * 86_400,
    directory: Path = Path("deployments"),
    force: bool = False,
) -> Deployment:
    """Deploy Parameters, Risk and the Ledger whose settlement currency is `cash`, and add them to the record.

    `steward` may propose markets and risk parameters, which takes `delay` seconds; what tightens comes in over `ramp`
    seconds. Without a `backstop` a DemoPool is deployed, which is for trying things only. Risk and backstop are made
    for the Ledger's address, which follows from the sender's next nonces: nothing else may be sent with this key
    meanwhile. Recorded contracts that the chain has are kept unless `force`; a run that was cut short is taken up
    where it ended.

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
    names = ("Risk", "Ledger") if backstop else ("DemoPool", "Risk", "Ledger")
    predicted = created_address(sender.address, _first_nonce(chain, sender, progress, names) + len(names) - 1)
    if backstop is None:
        backstop, _ = progress.deploy("DemoPool", artifact("DemoPool"), (predicted,))
    risk, _ = progress.deploy("Risk", artifact("Risk"), (predicted, deployment.oracle, parameters, backstop))
    ledger, block = progress.deploy(
        "Ledger", artifact("Ledger"), (deployment.settlement, risk, parameters, backstop, cash)
    )
    progress.finish()
    if ledger != predicted:
        raise ChainError(
            f"the Ledger is at {ledger}, but Risk was made for {predicted}: another transaction of {sender.address} "
            "came between; run it again, and send nothing else with this key meanwhile",
            ledger=ledger,
            predicted=predicted,
        )
    done = replace(
        deployment,
        parameters=parameters,
        backstop=backstop,
        risk=risk,
        ledger=ledger,
        ledger_block=block,
        cash=cash,
    )
    verify_margin(chain, done)
    done.save(directory)
    return done


def verify_margin(chain: Chain, deployment: Deployment) -> None:
    """Check the Ledger, Risk and Parameters of a record: code, and how they name one another.

    Steward, delay and ramp are the contract's own to say, and which contract stands behind it is the backstop's.

    Raises:
        NotDeployed: one is missing, or another contract.
    """
    parts = (deployment.ledger, deployment.risk, deployment.parameters, deployment.backstop, deployment.cash)
    ledger, risk, parameters, backstop, cash = parts
    if not (ledger and risk and parameters and backstop and cash and deployment.oracle):
        raise NotDeployed(f"the record of chain {deployment.chain_id} lacks a part of its margin accounts")
    functions = artifact("Parameters").functions
    for what, where in (("the backstop", backstop), ("Parameters", parameters)):
        if not chain.code(where):
            raise NotDeployed(f"chain {chain.chain_id} has no code at {where}, where {what} should be", address=where)
    try:
        said = [chain.call(parameters, functions[name].selector) for name in ("steward", "delay", "ramp")]
        (decimals,) = decode(["uint8"], chain.call(cash, selector("decimals()")))
    except (Reverted, InputError) as error:
        raise NotDeployed(f"{parameters} or {cash} does not answer as Parameters and cash must: {error}") from None
    verify_code(chain, artifact("Parameters"), parameters, said)
    pool = int(backstop, 16)
    verify_code(
        chain,
        artifact("Risk"),
        risk,
        [address_word(part) for part in (ledger, deployment.oracle, parameters, backstop)],
    )
    verify_code(
        chain,
        artifact("Ledger"),
        ledger,
        [
            *(address_word(part) for part in (deployment.settlement, parameters, cash, risk, backstop)),
            (10 ** (18 - decimals)).to_bytes(32, "big"),
            (pool << 96).to_bytes(32, "big"),
        ],
    )


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
