"""The files that take longest, over a quarter of a minute each: side by side they begin before all others."""

import pytest

LONGEST = (
    "crash/test_crash_sweep.py",
    "crash/test_crash_many.py",
    "crash/test_crash_postgres.py",
    "crash/test_crash_clock.py",
    "crash/test_crash_upgrade.py",
    "docs/test_docs_walkthrough.py",
    "api/test_api_fuzz.py",
    "bench/test_bench_smoke.py",
    "cli/test_many_processes.py",
    "cli/test_processes.py",
    "broker/test_amqtt_findings.py",
    "crash/test_crash_pacing.py",
    "storage/test_storage_machine.py",
    "storage/test_storage_virtual.py",
    "sdk/test_sdk_python_v2.py",
    "cli/test_agent_process.py",
    "sdk/test_sdk_sessions.py",
    "aws/test_aws_fuzz.py",
    "cli/test_serve.py",
    "cli/test_rollout_story.py",
    "storage/test_storage_endings_machine.py",
    "storage/test_storage_two_schedulers.py",
    "storage/test_storage_force.py",
    "storage/test_storage_plans.py",
    "storage/test_storage_postgres.py",
    "broker/test_mosquitto_outages.py",
)


def first(items: list[pytest.Item]) -> None:
    """Put the longest to the front. Whoever gets one near the end would go on alone."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get("/".join(item.path.parts[-2:]), len(rank)))
