"""What options are worth: Black-76, implied volatility, and volatility surfaces free of static arbitrage. Pure."""

from peersettle.pricing.chain import OptionChain, OptionQuote, read_chain
from peersettle.pricing.fit import FittedSurface, Skipped, SliceFit, Smile, fit_surface
from peersettle.pricing.static_arbitrage import Arbitrage, Finding, Margins, arbitrage, margins
from peersettle.pricing.surface import Surface, SurfaceSlice
from peersettle.pricing.svi import SviSlice, decode, encode, quantise

__all__ = [
    # option chains
    "OptionChain",
    "OptionQuote",
    "read_chain",
    # surfaces
    "Surface",
    "SurfaceSlice",
    "SviSlice",
    "quantise",
    "encode",
    "decode",
    # fitting
    "fit_surface",
    "FittedSurface",
    "SliceFit",
    "Smile",
    "Skipped",
    # arbitrage
    "arbitrage",
    "margins",
    "Arbitrage",
    "Finding",
    "Margins",
]
