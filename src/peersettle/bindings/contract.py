"""What every wrapper of a contract does: encode its calls, and ask its views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from peersettle.bindings.multicall import Question
from peersettle.chain.artifacts import artifact
from peersettle.chain.calls import Call
from peersettle.errors import NotDeployed
from peersettle.types import Address

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId, Chain
    from peersettle.chain.deployments import Deployment


class Contract:
    """One contract at an address. A subclass names its artifact, and the field of the deployment that says where."""

    name: ClassVar[str]
    field: ClassVar[str]

    def __init__(self, chain: Chain, deployment: Deployment | Address) -> None:
        self._chain = chain
        self._functions = artifact(self.name).functions
        self.address: Final = deployment if isinstance(deployment, str) else self._home(deployment)

    @classmethod
    def _home(cls, deployment: Deployment) -> Address:
        found: Address | None = getattr(deployment, cls.field)
        if found is None:
            raise NotDeployed(
                f"chain {deployment.chain_id} has no {cls.name} on record; run `peersettle margin deploy`",
                chain_id=deployment.chain_id,
            )
        return found

    def question(self, name: str, *arguments: object) -> Question:
        """A view as a question for `ask`."""
        function = self._functions[name]
        return Question(self.address, function.encode(*arguments), function)

    def _call(self, name: str, *arguments: object, what: str) -> Call:
        return Call(self.address, self._functions[name].encode(*arguments), what=what)

    def _view(self, name: str, *arguments: object, at: BlockId = "latest") -> tuple[Any, ...]:
        function = self._functions[name]
        return function.decode(self._chain.call(self.address, function.encode(*arguments), at=at))
