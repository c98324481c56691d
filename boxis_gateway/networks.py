"""Client addresses: networks, `X-Forwarded-For` of trusted proxies."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
CLIENT_PREFIX = 64  # bits of an IPv6 address; its owner chooses the others


@lru_cache(maxsize=1024)
def parse_networks(text: str) -> Networks:
    """Parse networks separated by commas or blanks, such as `192.0.2.0/24, 2001:db8::/32`; an
    address is a network of its own. Raises ValueError."""
    return tuple(ip_network(word) for word in text.replace(",", " ").split())


@lru_cache(maxsize=4096)
def is_within(address: str, networks: str) -> bool:
    """True if the address is in one of the networks, or if they are `any` instead of `none`."""
    if networks in ("any", "none"):
        return networks == "any"
    ip = _parse_address(address)
    return ip is not None and any(ip in network for network in parse_networks(networks))


@lru_cache(maxsize=4096)
def client_network(address: str) -> str:
    """The key of a client in limits: its address, or the /64 network of an IPv6 address."""
    ip = _parse_address(address)
    if isinstance(ip, IPv6Address):
        return str(ip_network((ip, CLIENT_PREFIX), strict=False))
    return str(ip or address)


def client_address(peer: str, forwarded: str, trusted: str) -> str:
    """Find the client of a connection from `peer` with this `X-Forwarded-For`.

    Each proxy appends the address that it was called from, so entries before the last one that is
    not `trusted` may be forged.

    >>> client_address("127.0.0.1", "198.51.100.1, 192.0.2.7", "127.0.0.1")
    '192.0.2.7'
    """
    client = peer
    for entry in reversed(forwarded.split(",") if forwarded else ()):
        if not is_within(client, trusted):
            break
        ip = _parse_address(_without_port(entry.strip()))
        if ip is None:
            break
        client = str(ip)
    return client


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _parse_address(text: str) -> IPAddress | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
