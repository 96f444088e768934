"""The workers of a Dask cluster: how they are reached, and what is said where they are not."""

import socket
from typing import Any
from urllib.parse import urlsplit

from hmesh.environment.errors import InputError, Problem

CONNECT_S = 10.0
PLACE = "--scheduler"
_ADDRESS = "the address that dask scheduler prints, such as tcp://node1:8786"


def connected(address: str) -> Any:
    """Return a client of a Dask cluster that has workers.

    Parameters
    ----------
    address : str
        Address of its scheduler, such as "tcp://node1:8786".

    Raises
    ------
    InputError
        When Dask is not installed, the address is none, nobody answers there, or there is no
        worker.
    """
    try:
        from distributed import Client
    except ImportError:
        remedy = "install hMESH with its extra: pip install 'hmesh[cluster]'"
        raise InputError([Problem(PLACE, f"Dask is not installed; {remedy}")]) from None
    _check_address(address)
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise _no_answer(address, error) from None
    try:
        if not client.nthreads():
            client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        client.close()
        message = f"the scheduler at {address} has no worker"
        raise InputError([Problem(PLACE, message, "dask worker ADDRESS")]) from None
    return client


def _check_address(address: str) -> None:
    """Raise where an address is none, or nobody listens there."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("tcp", "tls", "ws", "wss"):
        return  # left to Dask, whose plugins may bring others
    if not host or not port:
        message = f"{address!r} is no address of a Dask scheduler"
        raise InputError([Problem(PLACE, message, _ADDRESS)])
    try:
        # Dask tries again and again for minutes where nobody listens.
        socket.create_connection((host, port), CONNECT_S).close()
    except (OSError, UnicodeError) as error:
        raise _no_answer(address, error) from None


def _no_answer(address: str, error: Exception) -> InputError:
    message = f"no Dask scheduler answers at {address} ({error})"
    return InputError([Problem(PLACE, message, _ADDRESS)])
