"""The store of sealed models on S3: `ropeway.interfaces.store` says what each call promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from ropeway.adapters.s3 import fence, layout, named, objects, publishing, uploads
from ropeway.adapters.s3.connection import Connection, Credentials, Options
from ropeway.adapters.s3.damage import find_damage
from ropeway.adapters.s3.signing import sign
from ropeway.errors import NotFound, UnexpectedReply
from ropeway.interfaces.store import Damage, ETag, Part, SignedPart, StoredModel
from ropeway.names import Digest, Key, digest, is_name
from ropeway_agent.manifest import NAME, Manifest, ManifestError, parse

_DEFAULT = Options()


class S3Store:
    """`endpoints`: the store's URL by vantage point: `controller`, and `cluster` for the URLs that `sign` makes.

    Without credentials botocore looks for some where it always does. Nothing is asked before the first call.
    """

    def __init__(
        self,
        endpoints: Mapping[str, str],
        bucket: str,
        region: str,
        credentials: Credentials | None = None,
        options: Options = _DEFAULT,
    ) -> None:
        self._connection = Connection(endpoints, bucket, region, credentials, options)

    @property
    def address(self) -> str:
        return self._connection.endpoint()

    def uri(self, model: str, digest: Digest) -> str:
        return f"s3://{self._connection.bucket}/{layout.prefix(model, digest)}"

    def manifest(self, model: str, digest: Digest) -> Manifest | None:
        doing = f"reading the manifest of {model}"
        found = objects.small(self._connection, doing, layout.prefix(model, digest) + NAME)
        if found is None:
            return None
        try:
            manifest = parse(found[1])
        except ManifestError as error:
            raise UnexpectedReply(f"{doing} {digest}: {error}") from error
        if manifest.digest != digest:
            raise UnexpectedReply(f"{doing} {digest}: it was changed in the store, its digest is {manifest.digest}")
        return manifest

    def reserve(self, model: str, digest: Digest, files: Mapping[str, bytes]) -> None:
        prefix = layout.prefix(model, digest)
        if self.manifest(model, digest) is None:
            publishing.place_stand_ins(self._connection, f"reserving the place of {model}", prefix, files)

    def missing(self, key: Key, model: str, manifest: Manifest, check: bool = False) -> Sequence[Part]:
        of = digest(manifest.digest)
        layout.refuse_paths(entry.path for entry in manifest.files)
        if self._stands(model, of, check):
            return []
        doing = f"looking what the store has of {model}"
        fence.begin_push(self._connection, doing, key, model, of)
        return publishing.missing(self._connection, doing, layout.prefix(model, of), manifest)

    def sign(self, model: str, digest: Digest, parts: Sequence[Part], lifetime: timedelta) -> Sequence[SignedPart]:
        return sign(self._connection, layout.prefix(model, digest), parts, lifetime)

    def publish(self, key: Key, model: str, manifest: Manifest, check: bool = False) -> StoredModel:
        of = digest(manifest.digest)
        doing, prefix = f"publishing {model}", layout.prefix(model, of)
        if not self._stands(model, of, check):
            fence.begin_push(self._connection, doing, key, model, of)
            publishing.complete(self._connection, doing, prefix, manifest)
            publishing.write_manifest(self._connection, doing, prefix, manifest)
            uploads.sweep(self._connection, doing, prefix)
        fence.end_push(self._connection, doing, key, model, of)
        return self._stored(model, of, manifest)

    def damage(self, model: str, digest: Digest, deep: bool = False) -> Sequence[Damage]:
        manifest = self.manifest(model, digest)
        if manifest is None:
            raise NotFound(f"checking {model}: {self.uri(model, digest)} is not complete", "ropeway sync")
        return find_damage(self._connection, f"checking {model}", layout.prefix(model, digest), manifest, deep)

    def fetch(self, model: str, digest: Digest, path: str, start: int, size: int) -> Iterator[bytes]:
        return objects.read(self._connection, f"reading {path}", layout.prefix(model, digest) + path, start, size)

    def models(self, model: str | None = None) -> Iterator[StoredModel]:
        names = [layout.name(model)] if model is not None else list(self._folders(""))
        for name in filter(is_name, names):
            for folder in self._folders(f"{name}/"):
                found = self._complete(name, folder)
                if found is not None:
                    yield found

    def remove(self, model: str, digest: Digest) -> None:
        doing, prefix, connection = f"removing {model}", layout.prefix(model, digest), self._connection
        fence.begin_removal(connection, doing, model, digest)
        objects.remove(connection, doing, [prefix + NAME])
        beside = layout.provenance(model, digest)
        for place in (prefix, beside):
            objects.remove(connection, doing, [place + path for path in objects.sizes(connection, doing, place)])
        uploads.sweep(connection, doing, prefix)
        fence.end_removal(connection, doing, model, digest)

    def note(self, model: str, digest: Digest, key: Key, body: bytes) -> None:
        place = f"{layout.provenance(model, digest)}{layout.checked_key(key)}.json"
        self._connection.call(f"noting the origin of {model}", "put_object", Key=place, Body=body)

    def look(self, name: str) -> tuple[ETag, bytes] | None:
        return named.look(self._connection, name)

    def swap(self, name: str, expected: ETag | None, body: bytes | None) -> ETag | None:
        return named.swap(self._connection, name, expected, body)

    def _stands(self, model: str, digest: Digest, check: bool) -> bool:
        # Read even when it shall not be believed: SeaweedFS makes a bucket that is only written to.
        return self.manifest(model, digest) is not None and not check

    def _stored(self, model: str, digest: Digest, manifest: Manifest) -> StoredModel:
        return StoredModel(model, digest, self.uri(model, digest), manifest.size, len(manifest.files))

    def _folders(self, prefix: str) -> Iterator[str]:
        return objects.folders(self._connection, "listing models", prefix)

    def _complete(self, model: str, folder: str) -> StoredModel | None:
        """None for what is no model, or is not whole: a manifest that was tampered with makes none."""
        if not layout.is_digest(folder):
            return None
        of = Digest(folder)
        try:
            manifest = self.manifest(model, of)
        except UnexpectedReply:
            return None
        return self._stored(model, of, manifest) if manifest else None
