"""The table `[node]`: where a node's local API listens, and who may use it."""

from __future__ import annotations

import ipaddress
from typing import Self

from pydantic import Field, model_validator

from peersettle.config.fields import Section, UserPath


class NodeSettings(Section):
    """What `peersettle node` and `peersettle make` offer to programs of this machine."""

    listen: str = "127.0.0.1:9480"
    allow_remote: bool = False
    """Listen on an address that other machines reach, too. Whoever has the token there trades for you."""
    token_file: UserPath | None = None
    """Holds what a program must say to be let in; without it, `node.token` in `paths.state`."""
    open_metrics: bool = False
    """`/v1/metrics` without a token, for a Prometheus that cannot send one."""
    sub_account: int = Field(default=0, ge=0, lt=2**95)
    """Of our margin account, for the positions that we trade."""
    request_life: int = Field(default=30, gt=0, le=86_400)
    """Seconds within which makers answer, where a request does not say."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise ValueError("listen: give HOST:PORT, as 127.0.0.1:9480")
        if not self.allow_remote and not is_loopback(self.address[0]):
            raise ValueError(f"listen: other machines reach {host}; set node.allow_remote = true if that is meant")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def url(self) -> str:
        """Where programs of this machine find it."""
        host, port = self.address
        if host in ("0.0.0.0", "::"):
            host = "127.0.0.1"
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, which no other reaches."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
