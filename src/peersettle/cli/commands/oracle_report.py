"""`peersettle oracle report` and `submit`: the reporter daemon, and rounds onto the chain."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Annotated

import typer

from peersettle.cli.invocation import Invocation, invocation
from peersettle.cli.options import KeyOption, PasswordFileOption

if TYPE_CHECKING:
    from peersettle.bindings import Oracle
    from peersettle.config import OracleSettings, SurfaceSettings
    from peersettle.oracle.cosignatures import Answer
    from peersettle.oracle.observer import Observed
    from peersettle.oracle.reporter import Step
    from peersettle.oracle.submitter import Submission, Submitter
    from peersettle.signing import Signer

FeedOption = Annotated[
    list[str] | None, typer.Option("--feed", help="Only this feed; may be repeated.", metavar="NAME")
]


def report(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Only the slot that is running now.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be signed now, and sign nothing; needs no key.")
    ] = False,
    feed: FeedOption = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Watch prices, sign a report for every slot, serve it and hand it to peers, until interrupted."""
    from peersettle.cli.failures import conceal
    from peersettle.service.logs import log_to_stderr
    from peersettle.service.running import until_stopped

    run = invocation(context)
    settings = _chosen(run.loaded.settings.oracle, feed)
    _keep_secret(settings)
    log_to_stderr("error" if dry_run or once else "info", as_json=run.out.as_json, conceal=conceal)
    if dry_run:
        with run.out.working("asking the sources"):
            looks = asyncio.run(_look(run, settings))
        run.out.json([look.to_json() for look in looks])
        for look in looks:
            _show_look(run, look)
        if any(look.combined.value is None for look in looks):
            raise typer.Exit(1)
        return
    signer = run.desk.signer(key, password_file)
    oracle = run.desk.oracle
    if once:
        with run.out.working("reporting"):
            steps = asyncio.run(_report_once(run, settings, signer, oracle))
        run.out.json([step.to_json() for step in steps])
        for step in steps:
            _show_step(run, step)
        if any(step.signed is None for step in steps):
            raise typer.Exit(1)
        return
    asyncio.run(until_stopped(_report(run, settings, signer, oracle)))
    run.out.line("stopped")


