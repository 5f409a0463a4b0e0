"""boto3 as everybody has it, pointed at a real server of ours by its ``endpoint_url`` and nothing else."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "api"))

from aws_fleet import DOCUMENT, Fleet
from aws_site import opened_site


@pytest.fixture(scope="module")
def dialect():
    """Have tests run on SQLite; a module with ``DIALECTS`` says on what else."""
    return "sqlite"


@pytest.fixture
def site(make_site, tmp_path):
    """Give a server of one's own, its clock at ``site.door.at``."""
    with opened_site(tmp_path / "data", make_site=make_site) as found:
        yield found


@pytest.fixture(scope="module")
def shared_site(make_site, tmp_path_factory):
    """Give the module's server, for tests that do not mind what is there already."""
    with opened_site(tmp_path_factory.mktemp("aws") / "data", make_site=make_site) as found:
        yield found


@pytest.fixture
def fleet(shared_site):
    """Give names on the module's server that no other test has."""
    return Fleet(shared_site)


@pytest.fixture
def iot(site):
    return site.iot


@pytest.fixture
def jobs_data(site):
    return site.jobs_data


# --- one device of the module's server ---


@pytest.fixture
def data(shared_site):
    return shared_site.jobs_data


@pytest.fixture
def thing(fleet):
    return fleet.name("device")


@pytest.fixture
def make(shared_site, thing):
    """Give a function that queues a job on the test's thing and returns its id."""

    def make(**more):
        return shared_site.door.job(thing, **{"document": DOCUMENT, **more})

    return make
