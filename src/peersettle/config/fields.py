"""What the sections of the settings share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict

from peersettle.errors import InvalidField
from peersettle.types import address


def _is_address(value: str) -> str:
    try:
        return address(value)
    except InvalidField as error:
        raise ValueError(error.values["rule"]) from None


CheckedAddress = Annotated[str, AfterValidator(_is_address)]
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


def data_directory() -> Path:
    """Where keys and the record of trades are kept by default."""
    return Path(platformdirs.user_data_dir("peersettle", appauthor=False))


def state_directory() -> Path:
    """Where long-running programs remember what they did: our development chain, what a reporter has signed."""
    return Path(platformdirs.user_state_dir("peersettle", appauthor=False))


class Section(BaseModel):
    """One table of the file. A key that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
