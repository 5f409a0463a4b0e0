"""AWSIoTPythonSDK's jobs client: QoS 0, numbers as strings, a subscription that hears itself too (V39)."""

import pytest
from AWSIoTPythonSDK.core.jobs.thingJobManager import jobExecutionStatus, jobExecutionTopicType
from python_v1 import OldDevice
from site_under_test import Site

pytestmark = pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated")

#: What this client asks for below; a broker of its own gives a subscriber of ``jobs/#`` these back.
REQUESTS = {"get", "start-next", "$next/get", "j/get", "j/update"}


@pytest.mark.parametrize("qos", [0, 1])
async def test_a_job_from_notify_to_success(site: Site, qos: int):
    device = OldDevice(site, "t1", "any client id", qos)
    jobs = device.jobs
    await device.open()
    topic, answer = await device.ask(jobs.sendJobsQuery, jobExecutionTopicType.JOB_GET_PENDING_TOPIC)
    assert (topic, answer["clientToken"]) == ("get/accepted", "any client id")
    assert (answer["inProgressJobs"], answer["queuedJobs"]) == ([], [])
    await site.whole.job("j", "t1", document='{"operation":"test"}')
    _, told = await device.hear(lambda topic: topic == "notify-next")
    assert told["execution"]["jobDocument"] == {"operation": "test"}

    topic, answer = await device.ask(jobs.sendJobsStartNext, {"phase": "begin"})
    execution = answer["execution"]
    assert (topic, execution["jobId"], execution["versionNumber"]) == ("start-next/accepted", "j", 2)
    topic, answer = await device.ask(jobs.sendJobsDescribe, "$next")
    assert (topic, answer["execution"]["statusDetails"]) == ("$next/get/accepted", {"phase": "begin"})
    update, status = jobs.sendJobsUpdate, jobExecutionStatus
    topic, answer = await device.ask(
        update,
        "j",
        status.JOB_EXECUTION_IN_PROGRESS,
        {"progress": "50 %"},
        expectedVersion=2,
        executionNumber=execution["executionNumber"],
        includeJobExecutionState=True,
        includeJobDocument=True,
    )
    assert (topic, answer["jobDocument"]) == ("j/update/accepted", {"operation": "test"})
    assert answer["executionState"] == {
        "status": "IN_PROGRESS",
        "statusDetails": {"progress": "50 %"},
        "versionNumber": 3,
    }
    topic, answer = await device.ask(update, "j", status.JOB_EXECUTION_FAILED, expectedVersion=2)
    assert (topic, answer["code"]) == ("j/update/rejected", "VersionMismatch")
    topic, _ = await device.ask(update, "j", status.JOB_EXECUTION_SUCCEEDED, expectedVersion=3)
    assert topic == "j/update/accepted"
    _, told = await device.hear(lambda topic: topic == "notify-next")
    assert "execution" not in told
    topic, answer = await device.ask(jobs.sendJobsDescribe, "j")
    assert (topic, answer["code"]) == ("j/get/rejected", "TerminalStateReached")
    topic, answer = await device.ask(jobs.sendJobsStartNext)
    assert (topic, "execution" in answer) == ("start-next/accepted", False)
    await device.close()

    heard_itself = REQUESTS & set(device.topics)
    assert heard_itself == (set() if site.broker == "embedded" else REQUESTS)
