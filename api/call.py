"""One call of one operation: what a handler gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from api.artifact_store import ArtifactStore
from api.document_sources import DocumentSources
from api.endpoints import LOCAL, Endpoints
from api.shapes import Request
from domain.names import Arns
from domain.topics import Topics
from storage.authority import Authority
from storage.policy import Policy
from storage.store import Store

Q = TypeVar("Q", bound=Request)
B = TypeVar("B", bound=Request)


@dataclass(frozen=True, slots=True)
class DispatcherLogin:
    """What a dispatcher of ours shows at an external broker."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """What the door is told. Without ``api_key`` it serves callers on this machine only."""

    arns: Arns
    policy: Policy
    api_key: str | None
    clock: Callable[[], datetime]
    ready: Callable[[], Mapping[str, bool]]
    #: What is told beside the parts that must be ready: those that a process can do without.
    optional: Callable[[], Mapping[str, bool]] = dict
    version: str
    links: Mapping[str, str] = field(default_factory=dict)
    #: Names besides loopback's by which callers without a key may call us.
    hosts: frozenset[str] = frozenset()
    #: Requests answered at a time; more are told to come again.
    in_flight: int = 128
    #: Downloads of artifacts at a time, which take long and must not keep others waiting.
    downloads: int = 512
    #: Calls a second of each operation of AWS's control plane, of each kind on its data plane; 0: no limit.
    control_plane_rate: int = 0
    data_plane_rate: int = 0
    #: How long a body may take, one of JSON in all, an artifact's without a byte.
    body_seconds: float = 30.0
    #: Whether the AWS planes take requests without a signature, or with any (on loopback only).
    insecure: bool = False
    #: What clients of AWS's planes are told to connect to.
    endpoints: Endpoints = LOCAL
    #: Where the contents of artifacts are; None: nowhere.
    artifacts: ArtifactStore | None = None
    #: What signs certificates for devices; None: nothing does.
    authority: Authority | None = None
    #: Where things' topics are, for brokers that ask what a client may do.
    topics: Topics = field(default_factory=Topics)
    #: Whom such a broker is to let do everything; None: nobody.
    dispatcher: DispatcherLogin | None = None
    #: What documents may be fetched from, once, where a job names one by its URL; None: nothing.
    sources: DocumentSources | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Q, B]):
    """What a handler gets: the parts of the request, checked, and the means to answer."""

    store: Store
    options: ApiOptions
    at: datetime
    #: Who calls, as verbs take it (domain.acts).
    actor: str
    path: Mapping[str, str]
    query: Q
    body: B
