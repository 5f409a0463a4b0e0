"""botocore's own signer as the other side, at a time of the test's choosing."""

from contextlib import contextmanager
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.crt.auth import CrtSigV4Auth

from api.aws.signature import Sent

NOW = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
KEY, SECRET = "TJAKEXAMPLE", "a secret/with+odd=characters"


#: AWS wrote it twice: in Python, and in C, which boto3 takes where it is installed.
SIGNERS = (SigV4Auth, CrtSigV4Auth)


@contextmanager
def botocore_clock(read):
    """Let botocore sign with the time that ``read`` tells."""

    def now(*, remove_tzinfo=True):
        return read().astimezone(UTC).replace(tzinfo=None if remove_tzinfo else UTC)

    with (
        mock.patch("botocore.auth.get_current_datetime", now),
        mock.patch("botocore.crt.auth.get_current_datetime", now),
    ):
        yield


def signed(
    url="http://127.0.0.1:8080/aws/iot/things",
    *,
    method="GET",
    body=b"",
    headers=(),
    at=NOW,
    keys=(KEY, SECRET),
    region="us-east-1",
    service="iot",
    signer=SigV4Auth,
):
    """Return a request as it would go over the wire."""
    request = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers[name] = value
    with botocore_clock(lambda: at):
        signer(Credentials(*keys), service, region).add_auth(request)
    return sent(request, body)


def sent(request, body):
    """Return what an HTTP client makes of a request of botocore's."""
    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    said = [(name, v if isinstance(v, str) else v.decode()) for name, v in request.headers.items()]
    headers = [("Host", parts.netloc), *(pair for pair in said if pair[0].lower() != "host")]
    return Sent(method=request.method, target=target, headers=headers, body=body)
