"""What is said and told about job templates, own and managed ones (contract 4.3)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import model_validator

from api.aws import configurations as configs
from api.aws.labels import Tag
from api.aws.shapes import IN_QUERY, Approximated, Epoch, Input, Output, Paging
from api.fields import Text
from domain.pacing import Pacing
from domain.schedule import SchedulingConfig


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
    presigned_url_config: configs.Presigned | None = None
    job_executions_rollout_config: configs.Rollout | None = None
    abort_config: configs.Abort | None = None
    timeout_config: configs.Timeout | None = None
    tags: tuple[Tag, ...] = ()
    job_executions_retry_config: configs.Retry | None = None
    maintenance_windows: configs.Windows | None = None
    destination_package_versions: configs.PackageVersions | None = None

    @property
    def pacing(self) -> Pacing:
        """Return what is given; windows stand by themselves in a template, and in the schedule of a job."""
        given = configs.pacing_of(self)
        if self.maintenance_windows is None:
            return given
        schedule = SchedulingConfig(maintenance_windows=self.maintenance_windows)
        return Pacing(scheduling_config=schedule).over(given)

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
