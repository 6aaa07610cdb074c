"""Distinguishes public hosts from those of the cluster, the VPC and the agent's own pod.

https://www.iana.org/assignments/iana-ipv4-special-registry
https://www.iana.org/assignments/iana-ipv6-special-registry
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Policy = Callable[[IPv4Address | IPv6Address], bool]
"""Decides whether an address is allowed."""

# Listed explicitly, because `is_global` differs between Python versions.
_SPECIAL_V4: Final = tuple(
    IPv4Network(network) for network in ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")
)
# Only this part of IPv6 is assigned to hosts. IPv4-mapped, NAT64 and site-local addresses are outside of it.
_UNICAST_V6: Final = IPv6Network("2000::/3")
# Tunnels to any IPv4 address, and addresses for documentation.
_SPECIAL_V6: Final = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))

# `inet_aton` parses a host that ends in a number as an IPv4 address: decimal, octal, hexadecimal, or with omitted
# parts.
# https://url.spec.whatwg.org/#ends-in-a-number-checker
_ENDS_IN_NUMBER: Final = re.compile(r"(?:^|\.)(?:\d+|0[xX][0-9a-fA-F]*)\.?$")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is public."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address in _UNICAST_V6 and not any(address in network for network in _SPECIAL_V6)


def is_allowed_host(host: str, is_allowed: Policy = is_public) -> bool:
    """Whether a link may use a host: an allowed address, or a name. Its addresses are checked after DNS resolution.

    Args:
        host: the host of a link, without brackets.
        is_allowed: decides whether an address is allowed.
    """
    try:
        return is_allowed(ip_address(host))
    except ValueError:
        return _ENDS_IN_NUMBER.search(host) is None
