"""Where settings come from: an environment that refuses misspelt names, and a TOML file."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, PydanticBaseSettingsSource

from cli.errors import UsageRefused
from cli.private import PREFIX

#: Variables of the commands on the devices' and the operators' side; one shell may serve both.
OF_OTHER_COMMANDS: Final = frozenset({"THINGJOBS_TOKEN", "THINGJOBS_URL", "THINGJOBS_ACTOR"})


def _unknown(name: str, known: list[str], where: str) -> UsageRefused:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return UsageRefused(f"{name} in {where} is not a setting; the closest is {close[0]}")


class StrictEnvironment(EnvSettingsSource):
    """The environment; a misspelt ``THINGJOBS_`` name would silently leave a setting at its default."""

    def __call__(self) -> dict[str, Any]:
        known = [f"{PREFIX}{field.upper()}" for field in self.settings_cls.model_fields]
        for variable in self.env_vars:
            name = variable.upper()
            if name.startswith(PREFIX) and name not in known and name not in OF_OTHER_COMMANDS:
                raise _unknown(name, known, "the environment")
        return super().__call__()


class ConfigFile(PydanticBaseSettingsSource):
    """The TOML file named by a flag or ``THINGJOBS_CONFIG``; both rank above it and are read already."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Unused: the file is read whole."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        path = self.current_state.get("config")
        if path is None:
            return {}
        values = _toml(Path(path))
        known = [field for field in self.settings_cls.model_fields if field != "config"]
        for name in values:
            if name not in known:
                raise _unknown(name, known, str(path))
        return values


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageRefused(f"cannot read the settings file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageRefused(f"the settings file {path} is not TOML: {error}") from None
