"""From the store's answers to what a device reads: topic and payload."""

from __future__ import annotations

from datetime import datetime

from domain import messages
from domain.errors import InvalidJson, JobsError
from domain.messages import Request
from domain.topics import accepted, rejected
from storage.device import Answer, Described, Pending, Updated


def render(topic: str, request: Request, answer: Answer, *, at: datetime) -> tuple[str, bytes]:
    """Return the reply to the request that came on ``topic``."""
    token = request.client_token
    match answer:
        case Updated(state, document, answered_at):
            return accepted(topic), messages.update_reply(state, document, at=answered_at, client_token=token)
        case Described(execution, document):
            body = None if execution is None else messages.execution_json(execution, document, at=at)
            return accepted(topic), messages.execution_reply(body, at=at, client_token=token)
        case Pending(executions):
            return accepted(topic), messages.pending_reply(executions, at=at, client_token=token)
        case JobsError():
            return rejected(topic), messages.error_reply(answer, at=at, client_token=token)


def token_of(payload: bytes) -> object:
    """Return the client token of a payload that was not looked at, None if it has none to be found."""
    try:
        return messages.parse_object(payload).get("clientToken")
    except InvalidJson:
        return None
