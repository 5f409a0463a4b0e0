"""Signature Version 4 as the server reads it, held against what botocore signs."""

import dataclasses
import io
from contextlib import suppress
from datetime import timedelta
from urllib.parse import quote

import boto3
import pytest
from awscrt.exceptions import AwsCrtError
from botocore.awsrequest import AWSResponse
from hypothesis import example, given, reject
from hypothesis import strategies as st
from signing import KEY, NOW, SECRET, SIGNERS, botocore_clock, sent, signed

from api.aws import signature
from api.aws.errors import AwsError

BASE = "http://127.0.0.1:8080/aws/iot"


def holds(request, *, secret=SECRET, now=NOW, region="us-east-1", service="iot"):
    claim = signature.read(request)
    signature.refuse_foreign(claim, region=region, service=service, now=now)
    signature.refuse_other_body(request)
    return signature.matches(claim, request, secret)


def refusal(request, **more):
    with pytest.raises(AwsError) as caught:
        holds(request, **more)
    assert caught.value.status == 403
    return caught.value


def changed(request, **more):
    return dataclasses.replace(request, **more)


def with_header(request, name, value):
    """Return the request with a header replaced, added, or (None) taken out."""
    kept = [(each, old) for each, old in request.headers if each.lower() != name.lower()]
    return changed(request, headers=kept if value is None else [*kept, (name, value)])


def with_part(request, part, value):
    [old] = [found for name, found in request.headers if name == "Authorization"]
    before, _, rest = old.partition(f"{part}=")
    after = rest.partition(",")
    return with_header(request, "Authorization", f"{before}{part}={value}{after[1]}{after[2]}")


# --- what botocore signs holds ---

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
#: Segments as a client would send them: escaped more or less eagerly.
SEGMENT = st.builds(
    lambda text, safe: quote(text, safe=safe), TEXT, st.sampled_from(["", "~", ":$", "~:$@+=!,"])
)
QUERY = st.lists(st.tuples(TEXT, TEXT), max_size=5)


@pytest.mark.parametrize("signer", SIGNERS)
@given(segments=st.lists(SEGMENT, max_size=6), pairs=QUERY, body=st.binary(max_size=64))
@example(segments=["things", "a%3Ab", "jobs", "%24next"], pairs=[], body=b"")
@example(segments=["things", "a:b", "jobs", "$next"], pairs=[], body=b"{}")
@example(segments=["jobs", "%25", "", "..", ".", "x"], pairs=[("a", ""), ("", "b"), ("a", "")], body=b"")
@example(segments=["tags"], pairs=[("resourceArn", "arn:aws:iot:us-east-1:1:job/x y+z~")], body=b"")
def test_whatever_botocore_signs_holds(signer, segments, pairs, body):
    query = "&".join(f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in pairs)
    url = f"{BASE}/{'/'.join(segments)}" + (f"?{query}" if query else "")
    try:
        request = signed(url, method="POST", body=body, signer=signer)
    except AwsCrtError:
        # The signer in C does not parse all that the one in Python does.
        reject()
    assert holds(request)
    assert not holds(request, secret=SECRET + "x")
    assert not holds(changed(request, body=body + b" "))


@given(
    values=st.lists(
        st.text(st.sampled_from("ab \té€\u00a0"), min_size=1, max_size=12), min_size=1, max_size=3
    )
)
def test_headers_are_folded_as_botocore_folds_them(values):
    request = signed(headers=[("X-Amzn-Note", value) for value in values])
    assert holds(request)


@pytest.mark.parametrize("query", ["a", "a=&b", "b=2&a=1&a=0", "a=1&A=1", "flag&flag", "a=%3D&b=%3D%26"])
@pytest.mark.parametrize("signer", SIGNERS)
def test_names_without_a_value_and_repeated_ones(query, signer):
    assert holds(signed(f"{BASE}/things?{query}", signer=signer))


def test_a_plus_in_the_query_is_the_blank_that_is_read_from_it():
    request = signed(f"{BASE}/things?a=b%20c")
    assert holds(changed(request, target="/aws/iot/things?a=b+c"))
    assert not holds(changed(signed(f"{BASE}/things?a=b%2Bc"), target="/aws/iot/things?a=b+c"))


