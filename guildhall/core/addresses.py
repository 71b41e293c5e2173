"""Where a request came from: the client's IP address, behind proxies too, and the network it is counted with.

Invariant: what `client_address` returns is an IP address in its normal form (or empty), never text that the client made
up, so that it may stand in a log line and a cache key. `core/tests/test_addresses.py` fails without it.
"""

from __future__ import annotations

import ipaddress
import re

from django.conf import settings
from django.http import HttpRequest

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[\d.]+):\d+", re.ASCII)


def client_address(request: HttpRequest) -> str:
    """Return the client's IP address; empty where the server does not know one (a unix socket).

    Behind `TRUSTED_PROXIES` proxies it is the entry of X-Forwarded-For that the outermost trusted proxy added. Entries
    further left are the client's own claims and are never read, nor is the header at all with `TRUSTED_PROXIES` 0.
    """
    hops = settings.TRUSTED_PROXIES
    if hops:
        header = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
        forwarded = [part.strip() for part in header.split(",") if part.strip()]
        if len(forwarded) >= hops and (found := _normal(forwarded[-hops])):
            return found
    return _normal(str(request.META.get("REMOTE_ADDR", "")))


def address_group(address: str) -> str:
    """Return the network that `address` is counted with: an IPv6 /64, which is one customer's to choose from, else itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False))


def _normal(text: str) -> str:
    """Return `text` as an IP address in its normal form, without port, brackets and zone; empty if it is none."""
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port["v6"] or with_port["v4"]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)
