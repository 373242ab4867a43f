"""Who renders a batch: processes of this machine, or a Dask cluster.

The whole of an engine is a `concurrent.futures.Executor`, opened when it is needed and closed when
the work is done or one of its processes has died.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from lofigen_kit.batch.worker import begin
from lofigen_kit.errors import InputError
from lofigen_kit.runtime.workers import make_pool

RETRIES = 3


class BatchExecutor(Protocol):
    """Who does the work."""

    @property
    def name(self) -> str:
        """What the manifest calls it."""

    @property
    def workers(self) -> int:
        """How many there are, as far as that is known."""

    def open(self) -> AbstractContextManager[Executor]:
        """Return workers that are ready."""


@dataclass(frozen=True)
class LocalExecutor:
    """Processes of this machine.

    Attributes:
        workers: How many.
        plugin_dir: The user's plugins.
    """

    workers: int
    plugin_dir: Path | None = None
    name: str = "local"

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Yield processes that were begun afresh."""
        workshop = make_pool(self.workers, begin, (self.plugin_dir,))
        try:
            yield workshop
        finally:
            workshop.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class DaskExecutor:
    """Workers of a Dask scheduler: one that runs already, or one begun here, on loopback alone.

    Dask's messages are pickles: whoever may talk to its scheduler may run what he likes. So an
    address that is not of this machine has to be `tls://`, or the user has to say `--insecure`.

    Attributes:
        workers: How many to begin; those of a scheduler that runs are as many as they are.
        address: `tcp://host:8786` or `tls://host:8786`; None begins a cluster.
        gpu: Ask for a worker's resource `GPU`, of which each take needs one.
        tls: Files: `ca_file`, `cert` and `key`.
        insecure: Talk to another machine in the clear.
    """

    workers: int
    address: str | None = None
    gpu: bool = False
    tls: dict[str, str] | None = None
    insecure: bool = False
    name: str = "dask"

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Yield the workers of a scheduler; what a dead one did is done again by another."""
        distributed = _distributed()
        with _client(distributed, self) as client:
            resources = {"GPU": 1} if self.gpu else None
            yield client.get_executor(pure=False, retries=RETRIES, resources=resources)


def check_address(address: str, *, insecure: bool, certified: bool = False) -> None:
    """Refuse an address to which nothing should be sent in the clear.

    Args:
        address: Of a scheduler.
        insecure: Whether the user allows it.
        certified: Whether there are certificates.

    Raises:
        InputError: unless it is of this machine, the user has allowed it, or it is `tls://` and
            there are certificates.
    """
    parts = urlsplit(address if "//" in address else f"tcp://{address}")
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        raise InputError(
            f"{address!r} is no address", where="--address", remedy="write tcp://host:8786"
        )
    if parts.scheme == "tls" and not certified:
        raise InputError(
            f"{address} wants certificates",
            where="--address",
            remedy="name them: --tls-ca, --tls-cert and --tls-key",
        )
    if parts.scheme == "tcp" and not insecure and not _is_loopback(parts.hostname):
        raise InputError(
            f"{address} would be talked to in the clear, and whoever listens there may run code",
            where="--address",
            remedy="use tls:// with --tls-ca, --tls-cert and --tls-key, or say --insecure",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _client(distributed: Any, engine: DaskExecutor) -> Iterator[Any]:
    security = None
    if engine.tls:
        security = distributed.Security(
            tls_ca_file=engine.tls.get("ca_file"),
            tls_client_cert=engine.tls.get("cert"),
            tls_client_key=engine.tls.get("key"),
            require_encryption=True,
        )
    if engine.address is None:
        with (
            distributed.LocalCluster(
                n_workers=engine.workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(engine.address, security=security, timeout="10s")
    except (OSError, TimeoutError, TypeError, ValueError) as error:
        raise InputError(
            f"no scheduler answers ({str(error)[:200]})", where=engine.address, remedy="start one"
        ) from None
    with client:
        yield client


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise InputError(
            "Dask is not installed", where="--engine", remedy="pip install 'lofigen-kit[dask]'"
        ) from None
    return distributed
