"""A site that serves, started once for all tests that ask for it, and endpoints on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ropeway.adapters.local.serving import LocalServing
from ropeway.embedded.folder import SiteFolder
from ropeway.interfaces.serving import EndpointSpec, RevisionSpec
from tests.contract.serving_site import Site, applied, endpoint, revision


@pytest.fixture(scope="session")
def serving_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = SiteFolder(tmp_path_factory.mktemp("serving") / "sites" / "serving")
    folder.create()
    started = Site(folder)
    try:
        started.start_supervisor()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def serving(serving_site: Site) -> LocalServing:
    return serving_site.serving()


@pytest.fixture(scope="session")
def old(serving_site: Site) -> RevisionSpec:
    return revision("toy", serving_site.publish("toy", words="old"), 1)


@pytest.fixture(scope="session")
def new(serving_site: Site) -> RevisionSpec:
    return revision("toy", serving_site.publish("toy", words="new"), 2)


@pytest.fixture(scope="session")
def toy(serving: LocalServing, old: RevisionSpec) -> EndpointSpec:
    """An endpoint that is there for all tests that leave it as it is."""
    return applied(serving, endpoint("toy", old))


@pytest.fixture
def own(serving: LocalServing, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an endpoint for one test."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    yield name
    serving.delete(name, 1000)