def test_a_target_with_scheme_and_host_is_the_same_target():
    request = signed(f"{BASE}/things?a=b")
    assert holds(changed(request, target=f"http://127.0.0.1:8080{request.target}"))


def test_the_date_may_stand_in_the_header_date():
    # botocore writes it where it finds one.
    request = signed(headers=[("Date", "whenever")])
    assert "x-amz-date" not in {name.lower() for name, _ in request.headers}
    assert holds(request)


@pytest.mark.parametrize(
    ("service", "operation", "said"),
    [
        ("iot", "describe_thing", {"thingName": "a:b"}),
        ("iot", "describe_job", {"jobId": "j-1"}),
        ("iot", "list_tags_for_resource", {"resourceArn": "arn:aws:iot:us-east-1:1:thinggroup/a:b"}),
        (
            "iot",
            "attach_thing_principal",
            {"thingName": "a:b", "principal": "arn:aws:iot:us-east-1:1:cert/x"},
        ),
        ("iot", "list_things", {"attributeName": "a,b", "attributeValue": "c:d/e", "maxResults": 3}),
        ("iot", "create_job", {"jobId": "j", "targets": ["arn:1"], "document": '{"é": "\u2028"}'}),
        ("iot-jobs-data", "describe_job_execution", {"thingName": "a:b", "jobId": "$next"}),
        ("iot-jobs-data", "start_next_pending_job_execution", {"thingName": "a:b"}),
    ],
)
def test_what_boto3_sends_holds(service, operation, said):
    client = boto3.session.Session().client(
        service,
        endpoint_url=f"http://127.0.0.1:8080/aws/{service}",
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
    seen = []

    def catch(request, **_):
        seen.append(request)
        return AWSResponse(request.url, 200, {}, Empty())

    client.meta.events.register("before-send", catch)
    with botocore_clock(lambda: NOW):
        getattr(client, operation)(**said)
    client.close()
    body = seen[0].body or b""
    assert holds(sent(seen[0], body if isinstance(body, bytes) else body.encode()), service=service)


class Empty(io.BytesIO):
    def stream(self, **_):
        return iter([b"{}"])


# --- what is not what was signed does not hold ---


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"target": "/aws/iot/things/x"},
        {"target": "/aws/iot/thing"},
        {"target": "/aws/iot/things?maxResults=2"},
        {"body": b"{}"},
    ],
)
def test_a_changed_request_does_not_hold(change):
    assert not holds(changed(signed(), **change))


@pytest.mark.parametrize("name", ["Host", "X-Amzn-Principal"])
def test_a_changed_header_does_not_hold(name):
    assert not holds(with_header(signed(headers=[("X-Amzn-Principal", "me")]), name, "other"))


def test_an_escaped_slash_is_not_a_slash():
    request = signed(f"{BASE}/things/a%2Fb")
    assert holds(request)
    assert not holds(changed(request, target="/aws/iot/things/a/b"))


@pytest.mark.parametrize("said", ["", "0", "zz", "0" * 64, "0" * 63, "é" * 64])
def test_a_made_up_signature_does_not_hold(said):
    request = with_part(signed(), "Signature", said or "-")
    assert not holds(request)


def test_a_signature_has_one_spelling():
    request = signed()
    [value] = [found for name, found in request.headers if name == "Authorization"]
    right = value.partition("Signature=")[2]
    assert holds(with_part(request, "Signature", right))
    assert not holds(with_part(request, "Signature", right.upper()))
    assert not holds(with_part(request, "Signature", f"{right[:2]} {right[2:]}"))


# --- what is refused with a word of its own ---


@pytest.mark.parametrize("header", [None, "", "Bearer abc", "Basic abc"])
def test_a_request_without_a_signature_misses_it(header):
    assert (
        refusal(with_header(signed(), "Authorization", header)).code == "MissingAuthenticationTokenException"
    )


@pytest.mark.parametrize(
    "header",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=00, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=00, X=1",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=host;x-amz-date, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws5_request, SignedHeaders=host;x-amz-date, Signature=00",
        "AWS4-HMAC-SHA256 Credential=/b/c/d/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=x-amz-date, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host;host;x-amz-date, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=Host;x-amz-date, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host;no;x-amz-date, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
    ],
)
def test_a_signature_that_lacks_something_is_incomplete(header):
    assert refusal(with_header(signed(), "Authorization", header)).code == "IncompleteSignatureException"


