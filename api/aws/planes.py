"""Which requests belong to which plane of the AWS dialects, by their path or by what they are signed for."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import hdrs, web

from api.aws.operations import CONTROL, DATA
from api.aws.plane import Plane
from api.aws.rates import Rates
from api.call import ApiOptions
from storage.store import Store

#: The scope of a signature: key id, day, region, service.
_SCOPE: Final = re.compile(r"AWS4-HMAC-SHA256 +Credential=[^/ ,]+/[0-9]{8}/[^/ ,]+/([^/ ,]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Planes:
    """Both planes. A client that knows only host and port reaches them by its signature's scope."""

    planes: Sequence[Plane]

    def of(self, request: web.Request) -> tuple[Plane, str] | None:
        """Return the plane a request is for and its undecoded path there; None: it is not for AWS's."""
        raw_path = request.rel_url.raw_path
        for plane in self.planes:
            if raw_path == plane.prefix or raw_path.startswith(f"{plane.prefix}/"):
                return plane, raw_path.removeprefix(plane.prefix)
        scope = _SCOPE.match(request.headers.get(hdrs.AUTHORIZATION, ""))
        for plane in self.planes:
            if scope is not None and scope[1] == plane.service:
                return plane, raw_path
        return None


def planes(store: Store, options: ApiOptions, in_flight: AbstractContextManager[Any]) -> Planes:
    """Return the planes of one server (contract 4.1)."""
    return Planes(
        (
            Plane(
                prefix="/aws/iot-jobs-data",
                service="iot-jobs-data",
                operations=DATA,
                store=store,
                options=options,
                in_flight=in_flight,
                rates=Rates(options.data_plane_rate, time.monotonic),
                data=True,
            ),
            Plane(
                prefix="/aws/iot",
                service="iot",
                operations=CONTROL,
                store=store,
                options=options,
                in_flight=in_flight,
                rates=Rates(options.control_plane_rate, time.monotonic),
            ),
        )
    )
