"""What is made sure of before a server listens: that it is known who asks, or does not matter."""

import ipaddress
import logging
from collections.abc import Sequence

from bentoml.exceptions import BentoMLConfigException

from framework.access.key_file import KeyFileError, read_key_file
from serving.ports import Listener, address
from serving.settings import Settings
from serving.settings.spelling import PREFIX

logger = logging.getLogger("bentoml.serving")

_REMEDY = (
    f"{PREFIX}KEYS=FILE wants keys of them (`python -m security create-key`, docs/security.md)"
)


def require_known_callers(settings: Settings, listeners: Sequence[Listener]) -> None:
    """Makes sure that a server is locked, stays on this machine, or is open on purpose.

    Raises:
        BentoMLConfigException: It would be open to other machines, or the key file cannot be used.
    """
    if settings.keys is not None:
        try:
            read_key_file(settings.keys)
        except KeyFileError as error:
            raise BentoMLConfigException(f"{PREFIX}KEYS: {error}") from None
    exposed = [one for one in listeners if not _is_loopback(one.host)]
    if exposed and settings.is_loopback_only:
        raise BentoMLConfigException(
            f"Anybody could ask this server everything ({_told(exposed)}): {_REMEDY}, and "
            f"{PREFIX}OPEN=true allows it."
        )


def tell_if_open(settings: Settings, listeners: Sequence[Listener]) -> None:
    """Says in the log that a server is open, if it is."""
    if not settings.is_locked:
        told = _told(listeners)
        logger.warning("Anybody may ask this server everything (%s): %s.", told, _REMEDY)


def _told(listeners: Sequence[Listener]) -> str:
    return ", ".join(f"{one.protocol} on {address(one.host, one.port)}" for one in listeners)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
