"""Body and answer of event configurations: our own path, spelled as the rest of the API is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool

from api.fields import Time
from api.shapes import Answer, Request

_JOB = Field(description="Whether events of jobs are published over MQTT")
_EXECUTION = Field(description="Whether events of job executions are published over MQTT")


class PutEventConfigurations(Request):
    """What to switch; what is left out stays as it is."""

    job: Annotated[StrictBool | None, _JOB] = None
    job_execution: Annotated[StrictBool | None, _EXECUTION] = None


class EventConfigurationsView(Answer):
    """Which kinds of event are published."""

    job: Annotated[bool, _JOB]
    job_execution: Annotated[bool, _EXECUTION]
    created_at: Annotated[Time | None, Field(description="When anything was switched first")]
    last_modified_at: Annotated[Time | None, Field(description="When anything was switched last")]
