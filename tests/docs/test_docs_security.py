"""What the page on security says of roles is what the code lets them do."""

import re

from test_docs_agree import ROOT, rows, section

from api.aws.operations import CONTROL, DATA
from domain.roles import Role, covers

ROLES = section((ROOT / "docs" / "security.md").read_text(encoding="utf-8"), "Access keys")


def told():
    return {row[0].strip("`"): row[1:] for row in rows(ROLES) if row[0].startswith("`")}


def test_every_role_is_told_in_order():
    assert list(told()) == list(Role)


def test_what_operators_may_not_do_is_about_certificates_and_policies():
    assert "all but certificates and policies" in told()["OPERATOR"][0]
    refused = [each.name for each in CONTROL if not covers(Role.OPERATOR, each.role)]
    assert refused
    assert all(re.search("Certificate|Policy|Policies|Principal", name) for name in refused), refused


def test_what_viewers_may_do_changes_nothing():
    allowed = [each for each in CONTROL if covers(Role.VIEWER, each.role)]
    assert allowed
    assert all(each.name.startswith(("Describe", "Get", "List", "Search")) for each in allowed)
    assert not any(covers(Role.VIEWER, each.role) for each in DATA)


def test_devices_have_the_devices_plane_and_nothing_else():
    assert all(covers(Role.DEVICE, each.role) for each in DATA)
    assert not any(covers(Role.DEVICE, each.role) for each in CONTROL)
