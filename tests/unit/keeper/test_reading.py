"""What the backstop keeps for expiries is found wherever it is, without reading more than it takes."""

from types import SimpleNamespace

import pytest

from peersettle.keeper import reader as reading
from peersettle.keeper.reader import Reader
from peersettle.keeper.view import Reserved


@pytest.fixture
def found(monkeypatch):
    """Searches among these reserves by market and day; the questions come along."""

    def search(reserves, last_day, markets=(0, 2)):
        asked = []

        def ask(_, questions):
            asked.extend(questions)
            return [(reserves.get(place, (0, 0)),) for place in questions]

        monkeypatch.setattr(reading, "ask", ask)
        reader = object.__new__(Reader)
        reader.__dict__ |= {
            "chain": None,
            "desk": SimpleNamespace(listings=[SimpleNamespace(number=number) for number in markets]),
            "backstop": SimpleNamespace(question=lambda _, place: (place >> 14, place & 16_383)),
        }
        return reader.reserved(sum(amount for amount, _ in reserves.values()), last_day), asked

    return search


def test_the_latest_days_are_enough_where_all_is_there(found):
    assert found({(0, 1_000): (5, 77), (2, 998): (6, 78)}, 1_000) == (
        [Reserved(0, 1_000, 5, 77), Reserved(2, 998, 6, 78)],
        [(market, day) for day in range(1_000, 936, -1) for market in (0, 2)],
    )


@pytest.mark.parametrize("day", [0, 1, 500, 936, 937])
def test_however_long_ago_it_is_found(found, day):
    kept, asked = found({(0, 1_000): (5, 77), (2, day): (6, 78)}, 1_000)
    assert kept == [Reserved(0, 1_000, 5, 77), Reserved(2, day, 6, 78)]
    assert len(asked) == len(set(asked))
