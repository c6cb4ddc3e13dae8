"""Moving an alias: from where to where is planned once, so that a resumed run never moves it twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ropeway.journal import Effect
from ropeway.stages.context import Context


@dataclass(frozen=True, slots=True)
class AliasMove:
    """None: the alias did not exist, or shall not exist."""

    model: str
    alias: str
    before: int | None
    after: int | None


def move_alias(context: Context, model: str, alias: str, version: int) -> AliasMove:
    """Let the alias name this version. Raises Conflict when somebody moved it meanwhile."""

    def plan() -> AliasMove:
        return AliasMove(model, alias, context.site.registry.aliases(model).get(alias), version)

    return _move(context, alias, plan)


def keep_alias(context: Context, model: str, kept: str, alias: str, version: int) -> int | None:
    """Before `alias` moves to this version, let `kept` name what it names now: the version that is replaced, if any.

    When `alias` has moved already (by an attempt that failed later), `kept` stays, and what it names was replaced.
    """

    def plan() -> AliasMove:
        aliases = context.site.registry.aliases(model)
        now, before = aliases.get(alias), aliases.get(kept)
        return AliasMove(model, kept, before, before if now in (None, version) else now)

    move = _move(context, kept, plan)
    return move.after if move.after != version else None


def drop_alias(context: Context, model: str, alias: str, version: int) -> AliasMove:
    """Take the alias away if it names this version; leave it where it names another."""

    def plan() -> AliasMove:
        now = context.site.registry.aliases(model).get(alias)
        return AliasMove(model, alias, now, None if now == version else now)

    return _move(context, alias, plan)


def _move(context: Context, alias: str, plan: Callable[[], AliasMove]) -> AliasMove:
    registry = context.site.registry

    def find(move: AliasMove) -> AliasMove | None:
        return move if registry.aliases(move.model).get(move.alias) == move.after else None

    def do(move: AliasMove) -> AliasMove:
        registry.set_alias(move.model, move.alias, move.after, move.before)
        return move

    return context.perform(
        Effect(name=f"alias-{alias}", plan=plan, find=find, do=do, plan_kind=AliasMove, record_kind=AliasMove)
    )


@dataclass(frozen=True, slots=True)
class StageMirror:
    model: str
    production: int
    archived: int | None


def mirror_stages(context: Context, model: str, production: int, archived: int | None) -> None:
    """Old-style stages, for tools that still read them, where the server has any."""
    registry = context.site.registry

    def do(plan: StageMirror) -> StageMirror:
        if plan.archived is not None:
            registry.mirror_stage(plan.model, plan.archived, "Archived")
        registry.mirror_stage(plan.model, plan.production, "Production")
        return plan

    context.perform(
        Effect(
            name="mirror-stages",
            plan=lambda: StageMirror(model, production, archived),
            find=lambda _: None,
            do=do,
            plan_kind=StageMirror,
            record_kind=StageMirror,
        )
    )
