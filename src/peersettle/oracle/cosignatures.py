"""Asking reporters for their names under one batch or surface."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from peersettle.config import mask_url
from peersettle.errors import PeerSettleError, SourceError
from peersettle.oracle.client import ReportClient
from peersettle.reports import CoSigned, ReporterSet, SignedReport
from peersettle.types import Address

MOST_AT_ONCE: Final = 64
_log = structlog.get_logger("peersettle.oracle")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one reporter said. `reporter` is None where it refused, and `why` says so."""

    url: str
    reporter: Address | None
    why: str = ""
    signature: bytes = b""

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"url": mask_url(self.url), "reporter": self.reporter, "why": self.why}


@dataclass(frozen=True, slots=True)
class Gathered:
    """The document with all signatures that hold, and what every reporter said."""

    document: CoSigned
    answers: tuple[Answer, ...]

    @property
    def willing(self) -> frozenset[Address]:
        """Who signed, or would."""
        return frozenset(answer.reporter for answer in self.answers if answer.reporter is not None)

    def assert_enough(self, reporters: ReporterSet) -> None:
        """Check that k reporters are willing.

        Raises:
            SourceError: they are fewer; it names what the others said.
        """
        if len(self.willing) < reporters.threshold:
            said = "; ".join(dict.fromkeys(answer.why for answer in self.answers if answer.reporter is None))
            raise SourceError(
                f"{len(self.willing)} of {reporters.threshold} reporters sign: {said or 'ask more of them (--peer)'}",
                kind="too_few_signatures",
            )


async def gather_cosignatures(
    client: ReportClient,
    urls: Sequence[str],
    document: CoSigned,
    reporters: ReporterSet,
    *,
    reports: Sequence[SignedReport] = (),
    check: bool = False,
) -> Gathered:
    """Ask all at once; hand each the `reports` that bear the document out first. With `check` nobody signs.

    A signature counts when it is a member's, over exactly this. Whoever does not answer or answers nonsense refuses.
    """

    async def ask(url: str) -> Answer:
        try:
            for start in range(0, len(reports), MOST_AT_ONCE):
                await client.push(url, reports[start : start + MOST_AT_ONCE])
            if check:
                who, signature = await client.would_cosign(url, document), b""
            else:
                who, signature = await client.cosign(url, document)
                CoSigned(document.domain, document.message, {who: signature}).verify()
            reporters.index(who)
        except PeerSettleError as error:
            _log.info("a reporter does not co-sign", peer=mask_url(url), why=error.message)
            return Answer(url, None, error.message)
        return Answer(url, who, "", signature)

    answers = tuple(await asyncio.gather(*(ask(url) for url in dict.fromkeys(urls))))
    signatures = {answer.reporter: answer.signature for answer in answers if answer.reporter and answer.signature}
    return Gathered(CoSigned(document.domain, document.message, {**document.signatures, **signatures}), answers)
