"""Logs say one thing per line, in one form, whoever spoke."""

import io
import json
import logging

import pytest
import structlog

from cli.logs import configure, escape


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def spoken(form: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure(level, form, stream)
    return stream


def fail(text):
    raise ValueError(text)


@pytest.mark.parametrize("logger", [logging.getLogger("ours"), structlog.get_logger("ours")])
def test_both_kinds_of_logger_give_the_same_json(logger):
    stream = spoken("json")
    logger.warning("hello")
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "hello", "level": "warning", "logger": "ours"}


def test_bound_values_and_context_are_members_of_the_json():
    stream = spoken("json")
    with structlog.contextvars.bound_contextvars(job_id="j1"):
        structlog.get_logger().info("released", count=3)
    line = json.loads(stream.getvalue())
    assert (line["job_id"], line["count"]) == ("j1", 3)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\x1b[31mb", "a\x00b", "a\u2028b", "a\u202eb", "a\x9bb"])
def test_control_characters_stay_on_one_line_and_are_escaped(form, bad):
    stream = spoken(form)
    logging.getLogger("x").warning("%s", bad)
    structlog.get_logger("x").warning("event", thing=bad)
    text = stream.getvalue()
    assert text.count("\n") == 2
    assert bad not in text
    assert len(text.splitlines()) == 2


def test_an_error_carries_its_trace_and_the_trace_cannot_forge_terminal_codes():
    stream = spoken("text")
    try:
        fail("boom \x1b[2J")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "ValueError: boom" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_the_level_is_a_floor():
    stream = spoken("text", "error")
    logging.getLogger("x").warning("quiet")
    structlog.get_logger("x").warning("quiet")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("name", ["amqtt", "amqtt.broker", "amqtt.mqtt.protocol.handler", "aiohttp.access"])
def test_packet_logs_that_would_show_passwords_stay_silent_at_debug(name):
    stream = spoken("text", "debug")
    logging.getLogger(name).info("CONNECT password=planted")
    assert stream.getvalue() == ""
    logging.getLogger("ours").debug("shown")
    assert "shown" in stream.getvalue()


def test_escape_leaves_ordinary_text_alone():
    assert escape("Grüße, 世界 \\n") == "Grüße, 世界 \\n"
