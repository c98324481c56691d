"""One table of options. The class below is the table: name, type, default, unit, help.

From it come the environment variables, the options of the command line, what `doctor` shows, the
table of docs/settings.md (`settings_table`) and, for those marked `per_account`, the options that
`account set` takes. A value is looked for on the command line, then in the environment, then here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.setting_kinds import (
    Parse,
    any_text,
    counters_place,
    network_list,
    one_of,
    origin_list,
    port_or,
    rate_list,
    some_text,
    whole_number,
    yes_or_no,
    zone_name,
)

ENVIRONMENT_PREFIX = "BOXIS_GATEWAY_"
PASSWORD = re.compile(r"(://[^:/@\s]*:)\S*(?=@)|(password *= *)(?:'[^']*'|[^&\s]+)")


def option(
    default: Any,
    parse: Parse,
    help: str,
    *,
    unit: str = "",
    per_account: bool = False,
    secret: bool = False,
) -> Any:
    """A row of the table. What may hold a secret is not shown, but for its default."""
    facts = {"parse": parse, "help": help, "unit": unit, "per_account": per_account}
    return field(default=default, metadata={**facts, "secret": secret})


@dataclass(frozen=True, eq=False)
class Settings:
    """All that can be set. The order is that of docs/settings.md. Two are the same if they are
    one object: each request looks some up by others."""

    database_url: str = option(
        "sqlite:///boxis_gateway.db",
        some_text,
        "Where the store is: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/DATABASE`.",
        secret=True,
    )
    replica_urls: str = option(
        "none",
        some_text,
        "Servers that follow that one, with blanks between: histories are read there, too.",
        secret=True,
    )
    replica_lag_seconds: int = option(
        5,
        whole_number(1, 3600),
        "How far a replica may be behind; beyond, it is not asked.",
        unit="seconds",
    )
    secret_key_file: str = option(
        "",
        any_text,
        "Where the key to the secrets is; by default in the store's file + `.key`.",
    )
    host: str = option("127.0.0.1", some_text, "Address that `serve` listens on.")
    port: int = option(8080, whole_number(0, 65535), "Port that `serve` listens on; 0 picks one.")
    workers: int = option(2, whole_number(1, 256), "Server processes.", unit="processes")
    shutdown_seconds: int = option(
        30, whole_number(1, 3600), "How long a stopping server finishes answers.", unit="seconds"
    )
    max_body_bytes: int = option(
        1_048_576, whole_number(1024, 1 << 30), "Largest request body.", unit="bytes"
    )
    timezone: str = option(
        "UTC", zone_name, "Zone of the dates on the wire and in imported files.", per_account=True
    )
    timestamp_window_seconds: int = option(
        300,
        whole_number(5, 86_400),
        "How far a request's `timestamp` may be off, either way.",
        unit="seconds",
        per_account=True,
    )
    history_key: str = option(
        "senders",
        one_of("senders", "history", "both"),
        "Key of the list in the JSON answer of `getHistory`: `senders`, `history` or `both`.",
        per_account=True,
    )
    history_status_fields: bool = option(
        False,
        yes_or_no,
        "Add `sms_id` and `status_date` to the rows of `getHistory`.",
        per_account=True,
    )
    keep_texts_days: int = option(
        0,
        whole_number(0, 36_500),
        "How long `prune` leaves texts; 0 is for ever.",
        unit="days",
        per_account=True,
    )
    keep_messages_days: int = option(
        0,
        whole_number(0, 36_500),
        "How long `prune` leaves messages; 0 is for ever.",
        unit="days",
        per_account=True,
    )
    trusted_proxies: str = option(
        "none",
        network_list,
        "Proxies whose `X-Forwarded-For` is believed, such as `127.0.0.1, 10.0.0.0/8`.",
    )
    networks: str = option(
        "any",
        network_list,
        "Where the account may ask from, such as `192.0.2.0/24, 2001:db8::7`.",
        per_account=True,
    )
    account_rate: str = option(
        "off",
        rate_list,
        "How often an account or employee may ask, such as `20/second;600/minute`.",
        per_account=True,
    )
    address_rate: str = option("off", rate_list, "How often may be asked from one address.")
    server_rate: str = option("off", rate_list, "How often may be asked in all.")
    counters: str = option(
        "memory",
        counters_place,
        "Where is counted: `memory` of this machine, or `redis://HOST:PORT/NUMBER`.",
        secret=True,
    )
    free_failures: int = option(
        5,
        whole_number(1, 1000),
        "Wrong codes or passwords in a row before the next has to wait.",
    )
    longest_lockout_seconds: int = option(
        900,
        whole_number(0, 86_400),
        "How long that wait grows; 0 is for no wait.",
        unit="seconds",
    )
    replay: str = option(
        "off",
        one_of("off", "warn", "enforce"),
        "What becomes of a request that comes again: `off`, `warn` or `enforce`.",
        per_account=True,
    )
    max_streams: int = option(
        32,
        whole_number(1, 100_000),
        "Long answers that an account may read at the same time, in each server process.",
        per_account=True,
    )
    max_connections: int = option(
        1000,
        whole_number(10, 1_000_000),
        "Connections of a server process; beyond, the one that waits longest is closed.",
    )
    client_seconds: int = option(
        60,
        whole_number(1, 3600),
        "For a client to send a request, or to take the next piece of an answer.",
        unit="seconds",
    )
    answer_seconds: int = option(
        3600, whole_number(1, 86_400), "For a client to take a whole answer.", unit="seconds"
    )
    cors_origins: str = option(
        "none",
        origin_list,
        "Web pages that may use the REST door, such as `https://app.example.com`.",
    )
    token_minutes: int = option(
        15, whole_number(1, 10_080), "How long a token of the REST door lasts.", unit="minutes"
    )
    token_renewal: bool = option(True, yes_or_no, "Whether each use of a token restarts its time.")
    log_level: str = option(
        "info", one_of("debug", "info", "warning", "error"), "Least level that is logged."
    )
    log_format: str = option(
        "readable", one_of("readable", "json"), "How lines of the log look: `readable` or `json`."
    )
    watch_host: str = option("127.0.0.1", some_text, "Address of metrics and health.")
    watch_port: int | str = option(
        9464,
        port_or("same", "off"),
        "Port of metrics and health: 0 picks one, `same` is that of the doors, `off` is none.",
    )
    traces: bool = option(False, yes_or_no, "Spans of requests by OpenTelemetry (extra `traces`).")


OPTIONS: dict[str, Field[Any]] = {row.name: row for row in fields(Settings)}
ACCOUNT_OPTIONS = {name: row for name, row in OPTIONS.items() if row.metadata["per_account"]}


def variable(name: str) -> str:
    """The environment variable of an option."""
    return ENVIRONMENT_PREFIX + name.upper()


def parse_option(name: str, text: str, source: str) -> Any:
    """The value of an option from its text.

    Raises ConfigurationError that names `source` (a variable, a command line option)."""
    facts = OPTIONS[name].metadata
    try:
        return facts["parse"](text)
    except ValueError as problem:
        given = "what it is" if facts["secret"] else repr(text)
        raise ConfigurationError(f"{source} cannot be {given}: {problem}.") from None


def parse_account_option(name: str, text: str) -> Any:
    """The value of an account's own option. Raises ConfigurationError, also for an unknown name."""
    if name not in ACCOUNT_OPTIONS:
        raise ConfigurationError(
            f"There is no account option {name!r}; there are: {', '.join(ACCOUNT_OPTIONS)}."
        )
    return parse_option(name, text, name)


