"""The one table of routes: what can be asked at which path, and by which function it is answered."""

from __future__ import annotations

from typing import Final

from aiohttp.hdrs import METH_DELETE as DELETE
from aiohttp.hdrs import METH_GET as GET
from aiohttp.hdrs import METH_POST as POST
from aiohttp.hdrs import METH_PUT as PUT

from api import (
    artifacts,
    certificates,
    event_configurations,
    executions,
    groups,
    jobs,
    keys,
    operations,
    templates,
    things,
)
from api.broker_door import BROKERS
from api.job_routes import OURS
from api.route import CONFLICT, INVALID, LISTS_LIMIT, Route

_JOB: Final = "/jobs/{jobId}"
_EXECUTION: Final = "/jobs/{jobId}/things/{thingName}"
_TEMPLATE: Final = "/job-templates/{jobTemplateId}"
_THING: Final = "/things/{thingName}"
_GROUP: Final = "/thing-groups/{thingGroupName}"
_ARTIFACT: Final = "/artifacts/{artifactName}"

#: The customer's seventeen operations, in the order of the customer's document.
CUSTOMER: Final = (
    Route(
        PUT,
        f"{_JOB}/associate",
        "associateTargets",
        jobs.associate,
        summary="Associate things or thing groups with a continuous job",
        errors=CONFLICT,
        limit=LISTS_LIMIT,
    ),
    Route(PUT, f"{_JOB}/cancel", "cancelJob", jobs.cancel, summary="Cancel job", errors=CONFLICT),
    Route(
        PUT,
        f"{_EXECUTION}/cancel",
        "cancelJobExecution",
        executions.cancel,
        summary="Cancel job execution; one that is IN_PROGRESS needs force",
        errors=CONFLICT,
    ),
    Route(
        POST,
        "/jobs",
        "createJob",
        jobs.create,
        summary="Create new job",
        errors=CONFLICT,
        limit=LISTS_LIMIT,
        location="/jobs/{jobId}",
    ),
    Route(
        POST,
        "/job-templates",
        "createJobTemplate",
        templates.create,
        summary="Create new job template",
        errors=CONFLICT,
        location="/job-templates/{jobTemplateId}",
    ),
    Route(
        DELETE,
        _JOB,
        "deleteJob",
        jobs.delete,
        summary="Delete job by job ID; one that is IN_PROGRESS needs force",
        errors=CONFLICT,
    ),
    Route(
        DELETE,
        _EXECUTION,
        "deleteJobExecution",
        executions.delete,
        summary="Delete job execution; one that is IN_PROGRESS needs force",
        errors=CONFLICT,
    ),
    Route(
        DELETE,
        _TEMPLATE,
        "deleteJobTemplate",
        templates.delete,
        summary="Delete job template by its ID: all its versions, or one",
    ),
    Route(GET, _JOB, "getJob", jobs.get, summary="Get job"),
    Route(GET, f"{_JOB}/document", "getJobDocument", jobs.document, summary="Get job document"),
    Route(
        GET,
        _TEMPLATE,
        "getJobTemplate",
        templates.get,
        summary="Get job template by its ID, the newest version or another",
    ),
    Route(GET, _EXECUTION, "getJobExecution", executions.get, summary="Get job execution, the latest"),
    Route(GET, "/jobs", "listJobs", jobs.page, summary="List jobs, newest first", errors=INVALID),
    Route(
        GET,
        "/jobs-executions/jobs/{jobId}",
        "listJobExecutionsForJob",
        executions.page_for_job,
        summary="List job executions for job",
    ),
    Route(
        GET,
        "/jobs-executions/things/{thingName}",
        "listJobExecutionsForThing",
        executions.page_for_thing,
        summary="List job executions for thing",
    ),
    Route(
        GET,
        "/job-templates",
        "listJobTemplates",
        templates.page,
        summary="List job templates, newest first",
        errors=INVALID,
    ),
    Route(PUT, _JOB, "updateJob", jobs.update, summary="Update job", errors=CONFLICT),
)

#: The same lists under the path one would expect.
PLAIN_SPELLING: Final = (
    Route(
        GET,
        "/job-executions/jobs/{jobId}",
        "listExecutionsForJob",
        executions.page_for_job,
        summary="List job executions for job (the same as /jobs-executions/jobs/{jobId})",
    ),
    Route(
        GET,
        "/job-executions/things/{thingName}",
        "listExecutionsForThing",
        executions.page_for_thing,
        summary="List job executions for thing (the same as /jobs-executions/things/{thingName})",
    ),
)

