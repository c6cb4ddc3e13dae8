"""Start, stop and look at what a site embeds: its services, and the supervisor of its endpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ropeway.config import Site
from ropeway.embedded import site as embedded
from ropeway.embedded.folder import SiteFolder, write
from ropeway.embedded.site import ServiceState
from ropeway.supervise import supervisor_service


def up(site: Site, progress: Callable[[str], None], *, new_ports: bool = False) -> Sequence[ServiceState]:
    """Start what is not running, in the site's own folder; twice is once. Every service's state."""
    folder = SiteFolder.named(site.name)
    folder.create()
    write(folder.path / "site.json", site.model_dump_json(by_alias=True, exclude_none=True))
    extra = (supervisor_service(folder),) if site.serving.kind == "local" else ()
    embedded.up(folder, progress, extra, new_ports=new_ports)
    return embedded.state(folder)


def down(site: Site, progress: Callable[[str], None]) -> None:
    """Stop the site's services, the replicas first; their data stay."""
    embedded.down(SiteFolder.named(site.name), progress)


def states(site: Site) -> Sequence[ServiceState]:
    return embedded.state(SiteFolder.named(site.name))
