"""Option chains made from known surfaces, and the recorded one."""

import csv
import io

import numpy as np
from hypothesis import strategies as st
from tests.shared_data import shared_data

from peersettle.pricing import OptionChain, OptionQuote, Surface, SurfaceSlice, SviSlice, black76
from peersettle.pricing.chain import COLUMNS

NOW = 1_700_000_000
SPOT = 2_000.0
DAY = 86_400
STRIKES = (-2.5, -2, -1.5, -1, -0.7, -0.4, -0.2, 0, 0.2, 0.4, 0.7, 1, 1.5, 2, 2.5)
"""In standard deviations."""


def recorded_text():
    """The recorded chain's text; skips the test where it is not."""
    return shared_data("options/ETH_chain_2024-01-08.csv").read_text()


def known_surface(days=(2, 9, 37, 180), volatility=0.6, skew=-0.3):
    """A surface in the manner of SSVI with room to spare: no arbitrage, parameters storable."""
    slices = []
    for each in days:
        variance = volatility**2 * each / 365
        deviation = variance**0.5
        width = 1.5 * deviation + 0.02
        wing = 0.4 * variance / width
        level = variance - wing * (skew * 0.02 + (0.02**2 + width**2) ** 0.5)
        svi = SviSlice(round(level, 9), round(wing, 9), skew, -0.02, round(width, 9))
        slices.append(SurfaceSlice(NOW + each * DAY, round(1 + each / 5_000, 9), svi))
    return Surface(NOW, tuple(slices))


def chain_of(surface, strikes=STRIKES, noise=None, digits=12):
    """The chain that the surface prices; `noise[slice][strike]` multiplies volatilities."""
    quotes = []
    for row, part in enumerate(surface.slices):
        years = surface.years(part.expiry)
        k = np.array(strikes) * float(np.sqrt(part.svi.total_variance(0.0)))
        volatility = surface.implied_volatility(part.expiry, k) * (1 if noise is None else np.array(noise[row]))
        forward = SPOT * part.forward_ratio
        for each, sigma in zip(k, volatility, strict=True):
            for is_call in (True, False):
                mark = float(black76.price(1.0, np.exp(each), years, sigma, is_call))
                strike = forward * float(np.exp(each))
                quotes.append(OptionQuote(part.expiry, strike, is_call, forward, round(mark, digits)))
    return OptionChain(surface.observed_at, SPOT, tuple(quotes))


def as_rows(chain):
    """The chain as rows of a file."""
    return [
        {
            "instrument": f"X-{quote.expiry}-{quote.strike}",
            "expiry_ts": str(quote.expiry),
            "strike": repr(quote.strike),
            "type": "C" if quote.is_call else "P",
            "underlying_price": repr(quote.forward),
            "index_price": repr(chain.spot),
            "mark_price_eth": repr(quote.mark),
            "T_years": repr(chain.years(quote.expiry)),
        }
        for quote in chain.quotes
    ]


def as_csv(rows, columns=("instrument", *COLUMNS, "T_years")):
    """A file of rows."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def slices(least_width=0.02):
    """Raw SVI slices with positive variance; butterflies are possible."""
    return st.builds(
        lambda lowest, b, rho, m, sigma: SviSlice(lowest - b * sigma * (1 - rho**2) ** 0.5, b, rho, m, sigma),
        st.floats(1e-3, 1.0),
        st.floats(0.0, 1.0),
        st.floats(-0.95, 0.95),
        st.floats(-0.5, 0.5),
        st.floats(least_width, 2.0),
    )
