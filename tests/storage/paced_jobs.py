"""Configurations and looks that the tests of pacing share."""

from typing import Any

from sync_store import SyncStore

from domain.pacing import Pacing, checked


def paced(**configs: Any) -> Pacing:
    return checked(configs)


def retry(kind: str, count: int) -> Pacing:
    return paced(jobExecutionsRetryConfig={"criteriaList": [{"failureType": kind, "numberOfRetries": count}]})


def abort(kind: str, percent: float, least: int) -> dict[str, Any]:
    return {
        "abortConfig": {
            "criteriaList": [
                {
                    "failureType": kind,
                    "action": "CANCEL",
                    "thresholdPercentage": percent,
                    "minNumberOfExecutedThings": least,
                }
            ]
        }
    }


def things(count: int) -> list[str]:
    return [f"t{number:03}" for number in range(count)]


def released(store: SyncStore, job: str) -> int:
    """Return how many executions the job has had that are still kept."""
    return len(
        store.rows(f"SELECT e.id FROM executions e JOIN jobs j ON j.id = e.job WHERE j.job_id = '{job}'")
    )


def counts(store: SyncStore, job: str) -> dict[str, int]:
    return {status.value: count for status, count in store.job(job).counts.items() if count}


def report(store: SyncStore, thing: str, job: str, status: str) -> None:
    assert store.ask(thing, f"{job}/update", {"status": status})[0] == "accepted"
