"""Settings: from `PEERSETTLE__A__B`, then the configuration file, then the defaults, in this order.

The file is TOML: the one named with `--config` or `PEERSETTLE_CONFIG`, else `./peersettle.toml`, else
`config.toml` in the user's configuration directory. A key that is not known is an error that names it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from peersettle.config.fields import CheckedAddress, Section, UserPath, data_directory, state_directory
from peersettle.config.keeper import KeeperSettings
from peersettle.config.making import MakingSettings
from peersettle.config.network import NetworkSettings
from peersettle.config.node import NodeSettings
from peersettle.config.oracle import OracleSettings
from peersettle.errors import ConfigError, InvalidField
from peersettle.types import Address

PREFIX: Final = "PEERSETTLE__"
CONFIG_VARIABLE: Final = "PEERSETTLE_CONFIG"
CONFIG_NAME: Final = "peersettle.toml"


class ChainSettings(Section):
    """Which chain, seconds to wait for an answer and for finality, depths in place of the chain's tags."""

    url: str = "http://127.0.0.1:8545"
    expected_id: int | None = Field(default=None, gt=0)
    timeout: float = Field(default=10.0, gt=0)
    patience: float = Field(default=600.0, gt=0)
    safe_depth: int | None = Field(default=None, ge=0)
    finalized_depth: int | None = Field(default=None, ge=0)

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if "://" in value and urlsplit(value).scheme not in ("http", "https", "ws", "wss", "ipc"):
            raise ValueError("give an http://, https://, ws:// or wss:// URL, or the path of an IPC socket")
        return value


class PathSettings(Section):
    """Where files are. The record of trades is a SQLite file or, with `://`, a database URL."""

    store: str = Field(default_factory=lambda: str(data_directory() / "peersettle.db"))
    keystore: UserPath = Field(default_factory=lambda: data_directory() / "keystore")
    deployments: UserPath = Path("deployments")
    state: UserPath = Field(default_factory=state_directory)


class SignerSettings(Section):
    """Who signs when no `--key` is given."""

    kind: Literal["keystore", "environment", "remote"] = "keystore"
    name: str | None = None
    variable: str = "PEERSETTLE_KEY"
    url: str | None = None
    address: CheckedAddress | None = None
    timeout: float = Field(default=60.0, gt=0)
    password_file: UserPath | None = None


class DefaultSettings(Section):
    """What a command assumes when it is not told."""

    quote_life: str = "10m"
    wait: Literal["included", "safe", "finalized"] = "included"

    @field_validator("quote_life")
    @classmethod
    def _life(cls, value: str) -> str:
        try:
            parse_duration(value, "quote_life")
        except InvalidField as error:
            raise ValueError(error.values["rule"]) from None
        return value


class Settings(BaseSettings):
    """The whole configuration. Build it with `load_settings`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    chain: ChainSettings = Field(default_factory=ChainSettings)
    paths: PathSettings = Field(default_factory=PathSettings)
    signer: SignerSettings = Field(default_factory=SignerSettings)
    defaults: DefaultSettings = Field(default_factory=DefaultSettings)
    oracle: OracleSettings = Field(default_factory=OracleSettings)
    keeper: KeeperSettings = Field(default_factory=KeeperSettings)
    network: NetworkSettings = Field(default_factory=NetworkSettings)
    making: MakingSettings = Field(default_factory=MakingSettings)
    node: NodeSettings = Field(default_factory=NodeSettings)
    tokens: dict[int, dict[str, CheckedAddress]] = Field(default_factory=dict)
    """Token addresses by chain id and symbol."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` passes, so that it knows where each value is from."""
        return (init_settings,)

    def tokens_on(self, chain_id: int) -> dict[str, Address]:
        """The named tokens of one chain."""
        return {symbol: Address(token) for symbol, token in self.tokens.get(chain_id, {}).items()}


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value, fit to be shown, and where it is from."""

    name: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and the places that they are from."""

    settings: Settings
    path: Path | None
    origins: Mapping[str, str]

    def describe(self) -> Iterator[Setting]:
        """Every effective value with its source; what may be a secret is masked."""
        for name, value in _flat(self.settings.model_dump(mode="json")):
            yield Setting(name, _masked(value), self.origins.get(name.lower(), "default"))


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings.

    Raises:
        ConfigError: the named file is missing or no TOML, a key is unknown, or a value does not fit.
    """
    environment = os.environ if environ is None else environ
    file = config_path(path, environment)
    from_file = _read_toml(file) if file else {}
    from_environment = _read_environment(environment)
    try:
        settings = Settings(**_merged(from_file, from_environment))
    except ValidationError as error:
        raise _explained(error, file) from None
    origins = {name.lower(): str(file) for name, _ in _flat(from_file)}
    for name, _ in _flat(from_environment):
        origins[name.lower()] = PREFIX + name.upper().replace(".", "__")
    return Loaded(settings, file, origins)


def config_path(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file in use: the first that is named, else the first that exists.

    Raises:
        ConfigError: a named file does not exist.
    """
    named = path or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named:
        if not named.is_file():
            raise ConfigError(f"there is no configuration file {named}", path=str(named))
        return named
    usual = (
        Path(CONFIG_NAME),
        Path(platformdirs.user_config_dir("peersettle", appauthor=False)) / "config.toml",
    )
    return next((candidate for candidate in usual if candidate.is_file()), None)


def parse_duration(text: str, field: str = "duration") -> int:
    """Seconds, from a whole number with s, m, h or d.

    Raises:
        InvalidField: anything else, or zero.
    """
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and int(number) > 0 and unit in seconds):
        raise InvalidField(field, text, "give a whole number with s, m, h or d, such as 10m")
    return int(number) * seconds[unit]


def mask_url(url: str) -> str:
    """A URL without what may be secret: credentials, path and query, where providers put their keys."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    user = "***@" if parts.username or parts.password else ""
    rest = "/***" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{user}{host}{port}{rest}" if host else f"{parts.scheme}://***"


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    return mask_url(value) if isinstance(value, str) and "://" in value else value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", path=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}", path=str(path)) from None


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    ours = {name: value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    for name in ours:
        section = name[len(PREFIX) :].split("__")[0].lower()
        if section not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            raise ConfigError(f"{name} sets {section!r}, which does not exist; there is {known}", key=section)
    source = EnvSettingsSource(Settings, env_prefix=PREFIX, env_nested_delimiter="__", env_parse_none_str="")
    source.env_vars = {name.lower(): value for name, value in ours.items()}
    try:
        return source()
    except ValueError as error:
        raise ConfigError(f"the environment cannot be read: {error}") from None


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = dict(below)
    spelling = {str(key).lower(): key for key in below}  # the environment knows no case
    for name, value in above.items():
        key = spelling.get(name.lower(), name)
        old = both.get(key)
        both[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _explained(error: ValidationError, file: Path | None) -> ConfigError:
    lines, keys = [], []
    for item in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in item["loc"])
        unknown = item["type"] == "extra_forbidden"
        said = "is not a setting" if unknown else item["msg"].removeprefix("Value error, ")
        lines.append(f"{key}: {said}")
        keys.append(key)
    where = f" ({file} and the environment)" if file else " (the environment)"
    return ConfigError(f"the configuration cannot be used{where}: {'; '.join(lines)}", keys=keys)