THINGS: Final = (
    Route(
        POST,
        "/things",
        "createThing",
        things.create,
        summary="Register a thing",
        errors=(409, 422),
        location="/things/{thingName}",
    ),
    Route(GET, "/things", "listThings", things.page, summary="List things", errors=INVALID),
    Route(GET, _THING, "getThing", things.get, summary="Get thing"),
    Route(PUT, _THING, "updateThing", things.update, summary="Update thing", errors=CONFLICT),
    Route(DELETE, _THING, "deleteThing", things.delete, summary="Delete thing", errors=CONFLICT),
    Route(
        POST,
        f"{_THING}/tokens",
        "createThingToken",
        things.issue_token,
        summary="Issue a device token; it is shown this once",
    ),
    Route(
        DELETE,
        f"{_THING}/tokens",
        "deleteThingTokens",
        things.revoke_tokens,
        summary="Revoke all device tokens of a thing",
    ),
    Route(
        POST,
        f"{_THING}/certificates",
        "createThingCertificate",
        certificates.issue,
        summary="Issue a certificate with a key for a thing; the key is shown this once",
    ),
    Route(
        DELETE,
        f"{_THING}/certificates",
        "deleteThingCertificates",
        certificates.revoke,
        summary="Take all certificates from a thing; those that are for no other are revoked",
    ),
    Route(
        POST,
        f"{_THING}/release-from-quarantine",
        "releaseThingFromQuarantine",
        things.let_out,
        summary="Let a thing out of quarantine and forget its failures",
    ),
    Route(
        GET,
        f"{_THING}/thing-groups",
        "listThingGroupsForThing",
        things.groups_of,
        summary="List the groups a thing is in directly",
    ),
)

GROUPS: Final = (
    Route(
        POST,
        "/thing-groups",
        "createThingGroup",
        groups.create,
        summary="Create a thing group",
        errors=CONFLICT,
        location="/thing-groups/{thingGroupName}",
    ),
    Route(GET, "/thing-groups", "listThingGroups", groups.page, summary="List groups", errors=INVALID),
    Route(GET, _GROUP, "getThingGroup", groups.get, summary="Get thing group"),
    Route(PUT, _GROUP, "updateThingGroup", groups.update, summary="Update thing group", errors=CONFLICT),
    Route(DELETE, _GROUP, "deleteThingGroup", groups.delete, summary="Delete thing group", errors=CONFLICT),
    Route(
        PUT,
        f"{_GROUP}/things",
        "addThingsToThingGroup",
        groups.add,
        summary="Put things into a group",
        errors=CONFLICT,
        limit=LISTS_LIMIT,
    ),
    Route(
        GET,
        f"{_GROUP}/things",
        "listThingsInThingGroup",
        groups.list_members,
        summary="List members of a group",
    ),
    Route(
        DELETE,
        f"{_GROUP}/things",
        "removeThingsFromThingGroup",
        groups.remove,
        summary="Take things out of a group",
        errors=CONFLICT,
        limit=LISTS_LIMIT,
    ),
)

ARTIFACTS: Final = (
    Route(
        PUT,
        _ARTIFACT,
        "putArtifact",
        artifacts.put,
        summary="Store a file under a name; the same content again is no harm, another one is refused",
        errors=(404, 409, 422, 507),
    ),
    Route(GET, "/artifacts", "listArtifacts", artifacts.page, summary="List artifacts", errors=INVALID),
    Route(GET, _ARTIFACT, "getArtifact", artifacts.get, summary="Get what is known of an artifact"),
    Route(
        DELETE,
        _ARTIFACT,
        "deleteArtifact",
        artifacts.delete,
        summary="Delete artifact; one that the document of an open job names needs force",
        errors=CONFLICT,
    ),
    Route(
        GET,
        f"{_ARTIFACT}/content",
        "getArtifactContent",
        artifacts.content,
        summary="Fetch an artifact, or a range of it, by a signed link or with the key",
        errors=(404, 416, 422),
        answers=(200, 206, 304),
    ),
)

KEYS: Final = (
    Route(
        POST,
        "/access-keys",
        "createAccessKey",
        keys.create,
        summary="Issue an access key for AWS's clients and for monitors; its secret is shown this once",
    ),
    Route(GET, "/access-keys", "listAccessKeys", keys.page, summary="List access keys", errors=INVALID),
    Route(
        DELETE,
        "/access-keys/{accessKeyId}",
        "deleteAccessKey",
        keys.revoke,
        summary="Revoke an access key, at once and for good",
    ),
)

EVENTS: Final = (
    Route(
        GET,
        "/event-configurations",
        "getEventConfigurations",
        event_configurations.get,
        summary="Which lifecycle events are published over MQTT",
        errors=INVALID,
    ),
    Route(
        PUT,
        "/event-configurations",
        "putEventConfigurations",
        event_configurations.put,
        summary="Switch lifecycle events on and off; nothing is published of the time they were off",
        errors=INVALID,
    ),
)

SERVER: Final = (
    Route(GET, "/", "about", operations.about, summary="What this is and where to go on", errors=INVALID),
    Route(GET, "/healthz", "isAlive", operations.alive, summary="Whether the process lives", errors=INVALID),
    Route(
        GET,
        "/authority/ca.pem",
        "getAuthorityCertificate",
        certificates.authority_pem,
        summary="The certificate by which devices check this server over TLS",
        errors=INVALID,
    ),
    Route(
        GET,
        "/readyz",
        "isReady",
        operations.ready,
        summary="Whether every part is ready",
        errors=INVALID,
        answers=(200, 503),
    ),
)

ROUTES: Final = (
    *CUSTOMER,
    *PLAIN_SPELLING,
    *OURS,
    *THINGS,
    *GROUPS,
    *ARTIFACTS,
    *KEYS,
    *EVENTS,
    *BROKERS,
    *SERVER,
)