def submit(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until interrupted.")] = False,
    peer: Annotated[
        list[str] | None, typer.Option("--peer", help="A reporter to ask; else the configured ones.", metavar="URL")
    ] = None,
    poll: Annotated[float, typer.Option(help="Seconds between two looks, with --follow.", min=0.2)] = 1.0,
    batch: Annotated[
        bool, typer.Option("--batch", help="Feeds of one slot length together, under k signatures for all.")
    ] = False,
    surface: Annotated[
        str | None,
        typer.Option("--surface", help="Propose this surface from our own file instead, once.", metavar="NAME"),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show what would be sent, and who would co-sign; send and sign nothing; needs no key."
        ),
    ] = False,
    feed: FeedOption = None,
    key: KeyOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Fetch signed reports and send the rounds that are due; or a surface that k reporters co-sign. Anybody can."""
    from peersettle.cli.failures import conceal
    from peersettle.errors import InputError
    from peersettle.service.logs import log_to_stderr
    from peersettle.service.running import until_stopped

    run = invocation(context)
    if surface is not None and (follow or batch or feed):
        raise InputError("--surface goes alone: leave out --follow, --batch and --feed; run it after each new fit")
    settings = _chosen(run.loaded.settings.oracle, feed)
    proposed = _chosen_surface(settings, surface) if surface is not None else None
    _keep_secret(settings)
    log_to_stderr("info" if follow else "warning", as_json=run.out.as_json, conceal=conceal)
    signer = None if dry_run else run.desk.signer(key, password_file)
    oracle = run.desk.oracle
    if follow:
        asyncio.run(until_stopped(_follow(run, settings, signer, oracle, peer or [], poll, batch)))
        run.out.line("stopped")
        return
    with run.out.working("submitting"):
        done = asyncio.run(_submit_once(run, settings, signer, oracle, peer or [], batch, proposed))
    run.out.json([item.to_json() for item in done])
    shown: tuple[Answer, ...] = ()
    for item in done:
        _show_submission(run, item, dry_run)
        for answer in item.answers if item.answers is not shown else ():  # those of a batch are the same for all
            _show_answer(run, answer, dry_run)
        shown = item.answers
    if any(item.outcome == "failed" for item in done):
        raise typer.Exit(8)


def _chosen(settings: OracleSettings, names: list[str] | None) -> OracleSettings:
    from peersettle.errors import InvalidField

    if not names:
        return settings
    known = {item.name: item for item in settings.feeds}
    for name in names:
        if name not in known:
            raise InvalidField("feed", name, f"the settings have {', '.join(known) or 'no feed'}")
    return settings.model_copy(update={"feeds": tuple(known[name] for name in dict.fromkeys(names))})


def _chosen_surface(settings: OracleSettings, name: str) -> SurfaceSettings:
    from peersettle.errors import InvalidField

    for item in settings.surfaces:
        if item.name == name:
            return item
    known = ", ".join(item.name for item in settings.surfaces)
    raise InvalidField("surface", name, f"the settings have {known or 'no surface: add [[oracle.surfaces]]'}")


def _submitter(
    run: Invocation, settings: OracleSettings, signer: Signer | None, oracle: Oracle, peers: list[str]
) -> AbstractAsyncContextManager[Submitter]:
    from peersettle.bindings import AggregatorSource
    from peersettle.oracle.attesters import Attesters
    from peersettle.oracle.daemon import submitter_daemon
    from peersettle.service.clock import SystemClock

    sender = run.desk.sender(signer) if signer is not None else None
    chain = run.desk.chain
    attesters = Attesters(lambda member: AggregatorSource(chain, member))
    members = oracle.reporter_set()
    return submitter_daemon(
        settings, oracle, sender, oracle.domain, members, SystemClock(), peers=peers, attesters=attesters
    )


async def _look(run: Invocation, settings: OracleSettings) -> list[Observed]:
    from peersettle.oracle.daemon import World, http_session, observers_of
    from peersettle.oracle.metrics import Metrics

    world = World.real(lambda: run.desk.chain)
    async with http_session() as session:
        observers = observers_of(settings, session, world, Metrics())
        now = world.clock.now()
        return list(await asyncio.gather(*(each.observe(each.feed.slot_of(now)) for each in observers)))


async def _report_once(run: Invocation, settings: OracleSettings, signer: Signer, oracle: Oracle) -> list[Step]:
    from peersettle.oracle.daemon import World, reporter_daemon

    world = World.real(lambda: run.desk.chain)
    members = oracle.reporter_set()
    async with reporter_daemon(settings, signer, oracle.domain, members, world, serve=False) as daemon:
        steps = await daemon.reporter.run_once()
        await daemon.peers.settle()
        return steps


async def _report(run: Invocation, settings: OracleSettings, signer: Signer, oracle: Oracle) -> None:
    from peersettle.oracle.daemon import World, reporter_daemon

    world = World.real(lambda: run.desk.chain)
    members = oracle.reporter_set()
    async with reporter_daemon(settings, signer, oracle.domain, members, world) as daemon:
        is_member = signer.address in members.members
        run.out.json({"url": daemon.url, "reporter": signer.address, "oracle": oracle.address, "is_member": is_member})
        run.out.done(f"reporting as {signer.address} for {oracle.address}; serving {daemon.url}")
        if not is_member:
            run.out.warn("this address is no member of the contract's reporters: nobody will take its reports")
        await daemon.run(oracle.reporter_set, world.clock)


async def _submit_once(
    run: Invocation,
    settings: OracleSettings,
    signer: Signer | None,
    oracle: Oracle,
    peers: list[str],
    batch: bool,
    surface: SurfaceSettings | None,
) -> list[Submission]:
    from peersettle.oracle.daemon import surface_files

    async with _submitter(run, settings, signer, oracle, peers) as submitter:
        if surface is not None:
            return [await submitter.submit_surface(surface.feed, surface_files(settings))]
        return await (submitter.submit_batches() if batch else submitter.submit_once())


async def _follow(
    run: Invocation,
    settings: OracleSettings,
    signer: Signer | None,
    oracle: Oracle,
    peers: list[str],
    poll: float,
    batch: bool,
) -> None:
    async with _submitter(run, settings, signer, oracle, peers) as submitter:
        run.out.json({"oracle": oracle.address, "sender": signer.address if signer else None})
        run.out.done(f"submitting to {oracle.address}")
        await submitter.run(poll, batch=batch)


def _keep_secret(settings: OracleSettings) -> None:
    from urllib.parse import urlsplit

    from peersettle.cli.failures import keep_secret

    for url in settings.urls():
        parts = urlsplit(url)
        keep_secret(parts.password or "", *parts.query.split("&"))


def _show_look(run: Invocation, look: Observed) -> None:
    from peersettle.types import from_units

    if look.combined.value is None:
        run.out.warn(f"{look.feed.name}: no value for slot {look.slot}: {look.combined.problem}")
    else:
        run.out.done(f"{look.feed.name}: {from_units(look.combined.value, 18)} for slot {look.slot}")
    for name, voice in look.combined.classes.items():
        run.out.line(f"  {name:12} {from_units(voice, 18)}")
    for said in (*(item.to_json() for item in look.combined.dropped), *(item.to_json() for item in look.failed)):
        run.out.line(f"  {said['source']:12} left out, {said['reason']}: {said['detail']}", "yellow")


def _show_step(run: Invocation, step: Step) -> None:
    _show_look(run, step.observed)
    if step.signed is None:
        run.out.warn(f"nothing signed: {step.problem}")
    else:
        run.out.line(f"  signed by    {step.signed.reporter}")


def _show_submission(run: Invocation, item: Submission, dry_run: bool) -> None:
    from peersettle.types import from_units

    price = from_units(item.value, 18) if item.value is not None else "-"
    said = f"{item.feed.name}: {item.outcome.replace('_', ' ')} ({item.why}), slot {item.slot or '-'}, median {price}"
    if item.outcome == "sent":
        run.out.done(said.replace("sent", "would be sent", 1) if dry_run else f"{said}, transaction {item.tx_hash}")
    elif item.outcome == "failed":
        run.out.warn(said)
    else:
        run.out.line(said)


def _show_answer(run: Invocation, answer: Answer, dry_run: bool) -> None:
    from peersettle.config import mask_url

    if answer.reporter is None:
        run.out.line(f"  refused by {mask_url(answer.url)}: {answer.why}", "yellow")
    else:
        run.out.line(f"  {'would be signed' if dry_run else 'signed'} by {answer.reporter} at {mask_url(answer.url)}")
