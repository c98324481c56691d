"""Settings: one table of name, type, default, unit and help.

The table feeds the environment variables, the options of the command line, `doctor`,
docs/settings.md (`settings_table`) and, for rows marked `per_account`, the options of `account
set`. Precedence: command line, environment, default.
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
    counters_url,
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
KEYS_VARIABLE = ENVIRONMENT_PREFIX + "SECRET_KEYS"  # no setting, since settings are displayed
PASSWORD = re.compile(
    r"(://[^:/@\s]*:)(?:(?!://).)*(?=@)|(password *= *)(?:'[^']*'|(?:(?!&|\s\S+://).)+)"
)


def option(
    default: Any,
    parse: Parse,
    help: str,
    *,
    unit: str = "",
    per_account: bool = False,
    secret: bool = False,
) -> Any:
    """A row of the table. The value of a `secret` row is never shown."""
    facts = {"parse": parse, "help": help, "unit": unit, "per_account": per_account}
    return field(default=default, metadata={**facts, "secret": secret})


@dataclass(frozen=True, eq=False)
class Settings:
    """All settings, in the order of the documents. Compared by identity, so that an instance is a
    quick cache key in each request."""

    database_url: str = option(
        "sqlite:///boxis_gateway.db",
        some_text,
        "URL of the store: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/DATABASE`.",
        secret=True,
    )
    replica_urls: str = option(
        "none",
        some_text,
        "URLs of read replicas, separated by spaces.",
        secret=True,
    )
    replica_lag_seconds: int = option(
        5,
        whole_number(1, 3600),
        "Replication lag beyond which a replica is not used.",
        unit="seconds",
    )
    secret_key_file: str = option(
        "",
        any_text,
        "File with the encryption keys; by default the store's file + `.key`.",
    )
    host: str = option("127.0.0.1", some_text, "Address that `serve` listens on.")
    port: int = option(
        8080, whole_number(0, 65535), "Port that `serve` listens on; 0: any free port."
    )
    workers: int = option(2, whole_number(1, 256), "Number of server processes.", unit="processes")
    shutdown_seconds: int = option(
        30, whole_number(1, 3600), "Grace period of a stopping server.", unit="seconds"
    )
    max_body_bytes: int = option(
        1_048_576, whole_number(1024, 1 << 30), "Largest request body.", unit="bytes"
    )
    timezone: str = option(
        "UTC", zone_name, "Time zone of dates in answers and in imported files.", per_account=True
    )
    timestamp_window_seconds: int = option(
        300,
        whole_number(5, 86_400),
        "Largest difference between a request's `timestamp` and the server's clock.",
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
        "Retention of texts; 0: for ever.",
        unit="days",
        per_account=True,
    )
    keep_messages_days: int = option(
        0,
        whole_number(0, 36_500),
        "Retention of messages; 0: for ever.",
        unit="days",
        per_account=True,
    )
    trusted_proxies: str = option(
        "none",
        network_list,
        "Proxies whose `X-Forwarded-For` is trusted, such as `127.0.0.1, 10.0.0.0/8`.",
    )
    networks: str = option(
        "any",
        network_list,
        "IP allow-list of the account, such as `192.0.2.0/24, 2001:db8::7`.",
        per_account=True,
    )
    account_rate: str = option(
        "off",
        rate_list,
        "Maximum request rate of an account or employee, such as `20/second;600/minute`.",
        per_account=True,
    )
    address_rate: str = option("off", rate_list, "Maximum request rate of one IP address.")
    server_rate: str = option("off", rate_list, "Maximum request rate of the whole server.")
    counters: str = option(
        "memory",
        counters_url,
        "Where rate-limit counters are kept: `memory` or `redis://HOST:PORT/N`.",
        secret=True,
    )
    free_failures: int = option(
        5,
        whole_number(1, 1000),
        "Wrong authcodes or passwords in a row before a lockout.",
    )
    longest_lockout_seconds: int = option(
        900,
        whole_number(0, 86_400),
        "Longest lockout; 0: no lockouts.",
        unit="seconds",
    )
    replay: str = option(
        "off",
        one_of("off", "warn", "enforce"),
        "Replay protection: `off`, `warn` (log only) or `enforce`.",
        per_account=True,
    )
    max_streams: int = option(
        32,
        whole_number(1, 100_000),
        "Concurrent streamed answers (over 300 rows) of an account, or employee, in each server "
        "process.",
        per_account=True,
    )
    max_process_streams: int = option(
        40,
        whole_number(1, 100_000),
        "Concurrent streamed answers of all accounts and employees in each server process.",
    )
    max_connections: int = option(
        1000,
        whole_number(10, 1_000_000),
        "Connections of a process; one more closes the one that is idle longest.",
    )
    client_seconds: int = option(
        60,
        whole_number(1, 3600),
        "Time-out for a client to send a request or to read the next piece of an answer.",
        unit="seconds",
    )
    answer_seconds: int = option(
        3600,
        whole_number(1, 86_400),
        "Time-out for a whole answer: to be ready, or to be read by the client.",
        unit="seconds",
    )
    cors_origins: str = option(
        "none",
        origin_list,
        "Origins of web pages that may use the REST API, such as `https://app.example.com`.",
    )
    token_minutes: int = option(
        15, whole_number(1, 10_080), "Lifetime of a session token of the REST API.", unit="minutes"
    )
    secure_cookies: bool = option(
        True, yes_or_no, "Set the REST API's cookie `Secure`: browsers send it over HTTPS alone."
    )
    token_renewal: bool = option(
        True, yes_or_no, "Extend a session token's lifetime with each use."
    )
    log_level: str = option(
        "info", one_of("debug", "info", "warning", "error"), "Lowest level that is logged."
    )
    log_format: str = option(
        "readable", one_of("readable", "json"), "Format of log lines: `readable` or `json`."
    )
    watch_host: str = option(
        "127.0.0.1", some_text, "Monitoring: address of metrics and health checks."
    )
    watch_port: int | str = option(
        9464,
        port_or("same", "off"),
        "Monitoring: port of metrics and health; 0: any free one, `same`: the API's, `off`: none.",
    )
    traces: bool = option(
        False, yes_or_no, "OpenTelemetry traces of requests (needs the extra `traces`)."
    )


OPTIONS: dict[str, Field[Any]] = {row.name: row for row in fields(Settings)}
ACCOUNT_OPTIONS = {name: row for name, row in OPTIONS.items() if row.metadata["per_account"]}


def variable(name: str) -> str:
    """The environment variable of an option."""
    return ENVIRONMENT_PREFIX + name.upper()


def parse_option(name: str, text: str, source: str) -> Any:
    """The value of an option from its text. Raises ConfigurationError that names `source`, a
    variable or a command line option."""
    facts = OPTIONS[name].metadata
    try:
        return facts["parse"](text)
    except ValueError as problem:
        value = "value hidden" if facts["secret"] else repr(text)
        raise ConfigurationError(f"{source} is not valid ({value}): {problem}.") from None


def parse_account_option(name: str, text: str) -> Any:
    """The value of an account's own option. Raises ConfigurationError, also for an unknown name."""
    if name not in ACCOUNT_OPTIONS:
        raise ConfigurationError(
            f"Unknown account option {name!r}. Options: {', '.join(ACCOUNT_OPTIONS)}."
        )
    return parse_option(name, text, name)


