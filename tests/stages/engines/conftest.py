"""Servers for engines behind endpoints."""

import pytest

from tests.support.answering_server import Server


@pytest.fixture
def serve():
    servers = []

    def start(reply):
        servers.append(Server(reply))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
