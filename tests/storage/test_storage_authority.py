"""Our authority: made once, kept privately, and what it signs."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from domain.errors import InvalidRequest, Unavailable
from storage.authority import Authority, new_keys

AT = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("broker.example", "localhost", "127.0.0.1", "::1")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path, at=AT)


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_it_is_made_once_and_only_its_owner_can_read_it(tmp_path, authority):
    again = Authority.open(tmp_path, at=AT + timedelta(days=1))
    assert again.pem == authority.pem
    folder = tmp_path / "authority"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    assert Authority.open(tmp_path / "other", at=AT).pem != authority.pem


def test_it_may_sign_devices_and_nothing_that_signs(tmp_path, authority):
    own = read(tmp_path / "authority" / "ca.pem")
    limits = own.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)
    _, public = new_keys()
    device = x509.load_pem_x509_certificate(authority.for_device(public, at=AT).pem.encode())
    assert not device.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    uses = device.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_key_that_others_may_read_is_refused(tmp_path, authority):
    (tmp_path / "authority" / "ca.key").chmod(0o640)
    with pytest.raises(Unavailable, match="other users may read"):
        Authority.open(tmp_path, at=AT)


def test_files_that_are_spoilt_or_do_not_fit_are_refused_and_stay(tmp_path, authority):
    Authority.open(tmp_path / "other", at=AT)
    own, foreign = tmp_path / "authority", tmp_path / "other" / "authority"
    (own / "ca.pem").write_bytes((foreign / "ca.pem").read_bytes())
    with pytest.raises(Unavailable, match=r"ca\.key does not fit ca\.pem"):
        Authority.open(tmp_path, at=AT)
    (own / "ca.pem").unlink()
    with pytest.raises(Unavailable, match="cannot be used"):
        Authority.open(tmp_path, at=AT)
    (own / "ca.key").write_bytes(b"no key")
    with pytest.raises(Unavailable, match="cannot be used"):
        Authority.open(tmp_path, at=AT)
    assert (own / "ca.key").read_bytes() == b"no key"


def test_a_start_that_was_cut_short_is_made_good(tmp_path, authority):
    """The key is written last: a certificate without it is nobody's."""
    (tmp_path / "authority" / "ca.key").unlink()
    assert Authority.open(tmp_path, at=AT).pem != authority.pem


def test_the_servers_certificate_names_what_it_is_to_name(authority):
    certificate, key = authority.for_server(NAMES, at=AT)
    names = read(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example", "localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(x509.load_pem_x509_certificates(certificate.read_bytes())) == 2, "the authority's behind it"


def test_a_name_that_cannot_be_in_a_certificate_is_refused(authority):
    with pytest.raises(InvalidRequest, match="neither an address nor a host's name"):
        authority.for_server(["bücher.example"], at=AT)


def test_the_servers_certificate_is_kept_for_half_its_life(authority):
    certificate, _ = authority.for_server(NAMES, at=AT)
    first = certificate.read_bytes()
    authority.for_server(NAMES, at=AT + timedelta(days=365))
    assert certificate.read_bytes() == first
    later = AT + timedelta(days=366)
    authority.for_server(NAMES, at=later)
    assert certificate.read_bytes() != first
    assert read(certificate).not_valid_after_utc == later + timedelta(days=730)


@pytest.mark.parametrize("spoil", ["names", "key", "certificate", "clock", "authority"])
def test_one_that_is_of_no_use_is_made_anew(tmp_path, authority, spoil):
    certificate, key = authority.for_server(NAMES, at=AT)
    first = certificate.read_bytes()
    names, at = NAMES, AT
    match spoil:
        case "names":
            names = (*NAMES, "more.example")
        case "key":
            key.write_bytes(b"no key")
        case "certificate":
            certificate.unlink()
        case "clock":
            at = AT - timedelta(days=1)
        case "authority":
            (tmp_path / "authority" / "ca.key").unlink()
            authority = Authority.open(tmp_path, at=AT)
    authority.for_server(names, at=at)
    assert certificate.read_bytes() != first


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "authority").write_text("in the way")
    with pytest.raises(Unavailable, match="authority"):
        Authority.open(tmp_path, at=AT)
