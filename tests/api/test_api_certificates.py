"""Certificates of things by our own API: all a device needs in one answer, and the end of it."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization


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
