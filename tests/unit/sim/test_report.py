"""The report: one page that needs nothing else, and says what the result says."""

import re
from copy import deepcopy
from html.parser import HTMLParser

import pytest

from peersettle.sim import replay
from peersettle.sim.charts import Line, plot
from peersettle.sim.prices import march_2020
from peersettle.sim.report import html
from peersettle.sim.scenario import load, to_time


@pytest.fixture(scope="module")
def result():
    first, last = to_time("2020-03-12T10:00"), to_time("2020-03-12T10:40")
    return replay.run(load("march-2020"), march_2020(), first=first, last=last)


class Tags(HTMLParser):
    """Whether every tag that is opened is closed, and in order."""

    ALONE = frozenset({"meta", "br", "line", "path", "circle"})

    def __init__(self, text):
        super().__init__()
        self.open, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, _attrs):
        if tag not in self.ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.ALONE:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_a_page_is_whole_and_needs_no_network(result):
    page = html(result)
    found = Tags(page)
    assert found.open == []
    assert not re.search(r"https?://|src=|@import|<script|url\(", page)
    assert "prefers-color-scheme:dark" in page
    assert "width=device-width" in page


def test_it_says_what_the_result_says(result):
    page, text = html(result), " ".join(Tags(html(result)).text)
    assert "every invariant held" in text
    for verdict in result["verdicts"]:
        assert verdict["name"] in text
        assert f"{verdict['checks']:,}" in text
    for name in result["accounts_followed"]:
        assert name in text
    assert page.count("<svg") >= 7 + len(result["accounts_followed"])


def test_a_broken_invariant_is_seen_at_once(result):
    broken = deepcopy(result)
    broken["holds"] = False
    broken["verdicts"][0] |= {"holds": False, "violations": 2, "examples": ["series 7 <in the end>"]}
    page = html(broken)
    assert "an invariant was broken" in page
    assert "series 7 &lt;in the end&gt;" in page
    assert "every invariant held" not in page


def test_a_name_cannot_bring_markup(result):
    named = deepcopy(result)
    named["scenario"]["name"] = "<script>alert(1)</script>"
    assert "<script" not in html(named)


# Plots


def test_a_plot_leaves_gaps_where_a_value_is_not_known():
    drawn = plot("x", [0, 60, 120, 180, 240], [Line("a", [1.0, 2.0, None, 3.0, 4.0])])
    assert drawn.count("M") == 2


def test_a_plot_of_nothing_says_so():
    assert "nothing to show" in plot("x", [0, 60], [Line("a", [None, None])])


def test_the_axis_holds_every_value():
    drawn = plot("x", [0, 60, 120], [Line("a", [-7.0, 0.0, 1_234.0])])
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", drawn)]
    assert min(heights) >= 10
    assert max(heights) <= 240 - 26
