"""Templates beyond what all operators say: tags, where a document came from, how many there may be."""

import pytest
from sqlalchemy import text
from sync_store import SyncStore

from domain.errors import InvalidRequest, LimitExceeded, NotFound
from domain.pacing import Pacing
from domain.presigned import PresignedUrlConfig
from storage import tags, templates
from storage.policy import Quotas

SOURCE = "https://s3.amazonaws.com/documents/a.json"
PACKAGE = "arn:aws:iot:us-east-1:123456789012:package/agent/version/1"


def template(store: SyncStore, template_id: str = "x", **more):
    values = {"document": '{ "a": 1 }', "description": "d", **more}
    return store.do(templates.create, template_id=template_id, at=store.now, **values)


def test_a_template_keeps_where_its_document_came_from_and_its_packages(store: SyncStore) -> None:
    made = template(store, document_source=SOURCE, package_versions=[PACKAGE])
    assert (made.document_source, made.package_versions) == (SOURCE, (PACKAGE,))
    plain = template(store, "y")
    assert (plain.document_source, plain.package_versions) == (None, ())


def test_a_document_of_its_own_does_not_come_from_where_its_jobs_came_from(store: SyncStore) -> None:
    store.create("j", "t", document='{"job":1}')
    with store.writer.begin() as connection:
        connection.execute(
            text("UPDATE jobs SET document_source = :source, package_versions = :packages"),
            {"source": SOURCE, "packages": f'["{PACKAGE}"]'},
        )
    copied = template(store, document=None, from_job="j")
    assert (copied.document, copied.document_source) == ('{"job":1}', SOURCE)
    assert copied.package_versions == (PACKAGE,)
    own = template(store, "y", from_job="j", package_versions=[])
    assert (own.document, own.document_source, own.package_versions) == ('{ "a": 1 }', None, ())


def test_what_a_template_says_of_links_replaces_what_the_job_said(store: SyncStore) -> None:
    long, short = (
        Pacing(presigned_url_config=PresignedUrlConfig(expires_in_sec=seconds)) for seconds in (3600, 60)
    )
    store.create("j", "t", pacing=long)
    assert template(store, from_job="j").pacing == long
    assert template(store, "y", from_job="j", pacing=short).pacing == short


def test_tags_live_as_long_as_any_version_does(store: SyncStore) -> None:
    template(store, labels={"team": "lab"})
    template(store, "xy", labels={"team": "shop"})
    template(store, again=True)
    of_x = templates.resource("x")
    store.do(templates.delete, "x", version=1)
    assert store.do(tags.of, of_x) == {"team": "lab"}
    store.do(templates.delete, "x")
    assert store.do(tags.of, of_x) == {}
    assert store.do(tags.of, templates.resource("xy")) == {"team": "shop"}


def test_a_template_with_a_tag_that_cannot_be_is_not_kept(store: SyncStore) -> None:
    with pytest.raises(InvalidRequest, match="tags: key"):
        template(store, labels={"a!": "b"})
    with pytest.raises(NotFound):
        store.do(templates.get, "x")


def test_the_limit_counts_templates_and_not_their_versions(store: SyncStore) -> None:
    template(store, quotas=Quotas(templates=2))
    template(store, again=True)
    template(store, "y", quotas=Quotas(templates=2))
    with pytest.raises(LimitExceeded, match="There are 2 job templates, which is the limit"):
        template(store, "z", quotas=Quotas(templates=2))
    template(store, "z")
    store.do(templates.delete, "y")
    store.do(templates.delete, "z")
    template(store, "y", quotas=Quotas(templates=2))
