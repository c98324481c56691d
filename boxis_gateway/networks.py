"""Addresses of clients: which networks they are in, and whose they are behind a proxy."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
ONE_SITE = 64  # bits of an IPv6 address that are its owner's; the others they choose at will


@lru_cache(maxsize=1024)
def parse_networks(text: str) -> Networks:
    """Networks that stand between commas or blanks, such as `192.0.2.0/24, 2001:db8::/32`; an
    address is a network of one. Raises ValueError."""
    return tuple(ip_network(word) for word in text.replace(",", " ").split())


@lru_cache(maxsize=4096)
def is_within(address: str, networks: str) -> bool:
    """Whether the address is in one of the networks, which may be `any` or `none`; what is no
    address is in `any` alone."""
    if networks in ("any", "none"):
        return networks == "any"
    known = _address(address)
    return known is not None and any(known in network for network in parse_networks(networks))


@lru_cache(maxsize=4096)
def client_network(address: str) -> str:
    """What is counted for an address: itself, or of an IPv6 address the network of its owner."""
    known = _address(address)
    if isinstance(known, IPv6Address):
        return str(ip_network((known, ONE_SITE), strict=False))
    return str(known or address)


def client_address(peer: str, forwarded: str, trusted: str) -> str:
    """Who asks, if the connection comes from `peer` with this `X-Forwarded-For`: each proxy adds
    behind what it was told the one that it was asked by, so what stands before the first that is
    not `trusted` may be invented. What is no address ends the search.

    >>> client_address("127.0.0.1", "198.51.100.1, 192.0.2.7", "127.0.0.1")
    '192.0.2.7'
    """
    client = peer
    for said in reversed(forwarded.split(",") if forwarded else ()):
        if not is_within(client, trusted):
            break
        known = _address(_without_port(said.strip()))
        if known is None:
            break
        client = str(known)
    return client


def _without_port(said: str) -> str:
    if said.startswith("["):
        return said[1:].partition("]")[0]
    return said.partition(":")[0] if said.count(":") == 1 else said


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
