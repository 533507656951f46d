"""What a service logs goes to stderr, as one JSON object to a line, without secrets."""

import json

import pytest
import structlog

from peersettle.service.logs import log_to_stderr


@pytest.fixture(autouse=True)
def _as_before():
    yield
    structlog.reset_defaults()


def test_lines_are_json_on_stderr_without_what_is_concealed(capsys):
    log_to_stderr("info", as_json=True, conceal=lambda text: text.replace("hunter2", "***"))
    structlog.get_logger("peersettle.test").info("it says hunter2", why="hunter2!", count=3)
    said = capsys.readouterr()
    assert said.out == ""
    line = json.loads(said.err)
    assert (line["event"], line["why"], line["count"], line["level"]) == ("it says ***", "***!", 3, "info")


def test_below_its_level_nothing_is_said(capsys):
    log_to_stderr("warning", as_json=True, conceal=str)
    structlog.get_logger("peersettle.test").info("small talk")
    assert capsys.readouterr().err == ""