def find_sources(
    given: Mapping[str, str | None], environ: Mapping[str, str] = os.environ
) -> dict[str, tuple[str, str]]:
    """Option name -> (text, where it comes from), for every option that is not left to default."""
    found = {}
    for name in OPTIONS:
        if (text := given.get(name)) is not None:
            found[name] = (text, "--" + name.replace("_", "-"))
        elif (text := environ.get(variable(name))) is not None:
            found[name] = (text, variable(name))
    return found


def load_settings(
    given: Mapping[str, str | None] | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """The settings in force. `given` is what the command line has. Raises ConfigurationError."""
    sources = find_sources(given or {}, environ)
    return Settings(**{name: parse_option(name, *found) for name, found in sources.items()})


def for_account(settings: Settings, options: Mapping[str, str]) -> Settings:
    """The settings in force for an account that has these options of its own, given as texts.

    Raises ConfigurationError if one cannot be used (a zone that is no longer known, say)."""
    return _for_account(settings, tuple(options.items())) if options else settings


def account_value(settings: Settings, options: Mapping[str, str], name: str) -> Any:
    """One of the settings that `for_account` gives, whatever the others are. Raises
    ConfigurationError."""
    text = options.get(name)
    return getattr(settings, name) if text is None else parse_account_option(name, text)


@lru_cache(maxsize=1024)
def _for_account(settings: Settings, options: tuple[tuple[str, str], ...]) -> Settings:
    return replace(settings, **{name: parse_account_option(name, text) for name, text in options})


def shown(value: Any) -> str:
    """A value as it would be typed."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def without_secret(text: str) -> str:
    """URLs without their passwords."""
    return PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", text)


def settings_table() -> str:
    """The table of docs/settings.md, in Markdown."""
    lines = ["| Variable | Default | Unit | What it does | Per account |", "|---|---|---|---|---|"]
    for name, row in OPTIONS.items():
        account = f"`{name}=`" if name in ACCOUNT_OPTIONS else ""
        default = f"`{shown(row.default)}`" if row.default != "" else ""
        facts = row.metadata
        lines.append(
            f"| `{variable(name)}` | {default} | {facts['unit']} | {facts['help']} | {account} |"
        )
    return "\n".join(lines)
