"""Where documents are fetched from, and how far ahead starts lie, as the settings say."""

import asyncio
from datetime import timedelta

from s3_server import ACCESS_KEY, SECRET, s3_server

from cli.document_parts import document_sources
from cli.parts import policy_of
from cli.settings import load
from domain.artifacts import Links
from domain.s3_objects import S3Object


def test_without_listed_buckets_there_is_no_s3_to_read_from():
    links = Links(key=b"k", base="")
    sources = document_sources(load(), links)
    links.base = "http://later"
    assert (sources.base(), sources.read_object) == ("http://later", None)


def test_listed_buckets_are_read_where_s3_is_for_us_and_not_where_devices_see_it():
    with s3_server() as s3:
        s3.objects["listed/a.json"] = b"{}"
        settings = load(
            s3_linked_buckets="other,listed",
            s3_endpoint=s3.url,
            s3_public_endpoint="http://devices-see-this.example.com",
            s3_access_key_id=ACCESS_KEY,
            s3_secret_access_key=SECRET,
        )
        read = document_sources(settings, Links(key=b"k", base="")).read_object

        async def both():
            found = await read(S3Object("listed", "a.json"), limit=10)
            return found, await read(S3Object("unlisted", "a.json"), limit=10)

        assert asyncio.run(both()) == (b"{}", None)


def test_how_far_ahead_a_start_must_lie_is_a_setting():
    links = Links(key=b"k", base="")
    assert policy_of(load(), links).schedule_lead == timedelta(minutes=30)
    assert policy_of(load(schedule_min_lead_minutes=0), links).schedule_lead == timedelta(0)
