"""The certificate of the authority with boto3: listed, described, and led to by what it has signed."""

import papers
import pytest
from asking import body, refused
from aws_site import ACCOUNT, arn

from domain.roles import Role


@pytest.fixture
def iot(shared_site):
    return shared_site.client("iot", keys=shared_site.new_keys(Role.VIEWER))


@pytest.fixture
def ours(shared_site):
    return shared_site.door._options.authority


def test_what_it_has_signed_leads_to_the_certificate_that_checks_it(shared_site, iot):
    made = shared_site.iot.create_keys_and_certificate()
    found = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    told = iot.describe_ca_certificate(certificateId=found["caCertificateId"])
    authority = papers.read(told["certificateDescription"]["certificatePem"])
    papers.read(made["certificatePem"]).verify_directly_issued_by(authority)


def test_it_is_described_in_full(shared_site, iot, ours):
    told = body(iot.describe_ca_certificate(certificateId=ours.certificate_id.upper()))
    found = told.pop("certificateDescription")
    assert told == {}
    validity = found.pop("validity")
    assert (validity["notBefore"] < shared_site.door.at, validity["notAfter"].year) == (True, 2049)
    assert found.pop("generationId")
    assert found.pop("lastModifiedDate") == found["creationDate"]
    assert found == {
        "certificateArn": arn(f"cacert/{ours.certificate_id}"),
        "certificateId": ours.certificate_id,
        "status": "ACTIVE",
        "certificatePem": ours.pem,
        "ownedBy": ACCOUNT,
        "creationDate": ours.created_at,
        "autoRegistrationStatus": "DISABLE",
        "customerVersion": 1,
        "certificateMode": "DEFAULT",
    }


def test_it_alone_is_listed(iot, ours):
    found = body(iot.list_ca_certificates(pageSize=1, ascendingOrder=True))
    assert found == {
        "certificates": [
            {
                "certificateArn": arn(f"cacert/{ours.certificate_id}"),
                "certificateId": ours.certificate_id,
                "status": "ACTIVE",
                "creationDate": ours.created_at,
            }
        ]
    }
    assert body(iot.list_ca_certificates(templateName="fleet")) == {"certificates": []}


def test_another_one_is_not_here(shared_site, iot, ours):
    made = shared_site.iot.create_keys_and_certificate()["certificateId"]
    code, status, message = refused(iot.describe_ca_certificate, certificateId=made)
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert ours.certificate_id in message


def test_what_names_none_is_refused(iot):
    code, _, message = refused(iot.describe_ca_certificate, certificateId="g" * 64)
    assert (code, "certificateId" in message) == ("InvalidRequestException", True)
    code, _, message = refused(iot.list_ca_certificates, marker="abc=")
    assert (code, "marker 'abc='" in message) == ("InvalidRequestException", True)
