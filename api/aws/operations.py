"""The two tables of operations: what the control plane answers, and what the data plane."""

from __future__ import annotations

from typing import Final

from api.aws import (
    account,
    authorities,
    billing_groups,
    certificates,
    device,
    executions,
    groups,
    indexing,
    jobs,
    managed,
    membership,
    policies,
    policy_targets,
    principals,
    tags,
    templates,
    thing_types,
    things,
)
from api.aws.operation import Operation

#: One line per module of handlers.
CONTROL: Final[tuple[Operation, ...]] = (
    *account.OPERATIONS,
    *things.OPERATIONS,
    *thing_types.OPERATIONS,
    *groups.OPERATIONS,
    *membership.OPERATIONS,
    *billing_groups.OPERATIONS,
    *indexing.OPERATIONS,
    *tags.OPERATIONS,
    *jobs.OPERATIONS,
    *executions.OPERATIONS,
    *templates.OPERATIONS,
    *managed.OPERATIONS,
    *certificates.OPERATIONS,
    *authorities.OPERATIONS,
    *principals.OPERATIONS,
    *policies.OPERATIONS,
    *policy_targets.OPERATIONS,
)

DATA: Final[tuple[Operation, ...]] = device.OPERATIONS
