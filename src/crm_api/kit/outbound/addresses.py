"""Which addresses requests of the service may go to: only those that are everybody's."""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The special-purpose registries of IANA and addresses that clouds serve metadata at; of IPv6 all that
# is not 2000::/3, where alone the world is: what is outside of it may carry an IPv4 address, such as
# ::ffff:0:127.0.0.1 and 64:ff9b::127.0.0.1. `is_global` of the standard library lets some through.
_CLOSED: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/3",
            "4000::/2",
            "8000::/1",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "2620:4f:8000::/48",
            "3fff::/20",
        ),
    )
)
PORTS = frozenset({80, 443, 8080, 8443})
"""Where the web is; within networks that are named any port will do."""


class Reach:
    """What may be reached: the world, and the private networks that the installation names."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._named = tuple(ip_network(network) for network in networks)

    def allows(self, address: str, port: int) -> bool:
        """Whether a resolved address is open to requests."""
        if self.names(address, port):
            return True
        found = _plain(address)
        if found is None or port not in PORTS:
            return False
        return not any(found in network for network in _CLOSED)

    def check(self, url: str, *, plain: bool = True) -> None:
        """Raise `ValueError` for a web address that is never asked, whatever its name resolves to.

        Without `plain`, what is outside of the named networks is always encrypted.
        """
        parts = urlsplit(url)
        host, encrypted = parts.hostname or "", parts.scheme == "https"
        if not encrypted and not plain and not self._named:
            raise ValueError("it begins with https://")
        port = parts.port or (443 if encrypted else 80)
        if port not in PORTS and not self._named:
            raise ValueError(f"its port is none of {', '.join(map(str, sorted(PORTS)))}")
        allows = self.allows if encrypted or plain else self.names
        if is_address(host) and not allows(host, port):
            raise ValueError("its address is not on the public internet")

    def names(self, address: str, port: int) -> bool:
        """Whether a resolved address is within the networks that are named, at whatever port."""
        found = _plain(address)
        return port > 0 and found is not None and any(found in network for network in self._named)


def is_address(host: str) -> bool:
    """Whether a host is an address and no name."""
    return _plain(host) is not None


def _plain(address: str) -> Address | None:
    """The address that packets go to: without its zone, and the IPv4 one where it holds one."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found
