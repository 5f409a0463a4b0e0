"""Policies, certificates, keys, tags: none is left to what comes next, and no list grows with the table."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sites import SqliteFile
from sync_store import AUTO, SyncStore
from test_storage_growth import tried

from domain.certificates import LAST_DAY, CertificateStatus, Facts, PrincipalType
from domain.errors import Conflict, NotFound, StillAttached
from domain.roles import Role
from storage import access_keys, certificates, groups, policies, principals, tags, things
from storage.vault import Vault

POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}'
ONE, ANY = f"{0:064x}", PrincipalType.NON_EXCLUSIVE_THING
SMALL, LARGE = 32, 320


@pytest.mark.usefixtures("small")
def test_a_group_that_is_being_deleted_gets_no_policy_that_the_next_would_have(followed: SyncStore) -> None:
    followed.do(policies.create, "p", POLICY, at=followed.now)
    followed.do(groups.delete, "g", at=followed.now)
    with pytest.raises(NotFound):
        followed.do(policies.attach, "p", "thinggroup/g", at=followed.now)
    followed.do(policies.delete, "p")


class Papers(SyncStore):
    """``size`` of each: certificates, one thing's certificates, one certificate's things, policies, keys."""

    def __init__(self, site: SqliteFile, size: int) -> None:
        super().__init__(site)
        self.group("all", *(f"t{number}" for number in range(size)), "busy")
        self.vault = Vault(site.folder)
        self.do(self._fill, size)

    def _fill(self, connection: Any, size: int) -> None:
        """Make everything in one transaction."""
        for number in range(size):
            self.certificate(connection, number)
            policies.create(connection, f"p{number}", POLICY, at=self.now)
            access_keys.create(connection, self.vault, Role.DEVICE, thing_name=f"t{number}", at=self.now)
            groups.create(connection, f"g{number}", labels={"a": "1"}, at=self.now)
            principals.attach(connection, f"{number:064x}", "busy", ANY)
            principals.attach(connection, ONE, f"t{number}", ANY)
            policies.attach(connection, "p0", f"cert/{number:064x}", at=self.now)
        for number in range(9):
            policies.attach(connection, f"p{number}", "thinggroup/g1", at=self.now)
            tags.label(connection, "thinggroup/g1", {f"k{number}": "v"})

    def certificate(self, connection: Any, number: int) -> None:
        made = Facts(
            certificate_id=f"{number:064x}", pem="", common_name="", not_before=self.now, not_after=LAST_DAY
        )
        certificates.register(connection, made, status=CertificateStatus.ACTIVE, at=self.now)

    def pages(self, verb: Callable, *args: Any, token: str = "marker", **more: Any) -> None:
        """Read the first page and the one after it."""
        found = self.do(verb, *args, max_results=5, **more)
        assert found.next_token is not None
        self.do(verb, *args, max_results=5, **{token: found.next_token}, **more)


def refuse_alone(store: Papers, thing: str) -> None:
    """Try to attach exclusively what others have."""
    with pytest.raises(Conflict):
        store.do(principals.attach, ONE, thing, PrincipalType.EXCLUSIVE_THING)


def keep(store: Papers, name: str) -> None:
    """Try to delete a policy that is attached."""
    with pytest.raises(StillAttached):
        store.do(policies.delete, name)


WALKS: dict[str, Callable[[Papers], Any]] = {
    "certificates": lambda s: s.pages(certificates.page),
    "certificates, oldest first": lambda s: s.pages(certificates.page, ascending=True),
    "a thing's certificates": lambda s: s.pages(principals.of_thing, "busy", token="next_token"),
    "a certificate's things": lambda s: s.pages(principals.things_of, ONE, token="next_token"),
    "policies": lambda s: s.pages(policies.page),
    "a policy's targets": lambda s: s.pages(policies.targets, "p0"),
    "a policy's certificates": lambda s: s.pages(policies.targets, "p0", prefix="cert/"),
    "a group's policies": lambda s: s.pages(policies.of_target, "thinggroup/g1"),
    "a group's and those around it": lambda s: s.pages(policies.of_target, "thinggroup/g1", recursive=True),
    "tags": lambda s: s.pages(tags.page, "thinggroup/g1", token="next_token"),
    "keys": lambda s: s.do(
        access_keys.page,
        max_results=5,
        next_token=s.do(access_keys.page, max_results=5, next_token=None).next_token,
    ),
    "a key is looked up": lambda s: s.do(access_keys.find, s.vault, "TJAKAAAAAAAAAAAAAAAA"),
    "keys were revoked": lambda s: s.do(access_keys.revoked_since, s.now),
    "a certificate is described": lambda s: s.do(certificates.get, f"{7:064x}"),
    "whom a certificate lets in": lambda s: s.do(certificates.things_let_in, f"{7:064x}"),
    "a certificate changes": lambda s: s.do(
        certificates.set_status, f"{7:064x}", CertificateStatus.INACTIVE, at=s.now
    ),
    "a certificate is attached": lambda s: s.do(principals.attach, f"{8:064x}", "t9", ANY),
    "a certificate of many is attached": lambda s: s.do(principals.attach, ONE, "busy", ANY),
    "a certificate of many is not for one alone": lambda s: refuse_alone(s, "busy"),
    "a certificate is detached": lambda s: s.do(principals.detach, f"{8:064x}", "busy", at=s.now),
    "a policy is attached": lambda s: s.do(policies.attach, "p30", "thinggroup/g2", at=s.now),
    "a policy is not deleted": lambda s: keep(s, "p0"),
    "a group with policies goes": lambda s: s.do(groups.delete, "g1", at=s.now),
    "a thing with a certificate and a key goes": lambda s: s.do(things.delete, "t20", at=s.now),
    "a new thing": lambda s: s.do(groups.add, "g3", ["new"], policy=AUTO, at=s.now),
}


@pytest.fixture(scope="module")
def crowds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Papers, Papers]]:
    folder = tmp_path_factory.mktemp("papers")
    few, many = (SqliteFile(folder / str(size), durable=False) for size in (SMALL, LARGE))
    pair = Papers(few, SMALL), Papers(many, LARGE)
    yield pair
    for store in pair:
        store.close()


@pytest.mark.parametrize("name", WALKS)
def test_ten_times_the_papers_cost_no_more_steps(crowds: tuple[Papers, Papers], name: str) -> None:
    few, many = (tried(store, WALKS[name], lambda _: None)[0] for store in crowds)
    assert few > 0
    assert many <= 1.5 * few + 20, (few, many)
