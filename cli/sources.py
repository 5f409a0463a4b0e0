"""Where settings come from: an environment that refuses misspelt names, a TOML file, files with secrets."""

from __future__ import annotations

import difflib
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, PydanticBaseSettingsSource

from cli.errors import UsageRefused

PREFIX: Final = "THINGJOBS_"
SECRET_BYTES_MAX: Final = 4096


def _unknown(name: str, known: list[str], where: str) -> UsageRefused:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return UsageRefused(f"{name} in {where} is not a setting; the closest is {close[0]}")


class StrictEnvironment(EnvSettingsSource):
    """The environment; a misspelt ``THINGJOBS_`` name would silently leave a setting at its default."""

    def __call__(self) -> dict[str, Any]:
        known = [f"{PREFIX}{field.upper()}" for field in self.settings_cls.model_fields]
        for variable in self.env_vars:
            name = variable.upper()
            if name.startswith(PREFIX) and name not in known:
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


def read_secret(path: Path, setting: str) -> str:
    """Return the secret in a file without its line end; refuses a file that every user may read."""
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise UsageRefused(f"{setting}: cannot read {path}: {error.strerror}") from None
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        raise UsageRefused(f"{setting}: every user may read {path}; chmod 600 it")
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise UsageRefused(f"{setting}: {path} is not UTF-8 text") from None
    if not secret or len(content) > SECRET_BYTES_MAX:
        raise UsageRefused(f"{setting}: {path} is empty or longer than {SECRET_BYTES_MAX} bytes")
    return secret
