"""Certificates of things by our own API: all a device needs in one answer, and the end of it."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from http_door import opened


def issued(door, thing):
    door("POST", "/things", {"thingName": thing})
    return door("POST", f"/things/{thing}/certificates").body


def test_what_is_issued_belongs_together_and_names_the_thing(door):
    made = issued(door, "pump:1")
    certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    key = serialization.load_pem_private_key(made["privateKey"].encode(), None)
    authority = x509.load_pem_x509_certificate(made["authorityPem"].encode())
    assert key.public_key() == certificate.public_key()
    assert certificate.fingerprint(hashes.SHA256()).hex() == made["certificateId"]
    assert certificate.subject.rfc4514_string() == "CN=pump:1"
    certificate.verify_directly_issued_by(authority)


def test_a_name_too_long_for_a_certificate_is_left_out_and_not_cut(door):
    made = issued(door, "p" * 65)
    certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    assert certificate.subject.rfc4514_string() == "CN=Thingjobs device"


def test_revoking_takes_all_there_are(door):
    issued(door, "fan")
    issued(door, "fan")
    path = "/things/fan/certificates"
    assert [door("DELETE", path).body["revoked"] for _ in range(2)] == [2, 0]


def test_a_thing_that_is_not_there_has_none(door):
    assert door("POST", "/things/nobody/certificates").status == 404
    assert door("DELETE", "/things/nobody/certificates").status == 404


def test_the_authority_shows_its_certificate_to_whoever_asks(tmp_path):
    with opened(tmp_path / "data", api_key="correct-horse-battery-staple-0123456789") as door:
        shown = door("GET", "/authority/ca.pem")
        assert (shown.status, shown.headers["Content-Type"]) == (200, "application/x-pem-file")
        assert shown.raw.decode() == door._options.authority.pem
        head = door("HEAD", "/authority/ca.pem")
        assert (head.status, head.raw, head.headers["Content-Length"]) == (200, b"", str(len(shown.raw)))
        assert door("GET", "/authority/ca.key").status == 401


def test_where_there_is_no_authority_that_is_said(tmp_path):
    with opened(tmp_path / "data", authority=None) as door:
        reply = door("GET", "/authority/ca.pem")
        assert (reply.status, reply.error) == (503, "this server has no certificate authority")
