"""The agent on a host, here or behind ssh: brought there, started, asked; jobs through it."""

from ropeway.remote.host import AgentHost, local_host
from ropeway.remote.process import Launch

__all__ = ["AgentHost", "Launch", "local_host"]
