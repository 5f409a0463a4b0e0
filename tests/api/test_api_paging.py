"""Every list is paged alike: ``maxResults`` from 1 to 250, and a ``nextToken`` that nobody else can make."""

import pytest
from sites import BOTH

DIALECTS = BOTH

#: Lists of a server with three of everything, and where their entries are.
LISTS = {
    "/jobs": "jobs",
    "/job-templates": "JobTemplates",
    "/jobs-executions/jobs/j0": "jobExecutions",
    "/jobs-executions/things/t0": "jobExecution",
    "/job-executions/jobs/j0": "jobExecutions",
    "/job-executions/things/t0": "jobExecution",
    "/things": "things",
    "/things/t0/thing-groups": "thingGroups",
    "/thing-groups": "thingGroups",
    "/thing-groups/g0/things": "things",
}
#: The same list at another path takes the same tokens.
TWINS = {path: path.replace("/jobs-ex", "/job-ex") for path in LISTS}


@pytest.fixture(scope="module")
def full(shared_door):
    for n in range(3):
        shared_door.job("t0", "t1", "t2", jobId=f"j{n}")
        shared_door.ok(
            "POST", "/job-templates", {"document": "{}", "description": "d", "jobTemplateId": f"x{n}"}
        )
        shared_door.ok("POST", "/thing-groups", {"thingGroupName": f"g{n}"})
        shared_door.ok("PUT", f"/thing-groups/g{n}/things", {"things": ["t0", "t1", "t2"]})
    return shared_door


@pytest.mark.parametrize(("path", "key"), LISTS.items())
def test_pages_of_one_make_the_whole_list_and_end_with_null(full, path, key):
    whole = full.ok("GET", path)
    assert whole["nextToken"] is None
    assert len(whole[key]) == 3
    walked, token = [], ""
    for _ in range(3):
        page = full.ok("GET", f"{path}?maxResults=1&nextToken={token}")
        walked += page[key]
        token = page["nextToken"]
    assert token is None
    assert walked == whole[key]


@pytest.mark.parametrize("path", LISTS)
def test_a_page_that_just_holds_everything_is_the_last(full, path):
    assert full.ok("GET", f"{path}?maxResults=3")["nextToken"] is None
    assert full.ok("GET", f"{path}?maxResults=250")["nextToken"] is None


@pytest.mark.parametrize(
    "value", ["0", "251", "-1", "1.5", "1e2", "", "x", "+1", "01", "%D9%A1", "9" * 30, " 1"]
)
@pytest.mark.parametrize("path", ["/jobs", "/things", "/jobs-executions/jobs/j0"])
def test_max_results_out_of_range_is_422(full, path, value):
    reply = full("GET", f"{path}?maxResults={value.replace(' ', '%20').replace('+', '%2B')}")
    assert reply.status == 422
    assert "maxResults" in reply.error


@pytest.mark.parametrize("path", LISTS)
def test_a_token_that_was_tampered_with_is_422(full, path):
    token = full.ok("GET", f"{path}?maxResults=1")["nextToken"]
    forged = [
        token[:-1],
        token + "A",
        token[4:],
        "A" * len(token),
        token.swapcase(),
        "null",
        "0",
        "%00",
        "a" * 2000,
    ]
    for position in range(0, len(token), 5):
        other = "A" if token[position] != "A" else "B"
        forged.append(token[:position] + other + token[position + 1 :])
    for text in forged:
        reply = full("GET", f"{path}?maxResults=1&nextToken={text}")
        assert reply.status == 422, text
        assert "nextToken" in reply.error


@pytest.mark.parametrize("path", LISTS)
def test_a_token_of_another_list_is_422(full, path):
    token = full.ok("GET", f"{path}?maxResults=1")["nextToken"]
    for other in LISTS:
        reply = full("GET", f"{other}?maxResults=1&nextToken={token}")
        same = TWINS[other] == TWINS[path]
        assert reply.status == (200 if same else 422), other


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/jobs?", "/jobs?status=IN_PROGRESS&"),
        ("/jobs?", "/jobs?targetSelection=SNAPSHOT&"),
        ("/jobs-executions/jobs/j0?", "/jobs-executions/jobs/j1?"),
        ("/jobs-executions/jobs/j0?", "/jobs-executions/jobs/j0?status=QUEUED&"),
        ("/things?", "/things?namePrefix=t&"),
        ("/thing-groups/g0/things?", "/thing-groups/g0/things?recursive=true&"),
        ("/thing-groups/g0/things?", "/thing-groups/g1/things?"),
    ],
)
def test_a_token_of_the_same_list_with_another_filter_is_422(full, path, other):
    token = full.ok("GET", f"{path}maxResults=1")["nextToken"]
    assert full("GET", f"{other}maxResults=1&nextToken={token}").status == 422


def test_what_is_created_between_two_pages_neither_repeats_nor_hides_anything(door):
    for n in range(4):
        door.job("t", jobId=f"j{n}")
    first = door.ok("GET", "/jobs?maxResults=2")
    door.job("t", jobId="j4")
    door.ok("DELETE", "/jobs/j3?force=true")
    rest = door.ok("GET", f"/jobs?maxResults=2&nextToken={first['nextToken']}")
    assert [job["jobId"] for job in first["jobs"] + rest["jobs"]] == ["j3", "j2", "j1", "j0"]


def test_a_page_size_may_change_on_the_way(door):
    for n in range(5):
        door.job("t", jobId=f"j{n}")
    first = door.ok("GET", "/jobs?maxResults=1")
    rest = door.ok("GET", f"/jobs?maxResults=250&nextToken={first['nextToken']}")
    assert [job["jobId"] for job in rest["jobs"]] == ["j3", "j2", "j1", "j0"]


def test_a_name_prefix_means_its_characters_and_no_pattern(door):
    for name in ("a_1", "ab1", "A_1", "a-1"):
        door.ok("POST", "/things", {"thingName": name})
        door.ok("POST", "/thing-groups", {"thingGroupName": name})
    for path, key, name in (
        ("/things", "things", "thingName"),
        ("/thing-groups", "thingGroups", "thingGroupName"),
    ):
        listed = door.ok("GET", f"{path}?namePrefix=a_")[key]
        assert [entry[name] for entry in listed] == ["a_1"]
