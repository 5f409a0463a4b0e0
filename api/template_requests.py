"""What operators ask about job templates."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from api.document_fields import ParametersSchema, QueryVersion
from api.fields import Document, JobId, Text
from api.presence import NOT_NULL, NotHonoured
from api.requests import Configured
from api.shapes import Request
from domain.names import JOB_PATTERN
from domain.pacing import Pacing
from domain.schedule import MOST_WINDOWS, SchedulingConfig
from domain.windows import MaintenanceWindow

JobArn = Annotated[
    str, StringConstraints(pattern=rf"^arn:aws[a-z-]*:iot:[a-z0-9-]*:[0-9]*:job/{JOB_PATTERN}$")
]


class NewVersion(Configured):
    """A job document with its configuration, to make jobs from; what is left out comes from ``jobArn``."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["document"], "properties": {"document": {"not": {"type": "null"}}}},
                {"required": ["jobArn"], "properties": {"jobArn": {"type": "string"}}},
            ]
        }
    )

    document: Document | None = None
    description: Text
    job_arn: JobArn | None = None
    parameters: Annotated[ParametersSchema | None, NOT_NULL] = None
    destination_package_versions: NotHonoured = None
    document_source: NotHonoured = None
    maintenance_windows: Annotated[tuple[MaintenanceWindow, ...], Field(max_length=MOST_WINDOWS)] = ()
    tags: NotHonoured = None

    @property
    def job_id(self) -> str | None:
        return None if self.job_arn is None else self.job_arn.rpartition("/")[2]

    @property
    def pacing(self) -> Pacing:
        """Windows stand by themselves in a template, and in the schedule of a job."""
        if not self.maintenance_windows:
            return super().pacing
        schedule = SchedulingConfig(maintenance_windows=self.maintenance_windows)
        return super().pacing.over(Pacing(scheduling_config=schedule))

    @model_validator(mode="after")
    def _has_a_document(self) -> NewVersion:
        if self.document is None and self.job_arn is None:
            raise ValueError("document is required, unless jobArn names a job")
        return self


class CreateTemplate(NewVersion):
    """The first version of a template."""

    job_template_id: JobId | None = None


class TemplateVersion(Request):
    """Which version is meant; without, the newest, or for a deletion all of them."""

    version: QueryVersion | None = None
