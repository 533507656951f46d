"""Settings: from `PEERSETTLE__A__B`, then the configuration file, then the defaults, in this order."""

from peersettle.config.fields import CheckedAddress, Section, UserPath, data_directory, state_directory
from peersettle.config.keeper import KeeperSettings
from peersettle.config.network import NetworkSettings
from peersettle.config.oracle import (
    AggregatorSource,
    CrossSource,
    FeedSettings,
    HttpSource,
    OracleSettings,
    PoolSource,
    PresetSource,
    ReplaySource,
    SourceSettings,
    SurfaceSettings,
)
from peersettle.config.settings import (
    CONFIG_NAME,
    CONFIG_VARIABLE,
    PREFIX,
    ChainSettings,
    DefaultSettings,
    Loaded,
    PathSettings,
    Setting,
    Settings,
    SignerSettings,
    config_path,
    load_settings,
    mask_url,
    parse_duration,
)

__all__ = [
    "Settings",
    "Loaded",
    "Setting",
    "load_settings",
    "config_path",
    # sections
    "ChainSettings",
    "PathSettings",
    "SignerSettings",
    "DefaultSettings",
    "OracleSettings",
    "KeeperSettings",
    "NetworkSettings",
    "FeedSettings",
    "SurfaceSettings",
    "SourceSettings",
    "PresetSource",
    "HttpSource",
    "AggregatorSource",
    "PoolSource",
    "ReplaySource",
    "CrossSource",
    "Section",
    # values
    "CheckedAddress",
    "UserPath",
    "data_directory",
    "state_directory",
    "parse_duration",
    "mask_url",
    "PREFIX",
    "CONFIG_VARIABLE",
    "CONFIG_NAME",
]
