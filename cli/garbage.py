"""The cycle collector of a server: what it is made of is not searched again and again for what could go."""

from __future__ import annotations

import gc
from typing import Final

#: A batch makes some thousand objects that live as long as it does: a search at every 700 finds nothing.
_YOUNG: Final = 20_000
_OLDER: Final = 20


def settle() -> None:
    """Call once a server has started: what is there by now stays to its end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _OLDER)
