"""The configurations of jobs are AWS's, member by member: held against the service model boto3 comes with."""

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from api.aws.configurations import MEMBERS, printed
from domain.abort import AbortConfig, AbortCriteria
from domain.presigned import PresignedUrlConfig
from domain.retry import RetryConfig, RetryCriteria
from domain.rollout import ExponentialRate, RateIncreaseCriteria, RolloutConfig
from domain.schedule import SchedulingConfig
from domain.timeout_config import TimeoutConfig
from domain.windows import MaintenanceWindow

MODEL = ServiceModel(Loader().load_service_model("iot", "service-2"), "iot")
SHAPES = {
    "AbortConfig": AbortConfig,
    "AbortCriteria": AbortCriteria,
    "ExponentialRolloutRate": ExponentialRate,
    "JobExecutionsRetryConfig": RetryConfig,
    "JobExecutionsRolloutConfig": RolloutConfig,
    "MaintenanceWindow": MaintenanceWindow,
    "PresignedUrlConfig": PresignedUrlConfig,
    "RateIncreaseCriteria": RateIncreaseCriteria,
    "RetryCriteria": RetryCriteria,
    "SchedulingConfig": SchedulingConfig,
    "TimeoutConfig": TimeoutConfig,
}


@pytest.mark.parametrize("name", SHAPES)
def test_we_take_the_members_that_aws_has_and_need_those_that_aws_needs(name):
    shape, model = MODEL.shape_for(name), SHAPES[name]
    ours = {info.alias: info for info in model.model_fields.values()}
    assert MEMBERS.get(model, ours.keys()) == shape.members.keys()
    assert {alias for alias, info in ours.items() if info.is_required()} == set(shape.required_members)


@pytest.mark.parametrize(
    ("enum", "shape"),
    [
        (AbortCriteria.model_fields["failure_type"].annotation, "JobExecutionFailureType"),
        (RetryCriteria.model_fields["failure_type"].annotation, "RetryableFailureType"),
    ],
)
def test_words_are_those_of_aws(enum, shape):
    assert {word.value for word in enum} == set(MODEL.shape_for(shape).enum)


def test_what_says_nothing_is_printed_as_nothing():
    assert printed(None) == {}
    assert printed(TimeoutConfig(queued_timeout_in_minutes=5)) == {}
    assert printed(SchedulingConfig(time_zone="Europe/Berlin")) == {}
