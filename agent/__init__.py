"""The other side of the wire: client library, reference agent, simulated fleet.

What a device developer needs is here; the rest is reached by its module.
"""

from agent.agent import Agent, Options
from agent.client import JobsClient
from agent.connected import connected
from agent.errors import (
    AgentError,
    JobFailed,
    JobRejected,
    LinkDown,
    LinkRefused,
    NoReply,
    NotFound,
    Rejected,
    VersionMismatch,
)
from agent.handlers.table import equip
from agent.job import Handler, Job
from agent.journal import FileJournal
from agent.link import Endpoint, connector
from agent.mqtt import mqtt_agent
from domain.execution import Status

__all__ = [
    "Agent",
    "AgentError",
    "Endpoint",
    "FileJournal",
    "Handler",
    "Job",
    "JobFailed",
    "JobRejected",
    "JobsClient",
    "LinkDown",
    "LinkRefused",
    "NoReply",
    "NotFound",
    "Options",
    "Rejected",
    "Status",
    "VersionMismatch",
    "connected",
    "connector",
    "equip",
    "mqtt_agent",
]