def find_sources(
    given: Mapping[str, str | None], environ: Mapping[str, str] = os.environ
) -> dict[str, tuple[str, str]]:
    """Option name -> (text, source), for every option without its default."""
    sources = {}
    for name in OPTIONS:
        if (text := given.get(name)) is not None:
            sources[name] = (text, "--" + name.replace("_", "-"))
        elif (text := environ.get(variable(name))) is not None:
            sources[name] = (text, variable(name))
    return sources


def load_settings(
    given: Mapping[str, str | None] | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settings in force; `given` comes from the command line. Raises ConfigurationError."""
    sources = find_sources(given or {}, environ)
    return Settings(**{name: parse_option(name, *source) for name, source in sources.items()})


def for_account(settings: Settings, options: Mapping[str, str]) -> Settings:
    """Settings in force for an account with these options, as texts. Raises ConfigurationError,
    e.g. for a zone that the tz database no longer has."""
    return _for_account(settings, tuple(options.items())) if options else settings


def account_value(settings: Settings, options: Mapping[str, str], name: str) -> Any:
    """One setting of an account. Raises ConfigurationError."""
    text = options.get(name)
    return getattr(settings, name) if text is None else parse_account_option(name, text)


@lru_cache(maxsize=1024)
def _for_account(settings: Settings, options: tuple[tuple[str, str], ...]) -> Settings:
    return replace(settings, **{name: parse_account_option(name, text) for name, text in options})


def shown(value: Any) -> str:
    """A value as on the command line."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def without_secret(text: str) -> str:
    """Mask passwords in URLs and in `password=` pairs."""
    return PASSWORD.sub(lambda match: f"{match[1] or match[2]}***", text)


def settings_table() -> str:
    """Markdown table of the settings, for docs/settings.md."""
    lines = ["| Variable | Default | Unit | What it does | Per account |", "|---|---|---|---|---|"]
    for name, row in OPTIONS.items():
        account = f"`{name}=`" if name in ACCOUNT_OPTIONS else ""
        default = f"`{shown(row.default)}`" if row.default != "" else ""
        facts = row.metadata
        lines.append(
            f"| `{variable(name)}` | {default} | {facts['unit']} | {facts['help']} | {account} |"
        )
    return "\n".join(lines)
