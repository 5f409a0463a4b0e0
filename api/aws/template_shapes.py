"""What is said and told about job templates, own and managed ones (contract 4.3)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from api.aws.labels import Tag
from api.aws.shapes import IN_QUERY, Approximated, Epoch, Input, Output, Paging
from api.fields import Text
from domain.abort import AbortConfig
from domain.pacing import Pacing
from domain.presigned import PresignedUrlConfig
from domain.retry import RetryConfig
from domain.rollout import RolloutConfig
from domain.schedule import MOST_WINDOWS, SchedulingConfig
from domain.timeout_config import TimeoutConfig
from domain.windows import MaintenanceWindow

_PackageArn = Annotated[str, StringConstraints(max_length=1600, pattern=r"^arn:[!-~]+$")]
PackageVersions = Annotated[
    Annotated[tuple[_PackageArn, ...], Field(max_length=25)] | None,
    Approximated("kept and shown; there is no software package catalog that they could mean anything to"),
]


class CreateTemplateInput(Input):
    """A document with its configuration; what is left out comes from the job ``jobArn``."""

    job_template_id: str
    job_arn: str | None = None
    document_source: Annotated[
        str | None,
        Approximated(
            "fetched once, from artifacts of this server and from S3 buckets that it is set up with"
        ),
    ] = None
    document: Annotated[
        str | None, Approximated("placeholders for code signatures and package attributes stay as they are")
    ] = None
    description: Text
    presigned_url_config: Annotated[
        PresignedUrlConfig | None,
        Approximated("roleArn is kept and shown; links are signed with this server's own keys"),
    ] = None
    job_executions_rollout_config: RolloutConfig | None = None
    abort_config: AbortConfig | None = None
    timeout_config: TimeoutConfig | None = None
    tags: tuple[Tag, ...] = ()
    job_executions_retry_config: RetryConfig | None = None
    maintenance_windows: Annotated[
        Annotated[tuple[MaintenanceWindow, ...], Field(max_length=MOST_WINDOWS)] | None,
        Approximated(f"at most {MOST_WINDOWS} windows"),
    ] = None
    destination_package_versions: PackageVersions = None

    @property
    def pacing(self) -> Pacing:
        """Return what is given; windows stand by themselves in a template, and in the schedule of a job."""
        given = {
            name: found for name in Pacing.model_fields if (found := getattr(self, name, None)) is not None
        }
        if self.maintenance_windows is not None:
            given["scheduling_config"] = SchedulingConfig(maintenance_windows=self.maintenance_windows)
        return Pacing(**given)

    @model_validator(mode="after")
    def _has_one_document(self) -> CreateTemplateInput:
        if self.document is not None and self.document_source is not None:
            raise ValueError("document and documentSource are both given; one of them is enough")
        if self.document is None and self.document_source is None and self.job_arn is None:
            raise ValueError("document is required, or documentSource, unless jobArn names a job")
        return self


class OneTemplateInput(Input):
    job_template_id: str


class TemplateCreated(Output):
    job_template_arn: str
    job_template_id: str


class TemplateDescribed(TemplateCreated):
    """A template in its newest version; AWS's have but one."""

    description: str
    document_source: str | None = None
    document: str
    created_at: Epoch
    presigned_url_config: dict[str, Any]
    job_executions_rollout_config: dict[str, Any]
    abort_config: dict[str, Any] | None = None
    timeout_config: dict[str, Any]
    job_executions_retry_config: dict[str, Any] | None = None
    maintenance_windows: tuple[dict[str, Any], ...] | None = None
    destination_package_versions: tuple[str, ...] | None = None


class TemplateSummary(Output):
    job_template_arn: str
    job_template_id: str
    description: str
    created_at: Epoch


class TemplateList(Output):
    job_templates: tuple[TemplateSummary, ...]
    next_token: str | None = None


class ListManagedInput(Paging):
    template_name: Annotated[str | None, IN_QUERY] = None


class OneManagedInput(Input):
    template_name: str
    template_version: Annotated[str | None, IN_QUERY] = None


class ManagedSummary(Output):
    template_arn: str
    template_name: str
    description: str
    environments: tuple[str, ...]
    template_version: str


class ManagedList(Output):
    managed_job_templates: tuple[ManagedSummary, ...]
    next_token: str | None = None


class DocumentParameter(Output):
    key: str
    description: str
    regex: str
    example: str
    optional: bool


class ManagedDescribed(ManagedSummary):
    """With the holes in its document and what goes into them."""

    document_parameters: tuple[DocumentParameter, ...]
    document: str
