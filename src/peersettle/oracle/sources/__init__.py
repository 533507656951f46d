"""Where prices are from: tickers of venues, contracts, pools and files, behind one protocol."""

from peersettle.oracle.sources.base import Adjustment, Sample, Source
from peersettle.oracle.sources.build import Surroundings, build_sources, uses_chain
from peersettle.oracle.sources.cross import CrossRate
from peersettle.oracle.sources.http import HttpTicker
from peersettle.oracle.sources.onchain import AggregatorFeed, Caller, TwapPool, mean_price
from peersettle.oracle.sources.patience import PatientSource
from peersettle.oracle.sources.presets import PRESETS, Preset, preset
from peersettle.oracle.sources.replay import CsvReplay

__all__ = [
    "Source",
    "Sample",
    "Adjustment",
    # kinds
    "HttpTicker",
    "AggregatorFeed",
    "TwapPool",
    "CsvReplay",
    "CrossRate",
    "mean_price",
    # presets
    "PRESETS",
    "Preset",
    "preset",
    # building
    "Surroundings",
    "Caller",
    "build_sources",
    "uses_chain",
    # patience
    "PatientSource",
]
