"""The executors of a batch: processes on this machine, or a Dask cluster.

Each one opens a `concurrent.futures.Executor`, which is closed when the work is done or when one
of its processes has died.
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

from lofigen_kit.batch.worker import load_worker_plugins
from lofigen_kit.errors import InputError
from lofigen_kit.runtime.workers import make_pool

RETRIES = 3


class BatchExecutor(Protocol):
    """A way to start the workers of a batch."""

    @property
    def name(self) -> str:
        """The name in the manifest."""

    @property
    def workers(self) -> int:
        """The number of workers, as far as it is known."""

    def open(self) -> AbstractContextManager[Executor]:
        """Return an executor with workers that are ready."""


@dataclass(frozen=True)
class LocalExecutor:
    """Processes on this machine.

    Attributes:
        workers: The number of processes.
        plugin_dir: The folder of the user's plugins.
    """

    workers: int
    plugin_dir: Path | None = None
    name: str = "local"

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Yield a pool of new processes."""
        pool = make_pool(self.workers, load_worker_plugins, (self.plugin_dir,))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class DaskExecutor:
    """Workers of a Dask scheduler: a running one, or a new one that listens only on loopback.

    Dask's messages are pickles, so anybody who can connect to a scheduler can run any code. The
    address of another machine must therefore be `tls://`, unless the user gives `--insecure`.

    Attributes:
        workers: The number of workers to start; a running scheduler has its own.
        address: `tcp://host:8786` or `tls://host:8786`; None starts a cluster.
        gpu: Request one worker resource `GPU` for each take.
        tls: Paths of the files `ca_file`, `cert` and `key`.
        insecure: Connect to another machine without TLS.
    """

    workers: int
    address: str | None = None
    gpu: bool = False
    tls: dict[str, str] | None = None
    insecure: bool = False
    name: str = "dask"

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Yield the workers of a scheduler; another worker repeats the work of a dead one."""
        distributed = _import_distributed()
        with _connect(distributed, self) as client:
            resources = {"GPU": 1} if self.gpu else None
            yield client.get_executor(pure=False, retries=RETRIES, resources=resources)


def check_address(address: str, *, insecure: bool, certified: bool = False) -> None:
    """Refuse the address of a scheduler to which a connection would not be safe.

    Args:
        address: The scheduler's address.
        insecure: Whether the user allows a connection without TLS.
        certified: Whether there are TLS certificates.

    Raises:
        InputError: unless the address is on this machine, the user allows it, or it is `tls://`
            and there are certificates.
    """
    parts = urlsplit(address if "//" in address else f"tcp://{address}")
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        raise InputError(
            f"{address!r} is not an address", where="--address", remedy="write tcp://host:8786"
        )
    if parts.scheme == "tls" and not certified:
        raise InputError(
            f"{address} needs certificates",
            where="--address",
            remedy="give --tls-ca, --tls-cert and --tls-key",
        )
    if parts.scheme == "tcp" and not insecure and not _is_loopback(parts.hostname):
        raise InputError(
            f"the connection to {address} would not be encrypted, and others could run code",
            where="--address",
            remedy="use tls:// with --tls-ca, --tls-cert and --tls-key, or add --insecure",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _connect(distributed: Any, executor: DaskExecutor) -> Iterator[Any]:
    security = None
    if executor.tls:
        security = distributed.Security(
            tls_ca_file=executor.tls.get("ca_file"),
            tls_client_cert=executor.tls.get("cert"),
            tls_client_key=executor.tls.get("key"),
            require_encryption=True,
        )
    if executor.address is None:
        with (
            distributed.LocalCluster(
                n_workers=executor.workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(executor.address, security=security, timeout="10s")
    except (OSError, TimeoutError, TypeError, ValueError) as error:
        raise InputError(
            f"no scheduler answers ({str(error)[:200]})",
            where=executor.address,
            remedy="start a Dask scheduler there",
        ) from None
    with client:
        yield client


def _import_distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise InputError(
            "Dask is not installed", where="--engine", remedy="pip install 'lofigen-kit[dask]'"
        ) from None
    return distributed
