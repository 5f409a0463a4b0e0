"""Who calls: what the door itself knows, and whom the caller says it acts for.

The second is a header that nobody checks: good for telling colleagues apart, no proof of anything.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.call import ApiOptions
from api.errors import Refusal
from domain.acts import Actor, hint
from domain.errors import InvalidRequest

HEADER: Final = "Thingjobs-Actor"
#: Whoever has shown the key; whoever is on this machine where there is none.
WITH_KEY: Final = "api-key"
WITHOUT_KEY: Final = "local"


def actor(request: web.Request, options: ApiOptions) -> str:
    """Return who calls, as verbs take it; raises ``Refusal`` for a header that cannot be a name."""
    principal = WITHOUT_KEY if options.api_key is None else WITH_KEY
    given = request.headers.getall(HEADER, [])
    if len(given) > 1:
        raise Refusal(400, f"the header {HEADER} is given more than once")
    try:
        return Actor(principal, *map(hint, given)).text
    except InvalidRequest as error:
        raise Refusal(400, f"{HEADER} {error}") from None
