"""Large requests: 10,000 long names fit, others are served meanwhile, hostile ones cost what they weigh."""

import json
import threading

import pytest

from domain.documents import distinct

ARN = "arn:aws-us-gov:iot:us-gov-west-1:123456789012:thing/"
NAMES = [f"{n:0128}" for n in range(10_000)]


@pytest.mark.parametrize("indent", [None, 8])
def test_ten_thousand_arns_of_the_longest_names_fit_however_they_are_laid_out(door, indent):
    document = json.dumps({"a": "ä" * 16_000}, ensure_ascii=False)
    asked = {
        "targets": [ARN + name for name in NAMES],
        "targetSelection": "SNAPSHOT",
        "document": document,
        "description": "\U0001f600" * 2_000,
    }
    made = door("POST", "/jobs", raw=json.dumps(asked, indent=indent).encode())
    assert made.status == 200, made
    job = made.body["jobId"]
    assert len(door.ok("GET", f"/jobs/{job}")["job"]["targets"]) == 10_000
    assert door.ok("GET", f"/jobs/{job}/document")["document"] == document


def test_others_are_served_while_a_large_job_is_created(door):
    asked = {"targets": NAMES, "targetSelection": "SNAPSHOT", "document": "{}"}
    door.job("t")
    replies = []
    creating = threading.Thread(target=lambda: replies.append(door("POST", "/jobs", asked)))
    creating.start()
    served = 0
    while creating.is_alive():
        served += door("GET", "/jobs?status=CANCELED").status == 200
    assert [reply.status for reply in replies] == [200]
    assert served >= 10


def test_a_page_of_large_jobs_ends_early_and_the_next_goes_on(door):
    for n in range(4):
        door.job(*NAMES[:9_000], jobId=f"j{n}")
    seen, token = [], ""
    while token is not None:
        page = door.ok("GET", f"/jobs?nextToken={token}")
        assert sum(len(job["targets"]) for job in page["jobs"]) <= 20_000
        seen += [job["jobId"] for job in page["jobs"]]
        token = page["nextToken"]
    assert seen == ["j3", "j2", "j1", "j0"]


class Name(str):
    """Counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other):
        Name.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_a_name_that_stands_twice_is_found_without_comparing_each_with_each():
    names = [Name(n) for n in (*range(8_000), 7_999)]
    with pytest.raises(ValueError, match="'7999' stands twice"):
        distinct([(name, 1) for name in names])
    assert Name.compared < 10 * len(names)
