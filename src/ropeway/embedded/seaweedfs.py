"""The site's object store: SeaweedFS, all its parts in one process (`weed mini`), one bucket."""

from __future__ import annotations

import functools
import hashlib
import hmac
import http.client
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ropeway.embedded import tools
from ropeway.embedded.ports import WantedPort
from ropeway.embedded.service import Health, Launch, Ports, Program, Progress, Service

if TYPE_CHECKING:
    from ropeway.embedded.folder import SiteFolder

BUCKET = "models"
ACCESS_KEY, SECRET_KEY, INTERNAL_KEY = "store-access-key", "store-secret-key", "store-internal-key"

GRPC = 10000
"""SeaweedFS serves gRPC at each port plus this; its admin part insists on that distance."""

MEMORY_LIMIT = "512MiB"
"""Where Go's collector starts to work harder. Measured over uploads of 270 MB: 390 MB resident and back to 220 after
four idle minutes; without a limit 1 GB, which stays; with 256 MiB the same uploads cost twice the CPU time."""

SOCKET_PATH_LIMIT = 108
"""Bytes in the path of a Unix socket on Linux, with the zero at its end."""

PROBE = f"/{BUCKET}/.ropeway/ready"
"""Written and read back at each start: the health page answers before the volumes do."""


def service(folder: SiteFolder) -> Service:
    """The store of this site; its credentials are made the first time."""
    return Service(
        name="store",
        install=install,
        launch=functools.partial(launch, folder),
        ports={
            "main": _port(8333),
            "master": _port(9333),
            "volume": _port(9340),
            "filer": _port(8888),
            "admin": _port(9646),
        },
        health=Health("main", "/healthz"),
        ready=functools.partial(ready, folder),
        grace=timedelta(seconds=60),
    )


def install(progress: Progress) -> Program:
    return Program(tools.ensure("weed", progress), tools.known()["weed"].version)


def launch(folder: SiteFolder, program: Program, ports: Ports) -> Launch:
    home = folder.part("store")
    access, secret, internal = (folder.secret(name).read_text() for name in (ACCESS_KEY, SECRET_KEY, INTERNAL_KEY))
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "AWS_ACCESS_KEY_ID": access,
        "AWS_SECRET_ACCESS_KEY": secret,
        "GOMEMLIMIT": MEMORY_LIMIT,
        **_internal_keys(internal),
    }
    return Launch(command(program.path, home, ports), environment, folders=(home / "data",))


def command(weed: Path, home: Path, ports: Ports) -> tuple[str, ...]:
    """The command line: everything on the loopback address, nothing that the site does not use, no reports home."""
    parts = ("master", "volume", "filer", "admin")
    return (
        str(weed), "-logtostderr=true", "mini", f"-dir={home / 'data'}", f"-bucket={BUCKET}",
        "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={ports['main']}",
        *(f"-{part}.port={ports[part]}" for part in parts), *_local_sockets(home),
        "-master.telemetry=false", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
        # What it would remember makes it refuse writes for 15 s after most starts, to wait for other machines.
        "-master.resumeState=false",
        # Without this, master and filer take orders from anyone: one GET to the master deletes the bucket's
        # data, and any web page open in a browser here can send one.
        "-disableHttp=true",
    )  # fmt: skip


def _local_sockets(home: Path) -> tuple[str, ...]:
    # In /tmp by default, and left there. A path that is too long for a socket stays there.
    paths = {part: home / f"{part}.sock" for part in ("filer", "s3")}
    return tuple(f"-{part}.localSocket={path}" for part, path in paths.items() if len(str(path)) < SOCKET_PATH_LIMIT)


def _internal_keys(internal: str) -> dict[str, str]:
    # The parts prove themselves to each other by these: no one can write to a volume past the S3 interface.
    names = ("JWT_SIGNING_KEY", "JWT_SIGNING_READ_KEY", "JWT_FILER_SIGNING_KEY", "JWT_FILER_SIGNING_READ_KEY")
    return {f"WEED_{n}": hmac.new(internal.encode(), n.encode(), hashlib.sha256).hexdigest() for n in names}


def ready(folder: SiteFolder, ports: Ports) -> bool:
    """Whether an object that is written can be read back, with the site's credentials."""
    address = f"127.0.0.1:{ports['main']}"
    return _signed(folder, "PUT", address, b"ready")[0] == 200 and _signed(folder, "GET", address) == (200, b"ready")


def _signed(folder: SiteFolder, method: str, address: str, body: bytes = b"") -> tuple[int, bytes]:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method=method, url=f"http://{address}{PROBE}", data=body)
    credentials = Credentials(*(folder.secret(name).read_text() for name in (ACCESS_KEY, SECRET_KEY)))
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request(method, PROBE, body, dict(request.headers.items()))
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def _port(number: int) -> WantedPort:
    return WantedPort(number, companion=GRPC, blocked=_stale_socket)


def _stale_socket(port: int) -> bool:
    # weed keeps a Unix socket per port in /tmp. One that another user's killed weed left there cannot be
    # removed by us, and weed then waits for ever.
    left = Path("/tmp").glob(f"seaweedfs-*-{port + GRPC}.sock")  # noqa: S108
    return any(path.lstat().st_uid != os.geteuid() for path in left)
