"""The tables and charts of the documents say what the code says."""

import re
from pathlib import Path

import pytest

from broker.embedded.limits import Limits
from cli.settings import Settings
from domain import details, documents, errors, messages, substitution
from domain.execution import RULES, TERMINAL, Cause, Status
from domain.explain import Why
from domain.job import STEERING, JobStatus
from domain.permissions import MAX_TOPIC_BYTES
from domain.topics import NEXT, Operation, Topics

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "device-protocol.md").read_text(encoding="utf-8")
ROLLOUTS = (ROOT / "docs" / "rollouts.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

#: How the chart calls what the code calls a cause.
CAUSES = {
    "device": Cause.DEVICE,
    "cancel": Cause.CANCEL,
    "forced cancel": Cause.FORCED_CANCEL,
    "removal": Cause.REMOVAL,
    "time-out": Cause.TIMEOUT,
    "no document": Cause.UNDELIVERABLE,
}


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row, heads and rulers left out."""
    found = re.findall(r"^\| *(.+?) *\|$", text, re.MULTILINE)
    return [re.split(r" *\| *", row) for row in found if not set(row) <= set("-| :")]


def arrows() -> set[tuple[Status, Status, Cause]]:
    drawn = re.findall(r"^    (\w+) --> (\w+): (.+)$", README, re.MULTILINE)
    return {(Status(source), Status(target), CAUSES[cause]) for source, target, cause in drawn}


def test_the_state_chart_draws_every_step_the_rules_allow_and_no_other():
    allowed = {
        (source, target, cause)
        for cause, rule in RULES.items()
        for source in rule.sources
        for target in rule.targets
    }
    # A forced cancel also ends what is QUEUED; the chart draws that step once, as the plain cancel.
    allowed.remove((Status.QUEUED, Status.CANCELED, Cause.FORCED_CANCEL))
    assert arrows() == allowed


def test_the_state_chart_ends_where_executions_end():
    assert {Status(name) for name in re.findall(r"(\w+) --> \[\*\]", README)} == TERMINAL


def test_each_way_to_steer_is_told_with_the_statuses_it_is_for():
    told = {row[0].strip("`"): set(row[2].split(", ")) for row in rows(section(ROLLOUTS, "Steering"))[1:]}
    words = {"retry-failed": "retried", "pause": "paused"}
    said = {verb: words.get(verb, f"{verb.rstrip('e')}ed") for verb in told}
    assert told == {verb: set(STEERING[word]) for verb, word in said.items()}
    assert len(told) == len(STEERING)


def test_every_reason_of_explain_is_told():
    assert [row[0].strip("`") for row in rows(section(ROLLOUTS, "Explain"))[1:]] == list(Why)


def test_the_job_chart_knows_every_status():
    drawn = set(re.findall(r"^    (\w+) -->", section(ROLLOUTS, "The states of a job"), re.MULTILINE))
    assert drawn == set(JobStatus)


def test_the_topic_table_lists_every_request():
    table = {row[0].strip("`") for row in rows(section(README, "Topics"))}
    told = {topic for topic in table if topic in ("get", "start-next") or topic.endswith(("/get", "/update"))}
    topics = Topics()
    parsed = {topics.parse(f"{topics.jobs('t')}{topic.replace('{jobId}', 'j')}")[1:] for topic in told}
    assert parsed == {
        (Operation.GET_PENDING, None),
        (Operation.START_NEXT, None),
        (Operation.DESCRIBE, "j"),
        (Operation.DESCRIBE, NEXT),
        (Operation.UPDATE, "j"),
    }


def test_the_table_of_codes_is_complete():
    told = {row[0].split("`")[1] for row in rows(section(PROTOCOL, "Errors")) if row[0].startswith("`")}

    raised = [found for found in vars(errors).values() if isinstance(found, type)]
    assert told == {found.code for found in raised if issubclass(found, errors.JobsError)}


@pytest.mark.parametrize(
    ("row", "numbers"),
    [
        ("a request's payload", [messages.MAX_PAYLOAD]),
        ("a job document", [documents.MAX_BYTES]),
        ("`statusDetails`", [details.MAX_PAIRS, 1, 128, 1, details.MAX_VALUE]),
        ("`clientToken`", [messages.MAX_TOKEN]),
        ("topic", [MAX_TOPIC_BYTES]),
        ("subscriptions of a connection", [Limits().subscriptions, Limits().filters_per_subscribe]),
        ("messages that wait for a connection", [Limits().queue_messages, Limits().queue_bytes]),
    ],
)
def test_the_limits_are_those_in_force(row, numbers):
    (told,) = (cells[1] for cells in rows(section(PROTOCOL, "Limits")) if cells[0] == row)
    told = told.replace("a-z A-Z 0-9", "")
    assert [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", told)] == numbers


def test_the_table_of_settings_lists_each_one_with_its_default():
    told = {
        row[0].strip("`"): row[1].strip("`")
        for row in rows(section(OPERATIONS, "Settings"))
        if row[0].startswith("`")
    }
    fields = Settings.model_fields
    assert told.keys() == fields.keys()
    for name, default in told.items():
        value = fields[name].default
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        assert default == ("" if value is None else shown), name


def test_the_table_of_placeholders_lists_each_kind_and_when_it_is_filled_in():
    page = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
    table = rows(section(page, "Placeholders"))
    listed: dict[str, set[str]] = {}
    for spelled, _, when in table[1:]:
        kind = re.fullmatch(r"`\$\{((?:aws:iot|thingjobs):[a-z0-9-]+):.+\}`", spelled)[1]
        listed.setdefault(kind, set()).add(when)
    assert listed == {kind.value: {rule.moment.value} for kind, rule in substitution.RULES.items()}