def test_two_signatures_are_none():
    request = signed()
    twice = [*request.headers, ("Authorization", "AWS4-HMAC-SHA256 x")]
    assert refusal(changed(request, headers=twice)).code == "IncompleteSignatureException"


def test_a_signature_in_the_query_is_told_to_come_in_the_header():
    request = with_header(signed(), "Authorization", None)
    error = refusal(
        changed(request, target="/aws/iot/things?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0")
    )
    assert error.code == "IncompleteSignatureException"
    assert "header Authorization" in str(error)


@pytest.mark.parametrize("name", ["X-Amz-Target", "X-Amzn-Principal", "X-Amz-Date"])
def test_a_header_that_means_something_must_be_signed(name):
    request = signed(headers=[("Date", "whenever")]) if name == "X-Amz-Date" else signed()
    value = f"{NOW:%Y%m%dT%H%M%SZ}"
    assert refusal(with_header(request, name, value)).code == "IncompleteSignatureException"


def test_a_trace_of_a_proxy_need_not_be_signed():
    assert holds(with_header(signed(), "X-Amzn-Trace-Id", "Root=1"))


@pytest.mark.parametrize("date", [None, "yesterday", "2026-01-31T23:59:00Z", "99999999T999999Z"])
def test_a_request_needs_a_date_that_is_one(date):
    assert refusal(with_header(signed(), "X-Amz-Date", date)).code == "IncompleteSignatureException"


@pytest.mark.parametrize(("minutes", "word"), [(-16, "expired"), (16, "not yet current")])
def test_a_request_of_another_time_is_refused(minutes, word):
    error = refusal(signed(at=NOW + timedelta(minutes=minutes)))
    assert error.code == "InvalidSignatureException"
    assert word in str(error)


@pytest.mark.parametrize("minutes", [-15, -14, 14, 15])
def test_clocks_may_differ_a_little(minutes):
    assert holds(signed(at=NOW + timedelta(minutes=minutes)))


def test_a_scope_is_of_the_day_of_the_request():
    request = signed()
    credential = f"{KEY}/20260130/us-east-1/iot/aws4_request"
    assert refusal(with_part(request, "Credential", credential)).code == "InvalidSignatureException"


@pytest.mark.parametrize(("part", "value"), [("region", "eu-west-1"), ("service", "iot-jobs-data")])
def test_a_request_for_another_region_or_service_is_told_which_is_right(part, value):
    error = refusal(signed(**{part: value}))
    assert error.code == "InvalidSignatureException"
    assert value in str(error)
    assert {"region": "us-east-1", "service": "iot"}[part] in str(error)


def test_session_tokens_are_refused():
    request = signed(keys=(KEY, SECRET, "a token"))
    assert refusal(request).code == "UnrecognizedClientException"


@pytest.mark.parametrize("said", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0" * 64])
def test_a_body_whose_digest_is_not_signed_is_refused(said):
    request = signed(headers=[("X-Amz-Content-SHA256", said)], body=b"{}", method="PUT")
    assert refusal(request).code == "InvalidSignatureException"


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
def test_no_header_makes_it_stumble(text):
    with suppress(AwsError):
        claim = signature.read(with_header(signed(), "Authorization", f"AWS4-HMAC-SHA256 {text}"))
        assert not signature.matches(claim, signed(), SECRET)


@given(st.text(max_size=100), st.text(max_size=100))
def test_no_target_and_no_header_value_makes_it_stumble(target, value):
    request = with_header(changed(signed(), target=target), "X-Amz-Date", f"{NOW:%Y%m%dT%H%M%SZ}")
    odd = target.encode(errors="replace").decode("utf-8", "surrogateescape")
    assert isinstance(signature.canonical(changed(request, target=odd), ("host",)), str)
    note = with_header(signed(), "X-Note", value.encode(errors="replace").decode())
    assert isinstance(signature.canonical(note, ("host", "x-note")), str)
