"""Certificates of an authority that only tests trust."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM.

    Attributes:
        certificate: The certificate.
        key: The key, without password.
        serial: Its serial number, as `ssl` tells it.
    """

    certificate: bytes
    key: bytes
    serial: str


class Authority:
    """Signs certificates for the loopback address."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Authority of the tests")
        basic = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = (
            _builder(self._name, self._name, self._key, days=2)
            .add_extension(basic, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self._certificate.public_bytes(Encoding.PEM)

    def write(self, path: Path) -> Path:
        """Writes its own certificate."""
        path.write_bytes(self.pem)
        return path

    def issue(self, name: str = "localhost", days: float = 1) -> Pair:
        """Issues a certificate.

        Args:
            name: Its common name, and one of its alternative ones.
            days: How long it is valid.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name), x509.DNSName("localhost")]
        certificate = (
            _builder(_name(name), self._name, key, days)
            .add_extension(x509.SubjectAlternativeName([*names, _LOOPBACK]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        serial = f"{certificate.serial_number:X}"
        # Whole bytes.
        serial = serial.zfill(len(serial) + len(serial) % 2)
        return Pair(certificate.public_bytes(Encoding.PEM), content, serial)


def mount(folder: Path, pair: Pair) -> tuple[Path, Path]:
    """Writes a pair as Kubernetes mounts a Secret: a link is changed to a new folder.

    Returns:
        Paths of the certificate and of the key, always the same.
    """
    folder.mkdir(exist_ok=True)
    version = folder / f"..{pair.serial}"
    version.mkdir()
    (version / "tls.crt").write_bytes(pair.certificate)
    (version / "tls.key").write_bytes(pair.key)
    link = folder / "..new"
    link.symlink_to(version.name)
    link.replace(folder / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    return folder / "tls.crt", folder / "tls.key"


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: float
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=days))
    )
