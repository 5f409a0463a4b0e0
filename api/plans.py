"""Plans of jobs that are not there yet, and explanations of those that are: values into answers."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from api.call import Call
from api.plan_schema import (
    Conflicts,
    ConflictView,
    Explanation,
    MomentView,
    NamedThings,
    PlannedWave,
    PlanView,
    ReasonView,
)
from api.shapes import Nothing
from domain.forecast import Forecast, Kind, Moment
from storage import explains
from storage.plans import Draft, Named, forecast_of

#: How many moments a plan tells.
_LISTED: Final = 1000


async def explain(call: Call[Nothing, Nothing]) -> Explanation:
    job_id, thing_name = call.path["jobId"], call.path["thingName"]
    found = await call.store.browse(explains.why, job_id, thing_name, at=call.at)
    return Explanation(
        job_id=job_id,
        thing_name=thing_name,
        job_status=found.job_status,
        status=None if found.execution is None else found.execution.status,
        reasons=tuple(
            ReasonView(
                reason=each.why,
                words=each.words,
                since=each.since,
                until=each.until,
                details=dict(each.details),
            )
            for each in found.reasons
        ),
    )


def view(draft: Draft, *, assumed_minutes: int, at: datetime) -> PlanView:
    """Run the forecast and show it; takes its time, so not on the event loop."""
    ahead = forecast_of(draft, at=at)
    return PlanView(
        things=draft.things,
        new_things=draft.new_things,
        excluded=_named(draft.excluded),
        offline=_named(draft.offline),
        quarantined=_named(draft.quarantined),
        conflicts=Conflicts(
            count=draft.conflict_count,
            conflicts=tuple(
                ConflictView(
                    thing_name=each.thing_name, job_id=each.job_id, status=each.status, reason=each.reason
                )
                for each in draft.conflicts
            ),
        ),
        waves=tuple(_wave(draft, ahead, number, at) for number in draft.waves),
        timeline=tuple(_moment(each) for each in ahead.moments[:_LISTED]),
        starts_at=ahead.first(Kind.RELEASE),
        rolled_out_at=ahead.last(Kind.RELEASE),
        ends_at=ahead.last(Kind.ENDED),
        is_whole=ahead.is_whole and len(ahead.moments) <= _LISTED and not draft.quarantined.count,
        words=_words(draft, ahead),
        assumptions=tuple(_assumptions(draft, assumed_minutes)),
    )


def _words(draft: Draft, ahead: Forecast) -> str:
    if len(ahead.moments) > _LISTED:
        return f"the first {_LISTED} of {len(ahead.moments)} moments; {ahead.words}".rstrip("; ")
    return ahead.words or ("things in quarantine are still to come" if draft.quarantined.count else "")


def _assumptions(draft: Draft, assumed_minutes: int) -> list[str]:
    known = draft.with_history
    return [
        f"{known} things take as long as what they did before took on average",
        f"{draft.things - known} things have no history and are assumed to take {assumed_minutes} minutes",
        "things begin as soon as they are told, and nothing fails",
        "approvals are given at once",
        *(["things in quarantine are left out"] if draft.quarantined.count else []),
    ]


def _wave(draft: Draft, ahead: Forecast, number: int, at: datetime) -> PlannedWave:
    gate = draft.pace.staged.gate(number)
    return PlannedWave(
        number=number,
        count=draft.waves[number].count,
        things=draft.waves[number].things,
        opens_at=max(at, _starts(draft) or at) if number <= 1 else ahead.first(Kind.WAVE_OPENED, number),
        released_at=ahead.last(Kind.RELEASE, number),
        gate=None if gate is None else gate.model_dump(mode="json", by_alias=True, exclude_none=True),
    )


def _starts(draft: Draft) -> datetime | None:
    return None if draft.pace.schedule is None else draft.pace.schedule.starts_at


def _moment(moment: Moment) -> MomentView:
    return MomentView(
        at=moment.at,
        event=moment.kind,
        wave=moment.wave or None,
        things=moment.things or None,
        zones=moment.zones,
        words=moment.words,
    )


def _named(named: Named) -> NamedThings:
    return NamedThings(count=named.count, things=named.things)
