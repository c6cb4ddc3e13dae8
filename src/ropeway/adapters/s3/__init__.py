"""Sealed models in any object store that speaks S3."""

from ropeway.adapters.s3.connection import Credentials, Options
from ropeway.adapters.s3.store import S3Store

__all__ = ["Credentials", "Options", "S3Store"]
