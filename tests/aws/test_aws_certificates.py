"""Certificates with boto3: made from keys or requests, registered, described, switched, deleted, listed."""

import papers
import pytest
from aws_site import ACCOUNT, arn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from domain.roles import Role

UNKNOWN = "0" * 64


@pytest.fixture
def iot(shared_site):
    return shared_site.iot


def refused(call, name, **given):
    """Return the message of an error of this kind, which the client must know by its class."""
    with pytest.raises(getattr(call.__self__.exceptions, name)) as caught:
        call(**given)
    return caught.value.response["Error"]["Message"]


def test_keys_and_certificate_belong_together_and_are_signed_by_our_authority(shared_site, iot):
    made = iot.create_keys_and_certificate(setAsActive=True)
    certificate = papers.read(made["certificatePem"])
    key = serialization.load_pem_private_key(made["keyPair"]["PrivateKey"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert key.public_key() == certificate.public_key()
    assert serialization.load_pem_public_key(made["keyPair"]["PublicKey"].encode()) == key.public_key()
    assert made["certificateId"] == certificate.fingerprint(hashes.SHA256()).hex()
    assert made["certificateArn"] == arn(f"cert/{made['certificateId']}")
    certificate.verify_directly_issued_by(papers.read(shared_site.door._options.authority.pem))


def test_the_private_key_is_in_no_file_of_the_server(shared_site, iot):
    key = iot.create_keys_and_certificate()["keyPair"]["PrivateKey"].splitlines()[3].encode()
    shared_site.door.run(shared_site.door.store.read(lambda connection: None))
    files = [path for path in shared_site.door.site.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if key in path.read_bytes()]


def test_a_certificate_is_off_until_it_is_switched_on(iot):
    made = iot.create_keys_and_certificate()
    found = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert (found["status"], found["customerVersion"], found["ownedBy"]) == ("INACTIVE", 1, ACCOUNT)
    assert found["certificateMode"] == "DEFAULT"
    assert found["validity"]["notAfter"].year == 2049
    assert found["caCertificateId"] != found["certificateId"]
    iot.update_certificate(certificateId=made["certificateId"], newStatus="ACTIVE")
    later = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert (later["status"], later["customerVersion"]) == ("ACTIVE", 2)
    assert later["generationId"] != found["generationId"]


def test_the_id_may_be_spelled_in_capitals(iot):
    made = iot.create_keys_and_certificate()["certificateId"]
    found = iot.describe_certificate(certificateId=made.upper())
    assert found["certificateDescription"]["certificateId"] == made


@pytest.mark.parametrize("make", [lambda: ec.generate_private_key(ec.SECP384R1()), None])
def test_a_request_gets_a_certificate_for_its_own_key_and_subject(iot, make):
    pem, key = papers.request("pump-1", key=make and make())
    made = iot.create_certificate_from_csr(certificateSigningRequest=pem, setAsActive=True)
    certificate = papers.read(made["certificatePem"])
    assert certificate.public_key() == key.public_key()
    assert certificate.subject == papers.name("pump-1")
    found = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert found["status"] == "ACTIVE"


def test_a_request_without_a_subject_gets_one(iot):
    pem, _ = papers.request(None)
    made = iot.create_certificate_from_csr(certificateSigningRequest=pem)
    assert papers.read(made["certificatePem"]).subject == papers.name("Thingjobs device")


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        ("no pem", "certificateSigningRequest is not a signing request"),
        (papers.weak_request(), "RSAPublicKey of 1024 bits"),
        (papers.request("thingjobs.dispatcher")[0], "common names that begin with thingjobs."),
    ],
)
def test_a_request_that_cannot_be_signed_is_refused(iot, pem, says):
    message = refused(
        iot.create_certificate_from_csr, "InvalidRequestException", certificateSigningRequest=pem
    )
    assert says in message


def test_one_that_was_deleted_can_be_registered_again_since_our_authority_signed_it(iot):
    made = iot.create_keys_and_certificate()
    iot.delete_certificate(certificateId=made["certificateId"])
    again = iot.register_certificate(certificatePem=made["certificatePem"], status="ACTIVE")
    assert again["certificateId"] == made["certificateId"]
    found = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert (found["status"], found["certificateMode"]) == ("ACTIVE", "DEFAULT")


def test_registering_names_our_authority_or_none(shared_site, iot):
    made = iot.create_keys_and_certificate()
    iot.delete_certificate(certificateId=made["certificateId"])
    message = refused(
        iot.register_certificate,
        "CertificateValidationException",
        certificatePem=made["certificatePem"],
        caCertificatePem=papers.self_signed("another authority"),
    )
    assert "'another authority' is not known here" in message
    iot.register_certificate(
        certificatePem=made["certificatePem"],
        caCertificatePem=shared_site.door._options.authority.pem,
        setAsActive=True,
    )


def test_one_that_our_authority_did_not_sign_is_registered_as_it_is_or_not_at_all(iot):
    pem = papers.self_signed()
    message = refused(iot.register_certificate, "CertificateValidationException", certificatePem=pem)
    assert "RegisterCertificateWithoutCA" in message
    made = iot.register_certificate_without_ca(certificatePem=pem)
    found = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert (found["status"], found["certificateMode"]) == ("INACTIVE", "SNI_ONLY")
    assert "caCertificateId" not in found
    assert found["certificatePem"].strip() == pem.strip()


