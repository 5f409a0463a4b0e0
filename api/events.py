"""The timelines of jobs: thin translations onto the verbs of the store."""

from __future__ import annotations

from api.call import Call
from api.event_schema import ActView, EventList, ListEvents, Order, TransitionView
from api.schema import Details
from api.shapes import Nothing
from domain.acts import actor
from storage import timeline
from storage.events import Event
from storage.pages import Page
from storage.timeline import Asked, Noted


async def page_for_job(call: Call[ListEvents, Nothing]) -> EventList:
    return _answer(await call.store.browse(timeline.page_for_job, call.path["jobId"], _asked(call.query)))


async def page_for_thing(call: Call[ListEvents, Nothing]) -> EventList:
    return _answer(
        await call.store.browse(
            timeline.page_for_thing, call.path["jobId"], call.path["thingName"], _asked(call.query)
        )
    )


def _asked(query: ListEvents) -> Asked:
    return Asked(
        kind=query.kind,
        newest_first=query.order is Order.NEWEST,
        max_results=query.max_results,
        next_token=query.next_token,
    )


def _answer(page: Page[Event | Noted]) -> EventList:
    events = tuple(_transition(item) if isinstance(item, Event) else _act(item) for item in page.items)
    return EventList(events=events, next_token=page.next_token)


def _transition(event: Event) -> TransitionView:
    who = actor(event.actor)
    return TransitionView(
        at=event.at,
        thing_name=event.thing_name,
        execution_number=str(event.execution_number),
        version_number=event.version_number,
        from_status=event.before,
        to_status=event.after,
        cause=event.cause,
        actor=who.principal or None,
        acting_for=who.hint or None,
        status_details=Details(details_map=dict(event.status_details)),
    )


def _act(noted: Noted) -> ActView:
    who = actor(noted.actor)
    return ActView(
        at=noted.at,
        act=noted.act,
        thing_name=noted.thing_name,
        actor=who.principal or None,
        acting_for=who.hint or None,
        comment=noted.comment,
        details=dict(noted.details),
    )
