"""What the agent's tests share: a server that keeps the contract, quick options, and a real Mosquitto."""

import random

import pytest
from contract_server import ContractServer
from mosquitto_server import BINARY, HINT
from mqtt_server import broker_process
from scripted_link import Network, running
from workloads import OPTIONS, QUICK

from agent.agent import Agent
from agent.client import JobsClient
from agent.handlers.table import equip


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


@pytest.fixture
def worked(make_agent, server):
    """Work one document with the reference handlers; return the execution as it ended."""

    async def work(document, **equipment):
        agent = make_agent()
        equip(agent, **equipment)
        server.create("one", document)
        async with running(agent.run()):
            return await server.ended("one")

    return work


@pytest.fixture
def handlers(tmp_path):
    folder = tmp_path / "handlers"
    folder.mkdir()
    return folder


@pytest.fixture
def log(tmp_path):
    """Where the handlers written by ``script`` note their arguments."""
    return tmp_path / "log"


@pytest.fixture
def script(handlers, log):
    def write(name, body="", mode=0o700):
        path = handlers / name
        path.write_text(f'#!/bin/sh\necho "{name}:$*" >> {log}\n{body}\n')
        path.chmod(mode)
        return path

    return write


@pytest.fixture(scope="session")
def mosquitto(requirement, tmp_path_factory):
    """The port of a real Mosquitto that lets everybody in."""
    requirement("mosquitto", BINARY, HINT)
    with broker_process(tmp_path_factory.mktemp("mosquitto")) as port:
        yield port
