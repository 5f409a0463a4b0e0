"""What one server process is told: a file, overridden by the environment, overridden by flags."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cli.errors import UsageRefused
from cli.private import PREFIX, read_secret
from cli.sources import ConfigFile, StrictEnvironment
from domain.artifacts import LONGEST_LINK, SHORTEST_LINK
from domain.quarantine import LONGEST_MINUTES, MOST_FAILURES
from domain.topics import DEFAULT_ROOT, Topics

#: Bytes that an artifact may have by default; the ready agent takes no more.
MAX_BYTES: Final = 4 * 1024**3

#: Shorter keys can be guessed over the network; ``thingjobs new-key`` makes 43 random characters.
SHORTEST_KEY: Final = 16

Port = Annotated[int, Field(ge=0, le=65535)]
WebUrl = Annotated[
    str, Field(pattern=r"\Ahttps?://[A-Za-z0-9.:_\[\]-]+(/[A-Za-z0-9._~/-]*)?\z", max_length=512)
]
BUCKET_PATTERN: Final = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
Bucket = Annotated[str, Field(pattern=rf"\A{BUCKET_PATTERN}\z")]
#: A host's name in ASCII (the first label may be a star), or an address.
HOST_PATTERN: Final = r"[A-Za-z0-9*]([A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?"
#: Where AWS's SDKs look for a listener that asks for certificates.
MQTTS_PORT: Final = 8883
#: A host, with a port where a client could not know it.
Endpoint = Annotated[str, Field(pattern=r"\A[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?\z")]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]
#: What a file may hold instead, under the same name with ``_file`` behind it.
_SECRETS: Final = (
    "api_key",
    "broker_password",
    "database_direct_url",
    "database_password",
    "database_replica_url",
    "database_url",
    "s3_secret_access_key",
)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a listener on ``host``; names except localhost do not count."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """Port 0 means a free port. Every name is also ``THINGJOBS_<NAME>`` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, validate_default=True
    )

    config: Path | None = None
    data_dir: Path = Path("./data")
    database_url: SecretStr | None = None
    database_url_file: Path | None = None
    database_direct_url: SecretStr | None = None
    database_direct_url_file: Path | None = None
    database_replica_url: SecretStr | None = None
    database_replica_url_file: Path | None = None
    database_replica_lag_seconds: Annotated[int, Field(ge=2, le=3600)] = 10
    database_password: SecretStr | None = None
    database_password_file: Path | None = None

    http_host: str = Field(default="127.0.0.1", min_length=1)
    http_port: Port = 8080
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    health_host: str = Field(default="127.0.0.1", min_length=1)
    health_port: Port | None = None

    broker: Literal["embedded", "external"] = "embedded"
    mqtt_host: str = Field(default="127.0.0.1", min_length=1)
    mqtt_port: Port = 1883
    mqtts: bool = True
    mqtts_host: str = Field(default="127.0.0.1", min_length=1)
    mqtts_port: Port | None = None
    tls_names: str = Field(default="", pattern=rf"\A({HOST_PATTERN}(,{HOST_PATTERN})*)?\z", max_length=2048)
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    insecure_devices: bool = False
    insecure_operators: bool = False
    broker_host: str | None = None
    broker_port: Annotated[int, Field(ge=1, le=65535)] = 1883
    broker_username: str | None = None
    broker_password: SecretStr | None = None
    broker_password_file: Path | None = None
    broker_mqtt_version: Literal["auto", "5", "3.1.1"] = "auto"
    broker_tls: bool = False
    broker_tls_ca_file: Path | None = None
    broker_tls_cert_file: Path | None = None
    broker_tls_key_file: Path | None = None
    broker_tls_check_name: bool = True
    notification_minutes: Annotated[int, Field(ge=1, le=43_200)] = 1_440
    dispatchers: Literal["exclusive", "shared"] = "exclusive"
    contact_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60

    artifact_store: Literal["local", "s3"] = "local"
    artifact_max_bytes: Annotated[int, Field(ge=1)] = MAX_BYTES
    artifact_url: WebUrl | None = None
    artifact_link_seconds: Annotated[int, Field(ge=SHORTEST_LINK, le=LONGEST_LINK)] = LONGEST_LINK
    s3_endpoint: WebUrl | None = None
    s3_public_endpoint: WebUrl | None = None
    s3_region: str = Field(default="us-east-1", pattern=r"\A[a-z0-9-]{1,32}\z")
    s3_bucket: Bucket | None = None
    s3_linked_buckets: str = Field(default="", pattern=rf"\A({BUCKET_PATTERN}(,{BUCKET_PATTERN})*)?\z")
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_secret_access_key_file: Path | None = None

    topic_root: str = Field(default=DEFAULT_ROOT, pattern=r"\A[^+#/\x00-\x1f]+(/[^+#/\x00-\x1f]+)*\z")
    partition: str = Field(default="aws", pattern=r"\Aaws[a-z-]*\z")
    region: str = Field(default="us-east-1", pattern=r"\A[a-z0-9-]{1,32}\z")
    account: str = Field(default="123456789012", pattern=r"\A[0-9]{12}\z")
    mqtt_endpoint: Endpoint | None = None
    http_endpoint: Endpoint | None = None
    registration: Literal["auto", "strict"] = "auto"
    schedule_min_lead_minutes: Annotated[int, Field(ge=0, le=1440)] = 30
    control_plane_rate: Annotated[int, Field(ge=0, le=100_000)] = 0
    data_plane_rate: Annotated[int, Field(ge=0, le=100_000)] = 0
    quarantine_after: Annotated[int, Field(ge=0, le=MOST_FAILURES)] = 0
    quarantine_minutes: Annotated[int, Field(ge=1, le=LONGEST_MINUTES)] = 60
    history_days: Annotated[int, Field(ge=1, le=36_500)] | None = None

    log_level: LogLevel = "info"
    log_format: LogFormat = "text"

    @classmethod
    def settings_customise_sources(  # the names are pydantic-settings' own
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, StrictEnvironment(settings_cls), ConfigFile(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        read = {}
        for name in _SECRETS:
            path = values.get(f"{name}_file")
            if path is None:
                continue
            if values.get(name) is not None:
                raise ValueError(f"{env_name(name)} and {env_name(name)}_FILE exclude each other")
            read[name] = read_secret(Path(path), env_name(f"{name}_file"))
        return values | read

    @field_validator("api_key")
    @classmethod
    def _key_is_long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            text = key.get_secret_value()
            if len(text) < SHORTEST_KEY or not (text.isascii() and text.isprintable() and " " not in text):
                raise ValueError(f"needs at least {SHORTEST_KEY} printable ASCII characters without spaces")
        return key

    @field_validator("topic_root")
    @classmethod
    def _root_is_for_things_alone(cls, root: str) -> str:
        if Topics(root).events == root:
            raise ValueError(
                f"{root} is where lifecycle events are published; things need a root of their own"
            )
        return root

    @model_validator(mode="after")
    def _doors_are_locked(self) -> Self:
        if not is_loopback(self.http_host) and self.api_key is None:
            raise ValueError(
                f"{env_name('http_host')}={self.http_host} needs {env_name('api_key')} "
                f"(or {env_name('api_key_file')}); without a key only loopback addresses are served"
            )
        if self.insecure_devices and not is_loopback(self.mqtt_host):
            raise ValueError(
                f"{env_name('insecure_devices')} lets devices in without tokens; it is refused with "
                f"{env_name('mqtt_host')}={self.mqtt_host}, which is not a loopback address"
            )
        if self.insecure_operators and not is_loopback(self.http_host):
            raise ValueError(
                f"{env_name('insecure_operators')} takes AWS calls with any signature or none; it is refused "
                f"with {env_name('http_host')}={self.http_host}, which is not a loopback address"
            )
        if self.broker == "external" and self.broker_host is None:
            raise ValueError(f"{env_name('broker')}=external needs {env_name('broker_host')}")
        return self

    @model_validator(mode="after")
    def _database_is_whole(self) -> Self:
        for name in ("database_password", "database_direct_url", "database_replica_url"):
            if getattr(self, name) is not None and self.database_url is None:
                raise ValueError(f"{env_name(name)} needs {env_name('database_url')}")
        if self.dispatchers == "shared" and (self.database_url is None or self.broker != "external"):
            raise ValueError(
                f"{env_name('dispatchers')}=shared needs {env_name('database_url')} and "
                f"{env_name('broker')}=external: there is one dispatcher with SQLite or the embedded broker"
            )
        return self

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError(f"{env_name('tls_cert_file')} and {env_name('tls_key_file')} need each other")
        if self.tls_cert_file is not None and self.tls_names:
            raise ValueError(f"{env_name('tls_names')} is for certificates of our own making, not for yours")
        return self

    @model_validator(mode="after")
    def _broker_tls_is_whole(self) -> Self:
        if (self.broker_tls_cert_file is None) != (self.broker_tls_key_file is None):
            raise ValueError(
                f"{env_name('broker_tls_cert_file')} and {env_name('broker_tls_key_file')} need each other"
            )
        for name in ("broker_tls_ca_file", "broker_tls_cert_file"):
            if getattr(self, name) is not None and not self.broker_tls:
                raise ValueError(f"{env_name(name)} needs {env_name('broker_tls')}=true")
        if not self.broker_tls_check_name and not self.broker_tls:
            raise ValueError(f"{env_name('broker_tls_check_name')} needs {env_name('broker_tls')}=true")
        return self

    @model_validator(mode="after")
    def _s3_is_whole(self) -> Self:
        if self.artifact_store == "s3" and self.s3_bucket is None:
            raise ValueError(f"{env_name('artifact_store')}=s3 needs {env_name('s3_bucket')}")
        if self.uses_s3 and (self.s3_access_key_id is None or self.s3_secret_access_key is None):
            raise ValueError(
                f"S3 needs {env_name('s3_access_key_id')} and {env_name('s3_secret_access_key')} "
                f"(or {env_name('s3_secret_access_key_file')})"
            )
        return self

    @property
    def secure_port(self) -> int:
        """Return the port for devices with certificates: AWS's, or a free one where MQTT has a free one."""
        if self.mqtts_port is not None:
            return self.mqtts_port
        return MQTTS_PORT if self.mqtt_port else 0

    @property
    def uses_s3(self) -> bool:
        """Whether artifacts lie in S3 or documents may point there."""
        return self.artifact_store == "s3" or bool(self.s3_linked_buckets)


def env_name(field: str) -> str:
    """Return how the environment spells a field."""
    return f"{PREFIX}{field.upper()}"


def load(**flags: Any) -> Settings:
    """Read all sources; flags that are None were not given. Raises ``UsageRefused`` naming every fault."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        # No ``input``: it may be the secret itself.
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise UsageRefused("; ".join(_fault(fault["loc"], fault["msg"]) for fault in faults)) from None


def _fault(location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{env_name(str(location[0]))}: {text}" if location else text


def printable(settings: Settings) -> str:
    """Return the settings in force as TOML lines; secrets are masked, what is not set is commented out."""
    return "\n".join(_line(name, value) for name, value in settings.model_dump().items())


def _line(name: str, value: object) -> str:
    match value:
        case None:
            return f"# {name} ="
        case bool():
            return f"{name} = {str(value).lower()}"
        case int():
            return f"{name} = {value}"
        case _:
            quoted = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'{name} = "{quoted}"'
