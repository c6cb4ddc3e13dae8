"""The site file: where to do it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from ropeway.config.pipeline import Name, Section
from ropeway.config.units import Secret

EMBEDDED = "embedded"
"""Address of a service that `ropeway up` starts; its port is chosen then."""


def _without_credentials(value: str) -> str:
    if "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError("an address with a name and a password in it: give them by reference, beside it")
    return value


Url = Annotated[str, AfterValidator(_without_credentials)]


class Address(Section):
    """The same service as seen from three places, where these differ."""

    controller: Url
    cluster: Url
    pods: Url


def _everywhere(value: object) -> object:
    return {"controller": value, "cluster": value, "pods": value} if isinstance(value, str) else value


Addresses = Annotated[Address, BeforeValidator(_everywhere)]
"""One URL for everybody, or one a vantage point."""


class LocalScheduler(Section):
    """Jobs are processes of this machine."""

    kind: Literal["local"]
    directory: str | None = None
    """Where jobs keep their files, an absolute path; a folder of the site when left out."""

    @field_validator("directory")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError(f"{value!r} is not an absolute path")
        return value


class MlflowRegistry(Section):
    kind: Literal["mlflow"]
    uri: Addresses
    """`embedded`, a URL, or one URL a vantage point."""
    username: Secret | None = None
    password: Secret | None = None


class S3Store(Section):
    kind: Literal["s3"]
    endpoint: Addresses
    """`embedded`, a URL, or one URL a vantage point."""
    bucket: str = Field("models", min_length=3)
    region: str = "us-east-1"
    access_key: Secret | None = None
    secret_key: Secret | None = None


class LocalServing(Section):
    """Replicas are processes of this machine behind a gateway, kept up by the site's supervisor."""

    kind: Literal["local"]
    gateway: Url = EMBEDDED


class PrometheusMetrics(Section):
    kind: Literal["prometheus"]
    uri: Url


class LocalMetrics(Section):
    """Counts that the site's supervisor keeps, where no Prometheus is."""

    kind: Literal["local"]


class Site(Section):
    """Where to do it: who runs jobs, numbers models, keeps them, serves them and measures."""

    name: Name
    scheduler: LocalScheduler
    registry: MlflowRegistry
    store: S3Store
    serving: LocalServing
    metrics: Annotated[PrometheusMetrics | LocalMetrics, Field(discriminator="kind")]

    @property
    def embedded(self) -> bool:
        """Whether any part of it has an address that `ropeway up` chooses."""
        metrics = self.metrics.uri if self.metrics.kind == "prometheus" else None
        return EMBEDDED in (self.registry.uri.controller, self.store.endpoint.controller, self.serving.gateway, metrics)