def test_registering_twice_names_what_is_there(iot):
    pem = papers.self_signed()
    made = iot.register_certificate_without_ca(certificatePem=pem)
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as caught:
        iot.register_certificate_without_ca(certificatePem=pem)
    assert caught.value.response["resourceId"] == made["certificateId"]
    assert caught.value.response["resourceArn"] == made["certificateArn"]


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        ("no pem", "certificatePem is not a certificate"),
        (papers.self_signed() + papers.self_signed(), "holds 2 certificates"),
        (papers.for_servers(), "not for clients"),
        (papers.spoilt(), "certificatePem is not a certificate"),
        (papers.self_signed(days=10), "ended at 2024-01-11"),
        (papers.self_signed(key=papers.ed25519.Ed25519PrivateKey.generate()), "its key is Ed25519PublicKey"),
    ],
)
def test_a_certificate_that_no_client_can_show_is_refused(iot, pem, says):
    message = refused(
        iot.register_certificate_without_ca, "CertificateValidationException", certificatePem=pem
    )
    assert says in message


@pytest.mark.parametrize("status", ["PENDING_TRANSFER", "REGISTER_INACTIVE", "PENDING_ACTIVATION", "on"])
def test_a_status_that_nothing_here_has_is_refused(iot, status):
    made = iot.create_keys_and_certificate()["certificateId"]
    message = refused(iot.update_certificate, "InvalidRequestException", certificateId=made, newStatus=status)
    assert "newStatus" in message


def test_what_is_revoked_stays_that(iot):
    made = iot.create_keys_and_certificate(setAsActive=True)["certificateId"]
    iot.update_certificate(certificateId=made, newStatus="REVOKED")
    refused(iot.update_certificate, "CertificateStateException", certificateId=made, newStatus="ACTIVE")
    iot.update_certificate(certificateId=made, newStatus="REVOKED")


def test_an_unknown_certificate_is_not_found_and_a_bad_id_invalid(iot):
    for call, more in (
        (iot.describe_certificate, {}),
        (iot.update_certificate, {"newStatus": "ACTIVE"}),
        (iot.delete_certificate, {}),
    ):
        refused(call, "ResourceNotFoundException", certificateId=UNKNOWN, **more)
        message = refused(call, "InvalidRequestException", certificateId="g" * 64, **more)
        assert "certificateId" in message


def test_only_what_is_off_and_for_nobody_can_be_deleted(shared_site, iot):
    shared_site.things("deleting")
    made = iot.create_keys_and_certificate(setAsActive=True)
    name = made["certificateId"]
    refused(iot.delete_certificate, "CertificateStateException", certificateId=name)
    iot.update_certificate(certificateId=name, newStatus="INACTIVE")
    iot.attach_thing_principal(thingName="deleting", principal=made["certificateArn"])
    refused(iot.delete_certificate, "DeleteConflictException", certificateId=name, forceDelete=True)
    iot.detach_thing_principal(thingName="deleting", principal=made["certificateArn"])
    iot.delete_certificate(certificateId=name)
    refused(iot.describe_certificate, "ResourceNotFoundException", certificateId=name)


def test_pages_go_from_the_newest_or_from_the_oldest(site):
    made = [site.iot.create_keys_and_certificate()["certificateId"] for _ in range(5)]
    pages = site.iot.get_paginator("list_certificates")
    for ascending, expected in ((True, made), (False, made[::-1])):
        found = list(pages.paginate(ascendingOrder=ascending, PaginationConfig={"PageSize": 2}))
        assert [len(page["certificates"]) for page in found] == [2, 2, 1]
        assert [each["certificateId"] for page in found for each in page["certificates"]] == expected
    (first,) = site.iot.list_certificates(pageSize=1, ascendingOrder=True)["certificates"]
    assert first["certificateArn"] == arn(f"cert/{made[0]}")
    assert (first["status"], first["certificateMode"]) == ("INACTIVE", "DEFAULT")
    assert first["creationDate"] == site.door.at
    told = refused(site.iot.list_certificates, "InvalidRequestException", marker="Zm9yZWlnbg==")
    assert told.startswith("marker 'Zm9yZWlnbg=='")


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_only_an_administrator_makes_or_changes_credentials(shared_site, iot, role):
    made = iot.create_keys_and_certificate()["certificateId"]
    other = shared_site.client("iot", keys=shared_site.new_keys(role))
    assert other.describe_certificate(certificateId=made)
    assert other.list_certificates(pageSize=1)
    pem, _ = papers.request()
    for call, given in (
        (other.create_keys_and_certificate, {}),
        (other.create_certificate_from_csr, {"certificateSigningRequest": pem}),
        (other.register_certificate_without_ca, {"certificatePem": papers.self_signed()}),
        (other.update_certificate, {"certificateId": made, "newStatus": "ACTIVE"}),
        (other.delete_certificate, {"certificateId": made}),
    ):
        with pytest.raises(other.exceptions.ClientError) as caught:
            call(**given)
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    other.close()
