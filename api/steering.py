"""Steering of running jobs: thin translations onto the verbs of the store."""

from __future__ import annotations

from api.call import Call
from api.shapes import Nothing
from api.steering_schema import (
    Aborted,
    Approved,
    Paused,
    Promote,
    Promoted,
    Resumed,
    RetriedFailed,
    Steer,
    WaveList,
    WaveView,
)
from storage import steering


async def pause(call: Call[Nothing, Steer]) -> Paused:
    await call.store.write(
        steering.pause, call.path["jobId"], comment=call.body.comment, actor=call.actor, at=call.at
    )
    return Paused()


async def resume(call: Call[Nothing, Steer]) -> Resumed:
    await call.store.write(
        steering.resume, call.path["jobId"], comment=call.body.comment, actor=call.actor, at=call.at
    )
    return Resumed()


async def promote(call: Call[Nothing, Promote]) -> Promoted:
    await call.store.write(
        steering.promote,
        call.path["jobId"],
        full=bool(call.body.full),
        comment=call.body.comment,
        actor=call.actor,
        at=call.at,
    )
    return Promoted()


async def approve(call: Call[Nothing, Steer]) -> Approved:
    await call.store.write(
        steering.approve, call.path["jobId"], comment=call.body.comment, actor=call.actor, at=call.at
    )
    return Approved()


async def abort(call: Call[Nothing, Steer]) -> Aborted:
    await call.store.write(
        steering.abort, call.path["jobId"], comment=call.body.comment, actor=call.actor, at=call.at
    )
    return Aborted()


async def retry_failed(call: Call[Nothing, Steer]) -> RetriedFailed:
    count = await call.store.write(
        steering.retry_failed, call.path["jobId"], comment=call.body.comment, actor=call.actor, at=call.at
    )
    return RetriedFailed(retried=count)


async def waves(call: Call[Nothing, Nothing]) -> WaveList:
    found = await call.store.read(steering.standings, call.path["jobId"])
    return WaveList(waves=tuple(WaveView(**each) for each in found))
