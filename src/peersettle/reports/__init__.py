"""What reporters sign: feeds and their rules, reports, rounds, batches and surfaces, with their typed data."""

from peersettle.reports.documents import CoSigned, SignedReport, from_json, load_document
from peersettle.reports.feed import Feed
from peersettle.reports.messages import Batch, Observation, OracleDomain, Report, SurfaceReport, SurfaceSlice
from peersettle.reports.quorum import Attestation, ReporterSet, Round, signatures_to_abi, spread_of
from peersettle.reports.surfaces import surface_report
from peersettle.reports.typed_data import batch_digest, digest, report_digest, surface_digest, typed_data

__all__ = [
    # feeds
    "Feed",
    # messages
    "Batch",
    "Observation",
    "OracleDomain",
    "Report",
    "SurfaceReport",
    "SurfaceSlice",
    "batch_digest",
    "digest",
    "report_digest",
    "surface_digest",
    "surface_report",
    "typed_data",
    # what is signed
    "CoSigned",
    "SignedReport",
    "from_json",
    "load_document",
    # k of n
    "Attestation",
    "ReporterSet",
    "Round",
    "signatures_to_abi",
    "spread_of",
]
