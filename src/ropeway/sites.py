"""A site by its name or file, with the addresses of what `ropeway up` started filled in."""

from __future__ import annotations

import os
from pathlib import Path

from ropeway import wiring
from ropeway.bundled import bundled
from ropeway.config import Site, load_site, parse_site
from ropeway.config.site import EMBEDDED, Address, LocalMetrics, PrometheusMetrics
from ropeway.config.units import SecretRef
from ropeway.embedded.folder import SiteFolder
from ropeway.embedded.site import Addresses, addresses
from ropeway.errors import ConfigError, NotFound, Unavailable
from ropeway.names import is_name
from ropeway.stages.context import Connections

DEFAULT = "one-machine"


def find_site(site: Site | Path | str | None = None) -> Site:
    """A site that was read already, a file, or the name of one that Ropeway brings or `up` has started.

    By default `$ROPEWAY_SITE`, else `one-machine`. Raises ConfigError.
    """
    if isinstance(site, Site):
        return site
    name = str(site or os.environ.get("ROPEWAY_SITE") or DEFAULT)
    if not is_name(name):
        return load_site(Path(name))
    started = SiteFolder.named(name).path / "site.json"
    if started.is_file():
        return parse_site(started.read_text(encoding="utf-8"), str(started))
    try:
        return load_site(bundled(f"sites/{name}.yaml"))
    except NotFound as error:
        raise ConfigError(f"looking for the site {name!r}: Ropeway brings none of this name", "ropeway init") from error


def connect(site: Site) -> Connections:
    """The site's parts, ready to be called. Raises Unavailable when what is embedded has not been started."""
    folder = SiteFolder.named(site.name)
    return wiring.connect(resolved(site), folder.path)


def resolved(site: Site) -> Site:
    """The site with real addresses in the place of `embedded`."""
    if not site.embedded:
        return site
    found = addresses(SiteFolder.named(site.name))
    if found is None:
        raise Unavailable(f"using the site {site.name}: its services have not been started", "ropeway up")
    return fill_in(site, found)


def fill_in(site: Site, found: Addresses) -> Site:
    registry = site.registry.model_copy(update={"uri": _address(site.registry.uri, found.registry)})
    store = site.store.model_copy(update={"endpoint": _address(site.store.endpoint, found.store)})
    if site.store.endpoint.controller == EMBEDDED:
        keys = {"access_key": SecretRef(found.access_key), "secret_key": SecretRef(found.secret_key)}
        store = store.model_copy(update=keys)
    serving = site.serving
    if serving.gateway == EMBEDDED:
        serving = serving.model_copy(update={"gateway": found.gateway})
    metrics: PrometheusMetrics | LocalMetrics = site.metrics
    if metrics.kind == "prometheus" and metrics.uri == EMBEDDED:
        metrics = (
            PrometheusMetrics(kind="prometheus", uri=found.metrics) if found.metrics else LocalMetrics(kind="local")
        )
    return site.model_copy(update={"registry": registry, "store": store, "serving": serving, "metrics": metrics})


def _address(address: Address, found: str) -> Address:
    places = {place: found if value == EMBEDDED else value for place, value in address.model_dump().items()}
    return Address(**places)
