"""What the agent's tests share: a server that keeps the contract, quick options, and a real Mosquitto."""

import random

import pytest
from contract_server import ContractServer
from mosquitto_server import BINARY, HINT
from mqtt_server import broker_process
from scripted_link import Network
from workloads import OPTIONS, QUICK

from agent.agent import Agent
from agent.client import JobsClient


@pytest.fixture
async def server():
    return ContractServer()


@pytest.fixture
async def network(server):
    return Network(server)


@pytest.fixture
async def client(network):
    """A client that is attached to a scripted link."""
    client = JobsClient("t1", patience=QUICK)
    async with network.connect(client.receive) as link:
        await client.attach(link)
        yield client
        client.detach()


@pytest.fixture
def make_agent(network):
    """Build agents on the scripted network; ``events`` collects what they tell."""

    def make(journal=None, options=OPTIONS):
        events = []
        agent = Agent(
            "t1",
            network.connect,
            journal=journal,
            options=options,
            observer=events.append,
            rng=random.Random(1),
        )
        agent.events = events
        return agent

    return make


@pytest.fixture(scope="session")
def mosquitto(requirement, tmp_path_factory):
    """The port of a real Mosquitto that lets everybody in."""
    requirement("mosquitto", BINARY, HINT)
    with broker_process(tmp_path_factory.mktemp("mosquitto")) as port:
        yield port
