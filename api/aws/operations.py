"""The two tables of operations: what the control plane answers, and what the data plane."""

from __future__ import annotations

from typing import Final

from api.aws import device, executions, jobs, managed, templates
from api.aws.operation import Operation

#: One line per module of handlers.
CONTROL: Final[tuple[Operation, ...]] = (
    *jobs.OPERATIONS,
    *executions.OPERATIONS,
    *templates.OPERATIONS,
    *managed.OPERATIONS,
)

DATA: Final[tuple[Operation, ...]] = device.OPERATIONS
