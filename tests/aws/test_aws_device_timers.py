"""Step timers of the devices' plane, by a clock that is set; and two writers at the same version."""

import threading
from datetime import UTC, datetime

import pytest
from asking import refused
from aws_fleet import DOCUMENT
from botocore.exceptions import ClientError

# --- timers: a server whose clock is moved ---


def test_v22_step_timers_replace_each_other_below_the_job_s_own(site):
    site.door.at = datetime(2024, 6, 10, 12, 0, tzinfo=UTC)
    job = site.door.job("t", document=DOCUMENT, timeoutConfig={"inProgressTimeoutInMinutes": 20})
    update = site.jobs_data.update_job_execution

    def left():
        execution = site.jobs_data.describe_job_execution(thingName="t", jobId=job)["execution"]
        return execution.get("approximateSecondsBeforeTimedOut")

    site.jobs_data.start_next_pending_job_execution(thingName="t")
    assert left() == 20 * 60
    site.door.later(minutes=5)
    update(thingName="t", jobId=job, status="IN_PROGRESS", stepTimeoutInMinutes=7)
    assert left() == 7 * 60
    site.door.later(minutes=5)
    site.jobs_data.start_next_pending_job_execution(thingName="t", stepTimeoutInMinutes=5)
    assert left() == 5 * 60
    site.door.later(minutes=3)
    update(thingName="t", jobId=job, status="IN_PROGRESS", stepTimeoutInMinutes=9)
    assert left() == 7 * 60
    site.door.later(minutes=7)
    with pytest.raises(site.jobs_data.exceptions.TerminalStateException):
        site.jobs_data.describe_job_execution(thingName="t", jobId=job)
    assert site.door.ok("GET", f"/jobs/{job}/things/t")["execution"]["status"] == "TIMED_OUT"
    late = refused(update, thingName="t", jobId=job, status="SUCCEEDED")
    assert late[:2] == ("InvalidStateTransitionException", 409)


def test_v23_a_step_timer_is_taken_off(data, thing, make):
    job = make()
    first = data.start_next_pending_job_execution(thingName=thing, stepTimeoutInMinutes=5)["execution"]
    assert first["approximateSecondsBeforeTimedOut"] == 300
    data.update_job_execution(thingName=thing, jobId=job, status="IN_PROGRESS", stepTimeoutInMinutes=-1)
    after = data.describe_job_execution(thingName=thing, jobId=job)["execution"]
    assert "approximateSecondsBeforeTimedOut" not in after


@pytest.mark.parametrize("minutes", [0, -2, 10_081])
def test_a_step_timer_out_of_range_is_refused(data, thing, make, minutes):
    job = make()
    for call, more in (
        (data.start_next_pending_job_execution, {}),
        (data.update_job_execution, {"jobId": job, "status": "IN_PROGRESS"}),
    ):
        code, status, message = refused(call, thingName=thing, stepTimeoutInMinutes=minutes, **more)
        assert (code, status) == ("InvalidRequestException", 400)
        assert message.startswith(f"stepTimeoutInMinutes '{minutes}'")
    assert refused(data.start_next_pending_job_execution, thingName=thing, stepTimeoutInMinutes=-1)[:2] == (
        "InvalidRequestException",
        400,
    )


# --- many at once ---


def test_two_writers_that_expect_the_same_version_never_both_win(shared_site, thing, make):
    job = make()
    clients = [shared_site.client("iot-jobs-data") for _ in range(2)]
    barrier = threading.Barrier(len(clients))
    rounds = 20
    outcomes: list[list[str]] = [[] for _ in clients]

    def write(place):
        for expected in range(1, rounds + 1):
            barrier.wait(30)
            try:
                clients[place].update_job_execution(
                    thingName=thing,
                    jobId=job,
                    status="IN_PROGRESS",
                    expectedVersion=expected,
                    statusDetails={"writer": str(place)},
                )
                outcomes[place].append("won")
            except ClientError as error:
                outcomes[place].append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=write, args=(place,)) for place in range(len(clients))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for client in clients:
        client.close()
    assert [sorted(pair) for pair in zip(*outcomes, strict=True)] == [
        ["InvalidStateTransitionException", "won"]
    ] * rounds
    after = shared_site.door.ok("GET", f"/jobs/{job}/things/{thing}")["execution"]
    assert after["versionNumber"] == rounds + 1
    assert after["statusDetails"]["detailsMap"] == {
        "writer": str([pair.index("won") for pair in zip(*outcomes, strict=True)][-1])
    }
