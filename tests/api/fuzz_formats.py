"""What the formats of our OpenAPI document mean, for schemathesis (named to it by SCHEMATHESIS_HOOKS)."""

import json
import unicodedata
from zoneinfo import available_timezones

import schemathesis
from hypothesis import strategies as st

PLAIN = st.characters(exclude_categories=["C"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    LEAVES | st.text(PLAIN, max_size=20), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)
DOCUMENTS = st.dictionaries(st.text(PLAIN, max_size=10), VALUES, max_size=5)


def is_plain(text):
    return not any(unicodedata.category(c)[0] == "C" for c in text)


schemathesis.openapi.format("printable-text", st.text(PLAIN, max_size=100))
schemathesis.openapi.format(
    "detail-text", st.text(PLAIN | st.sampled_from("\t\n\r"), min_size=1, max_size=100)
)
schemathesis.openapi.format("json-object", DOCUMENTS.map(json.dumps))
schemathesis.openapi.format(
    "values-csv", st.sampled_from(["thingName", "thingName,a\r\n", "thingName,a,b\n"])
)
schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(available_timezones())))
schemathesis.openapi.format("time-zone-or-thing", st.sampled_from(["thing", *sorted(available_timezones())]))
schemathesis.openapi.format(
    "blackout-dates", st.sampled_from(["2024-12-24", "2024-02-29/2024-03-01", "1970-01-01", "2199-12-31"])
)
# The server's clock stands at 2024-06-10; starts and ends lie ahead of it, by half an hour at least.
schemathesis.openapi.format("job-time", st.integers(11, 30).map("2024-06-{} 12:00".format))
schemathesis.openapi.format("aws-cron", st.sampled_from(["cron(0 2 * * ? *)", "0/15 9 ? * MON-FRI *"]))
THING_TERMS = st.sampled_from(
    ["thingName:eu-*", "attributes.model:rev2", "attributes.rpm > 900", "-connectivity.connected:true"]
)
schemathesis.openapi.format("thing-query", st.lists(THING_TERMS, min_size=1, max_size=7).map(" OR ".join))
# None but our own signature makes one: "" is the first page.
schemathesis.openapi.format("next-token", st.just(""))


def retries_fit(config, *, update):
    """One budget per kind, ALL by itself, ten in all; an update can only give them up."""
    criteria = config.get("criteriaList") if isinstance(config, dict) else None
    if not isinstance(criteria, list) or not all(isinstance(c, dict) for c in criteria):
        return True
    kinds = [str(c.get("failureType")) for c in criteria]
    counts = [c.get("numberOfRetries") for c in criteria]
    total = sum(count for count in counts if isinstance(count, int | float))
    return (
        len(set(kinds)) == len(kinds)
        and ("ALL" not in kinds or len(kinds) == 1)
        and total <= (0 if update else 10)
    )


def times_fit(config, selection):
    """An end comes after the start, an end's behaviour with an end, windows with a continuous job."""
    if not isinstance(config, dict):
        return True
    starts, ends = config.get("startTime"), config.get("endTime")
    in_order = starts is None or ends is None or str(starts) < str(ends)
    behaves = config.get("endBehavior") is None or ends is not None
    closes = config.get("closeBehavior") != "TIME_OUT" or config.get("maintenanceWindows")
    if not (closes or config.get("blackoutDates")):
        return False
    return in_order and behaves and (not config.get("maintenanceWindows") or selection == "CONTINUOUS")


def names_nothing_unknown(body):
    """Values are for things there are, parameters for the document, a version is a template's."""
    things = body.get("thingValues")
    return not (
        (isinstance(body.get("parameters"), dict) and body["parameters"])
        or (isinstance(things, dict) and things.get("things"))
        or (body.get("templateVersion") is not None and "jobTemplateId" not in body)
    )


@schemathesis.hook
def filter_query(context, query):
    """What OpenAPI cannot say: these two come together, a query comes alone, no digest is right by chance."""
    if "sha256" in (query or {}):
        return False
    given = set(query or {}) & {"attributeName", "attributeValue", "namePrefix"}
    together = ("attributeName" in given) == ("attributeValue" in given)
    return together and not ("query" in (query or {}) and given)


@schemathesis.hook
def filter_body(context, body):
    """What JSON Schema cannot say: groups exist, templates agree, details make ten pairs, times fit."""
    if not isinstance(body, dict):
        return True
    if not names_nothing_unknown(body):
        return False
    if not retries_fit(body.get("jobExecutionsRetryConfig"), update="targets" not in body):
        return False
    if not times_fit(body.get("schedulingConfig"), body.get("targetSelection")):
        return False
    two_templates = body.get("jobTemplateId") is not None and body.get("jobTemplateArn") is not None
    if two_templates or "thinggroup" in str(body.get("targets")):
        return False
    # Waves may name only what there is.
    if any(name in str(body.get("stagedRolloutConfig")) for name in ("'things'", "'groups'")):
        return False
    said = [body.get("statusDetails"), body.get("detailsMap")]
    said += [part.get("detailsMap") for part in said[:1] if isinstance(part, dict)]
    pairs = {name for part in said if isinstance(part, dict) for name in part}
    return len(pairs | ({"action", "progress"} & set(body))) <= 10


@schemathesis.hook
def filter_case(context, case):
    """What does not meet a format of ours schemathesis cannot know: tests of ours say it, with the field."""
    phase = case.meta.phase.data if case.meta is not None else None
    return not any("format" in str(mutation) for mutation in getattr(phase, "mutations", ()))
