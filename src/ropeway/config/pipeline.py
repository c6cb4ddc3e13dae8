"""The pipeline file: what to do."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ropeway.config.units import Bound, Duration, Percent, Size, duration
from ropeway.names import is_name

STAGES = ("train", "evaluate", "register", "sync", "deploy", "verify", "promote")


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"{text!r} is no name: use a-z, 0-9 and '-', at most 50 characters, no '-' at either end")
    return text


Name = Annotated[str, AfterValidator(_name), Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$")]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Resources(Section):
    """What a job asks of the scheduler."""

    cpus: int = Field(1, ge=1)
    memory: Size | None = None
    """Memory of the whole job; the job is ended when it takes more."""
    gpus: int = Field(0, ge=0)
    time: Duration | None = None
    """The job is ended after this time."""


class JobSection(Section):
    command: str = Field(min_length=1)
    """A line for bash, run in the recipe's folder (docs/recipes.md lists its variables)."""
    environment: str = "training"
    """A Python environment: the name of one that Ropeway brings, or the absolute path of a virtual environment."""
    resources: Resources = Resources()
    variables: dict[str, str] = {}
    """More variables for the command. No secrets."""


class Train(JobSection):
    recipe: str
    """A folder with training and evaluation code: beside this file, beside its parent, or one that Ropeway brings."""
    seed: int | None = None


class Evaluate(JobSection):
    require: dict[str, Bound] = {}
    """What the evaluated model must reach, by metric; it is not registered otherwise."""


class Register(Section):
    model: Name
    """The registered model's name."""
    experiment: str | None = None
    """The experiment that the tracking run belongs to; the model's name when left out."""
    tags: dict[str, str] = {}


class Sync(Section):
    patience: Duration = duration("2min")
    """How long no byte may arrive at the store before the run is paused."""


class Replicas(Section):
    min: int = Field(1, ge=1)
    max: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is below min ({self.min})")
        return self


class Deploy(Section):
    endpoint: Name
    replicas: Replicas = Replicas()
    ready_within: Duration = duration("5min")
    """A revision that is not ready by then is taken away."""


class Verify(Section):
    examples: str = Field("examples.json", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")
    """Requests with recorded answers, among evaluate's results."""
    latency_p95: Duration | None = None
    """Bound on the 95th percentile of the latency of single requests through the gateway."""
    requests: int = Field(200, ge=20)
    """How many requests the latency is taken from."""


class Rollout(Section):
    steps: tuple[Percent, ...] = (10, 50, 100)
    hold: Duration = duration("30s")
    """How long each step is watched before it is judged."""
    not_judged: Literal["replay", "wait", "pass"] = "replay"
    """When too few requests came to judge: send verify's examples (if there are any), wait on, or go on unjudged."""
    min_requests: int = Field(20, ge=1)
    """Fewer requests than this at the new revision are too few to judge."""
    max_error_rate: float = Field(0.01, ge=0, le=1)
    """Largest share of failed requests by which the new revision may be worse than the old one."""
    max_latency_ratio: float = Field(2.0, gt=0)
    """Largest ratio of the P95 latencies, new to old, once both have had 100 requests; below 10 ms nothing counts."""
    keep: Duration = duration("10min")
    """How long the old revision stays ready at weight 0: a rollback within this time takes seconds."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.steps) != sorted(set(self.steps)) or self.steps[-1:] != (100,) or self.steps[0] == 0:
            raise ValueError("steps must rise and end at 100")
        return self


class Promote(Section):
    alias: Name = "production"
    rollout: Rollout = Rollout()


class Pipeline(Section):
    """What to do: stages in their order. A stage that is left out, and those after it, are not run."""

    name: Name
    train: Train | None = None
    evaluate: Evaluate | None = None
    register_: Register | None = Field(None, alias="register")
    sync: Sync | None = None
    deploy: Deploy | None = None
    verify: Verify | None = None
    promote: Promote | None = None

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages that this pipeline has, in order."""
        present = {"register": self.register_ is not None}
        return tuple(s for s in STAGES if present.get(s, getattr(self, s, None) is not None))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for stage, needed in (
            ("sync", "register"),
            ("deploy", "sync"),
            ("verify", "deploy"),
            ("promote", "verify"),
        ):
            if stage in self.stages and needed not in self.stages:
                raise ValueError(f"the stage {stage} needs the stage {needed}: add `{needed}: {{…}}`")
        return self
