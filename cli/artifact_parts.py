"""Where a server keeps artifacts and how it links to them, as its settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from api.artifact_files import Contents, LocalContents
from api.artifact_store import ArtifactStore
from cli.errors import UsageRefused
from cli.settings import Settings, env_name, is_loopback
from domain.artifacts import Links
from domain.s3_objects import S3Object
from storage import artifacts
from storage.store import Store

if TYPE_CHECKING:
    from api.artifact_s3 import S3Access

log = structlog.get_logger(__name__)

#: Below the name of the bucket; what else is in it is left alone.
S3_PREFIX = "artifacts/"


async def artifact_parts(settings: Settings, store: Store) -> tuple[ArtifactStore, Links]:
    """Return what takes artifacts and what links to them; sweeps what an earlier process left half done.

    ``Links.base`` may still name port 0: whoever starts the API sets it.
    """
    folder = settings.data_dir / "artifacts"
    key = await store.read(artifacts.signing_key)
    links = Links(key=key, base=settings.artifact_url or "", seconds=settings.artifact_link_seconds)
    contents: Contents = LocalContents(folder)
    if settings.uses_s3:
        contents = _s3(settings, links) or contents
    kept = ArtifactStore(contents, drafts=folder, max_bytes=settings.artifact_max_bytes)
    if not store.is_shared:
        # Where other processes may be taking one in, nobody knows what is only half done.
        await kept.tidy(store)
    return kept, links


def _s3(settings: Settings, links: Links) -> Contents | None:
    """Let ``links`` make links to S3; return the contents if artifacts lie there."""
    try:
        from api.artifact_s3 import Presigner, S3Contents  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageRefused(f"S3 needs the extra: pip install 'thingjobs[s3]' ({error})") from None
    linked = {name for name in settings.s3_linked_buckets.split(",") if name}
    bucket = settings.s3_bucket if settings.artifact_store == "s3" else None
    there = s3_access(settings, settings.s3_public_endpoint or settings.s3_endpoint)
    links.presign = Presigner(there, frozenset(linked)).link
    if bucket is None:
        return None
    contents = S3Contents(s3_access(settings, settings.s3_endpoint), bucket, S3_PREFIX)
    # One of its own: documents reach this bucket through artifacts alone, unless it is listed as well.
    own = Presigner(there, frozenset({bucket}))
    links.elsewhere = lambda sha256, seconds: own.link(
        S3Object(bucket, contents.key(sha256)), seconds=seconds
    )
    return contents


def s3_access(settings: Settings, endpoint: str | None) -> S3Access:
    """Return as whom we speak to S3 at an endpoint (None: AWS's own); settings that use S3 say it."""
    from api.artifact_s3 import S3Access  # noqa: PLC0415 - an extra

    secret = settings.s3_secret_access_key
    assert settings.s3_access_key_id is not None
    assert secret is not None
    return S3Access(
        region=settings.s3_region,
        endpoint=endpoint,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=secret.get_secret_value(),
    )


def warn_of_loopback(settings: Settings, base: str) -> None:
    """Say so if devices come from elsewhere and links would lead them nowhere."""
    if settings.artifact_url is not None or settings.artifact_store == "s3":
        return
    only_here = is_loopback(settings.http_host)
    anywhere = settings.http_host in ("0.0.0.0", "::", "[::]")  # noqa: S104 - compared, not bound
    devices_here = settings.broker == "embedded" and is_loopback(settings.mqtt_host)
    if anywhere or (only_here and not devices_here):
        log.warning(
            "devices may not reach links to artifacts; say where they reach the REST API",
            links_begin_with=base,
            setting=env_name("artifact_url"),
        )
