"""The names that the server's certificate is good for, as settings have it."""

import socket
from datetime import UTC, datetime

import pytest
from cryptography import x509

from cli.certificate_parts import authority_of, secure_listener
from cli.settings import load
from storage.store import Store

HERE = {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, set()),
        ({"mqtts_host": "::1"}, set()),
        ({"mqtts_host": "192.0.2.7"}, {"192.0.2.7"}),
        ({"mqtts_host": "0.0.0.0"}, {socket.gethostname()}),
        ({"mqtts_host": "::", "tls_names": "a.example,192.0.2.7"}, {"a.example", "192.0.2.7"}),
        ({"mqtt_endpoint": "b.example"}, {"b.example"}),
        ({"mqtt_endpoint": "b.example:443"}, {"b.example"}),
        ({"broker": "external", "broker_host": "c.example"}, {"c.example"}),
        ({"broker": "external", "broker_host": "bücher.example"}, set()),
    ],
)
async def test_the_certificate_names_what_devices_are_told_to_connect_to(tmp_path, given, expected):
    at, settings = datetime.now(UTC), load(data_dir=tmp_path, **given)
    store = Store.open(tmp_path)
    try:
        listener = await secure_listener(settings, store, await authority_of(settings, at=at), at=at)
    finally:
        await store.close()
    assert (listener is None) == (settings.broker == "external")
    made = x509.load_pem_x509_certificate((tmp_path / "authority" / "server.pem").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == HERE | expected


async def test_a_server_that_is_not_to_listen_for_certificates_does_not(tmp_path):
    at, settings = datetime.now(UTC), load(data_dir=tmp_path, mqtts=False)
    store = Store.open(tmp_path)
    try:
        assert await secure_listener(settings, store, await authority_of(settings, at=at), at=at) is None
    finally:
        await store.close()
