"""Signing what reporters sign, with any signer."""

from __future__ import annotations

from peersettle.reports import Batch, OracleDomain, Report, SignedReport, SurfaceReport, digest, typed_data
from peersettle.signing import Signer, sign_typed


def sign_report(signer: Signer, domain: OracleDomain, report: Report) -> SignedReport:
    """The report with its signature.

    Raises:
        SignerError: a remote signer refused, or signed something else.
    """
    return SignedReport(domain, report, signer.address, sign_for_oracle(signer, domain, report))


def sign_for_oracle(signer: Signer, domain: OracleDomain, message: Report | Batch | SurfaceReport) -> bytes:
    """The signature alone.

    Raises:
        SignerError: a remote signer refused, or signed something else.
    """
    return sign_typed(signer, digest(domain, message), lambda: typed_data(domain, message))
