"""Certificates, under the names of the original."""

from ._certificates import (
    Certificate,
    CertificateBuilder,
    InvalidVersion,
    load_pem_x509_certificates,
    random_serial_number,
)
from ._extensions import (
    AuthorityKeyIdentifier,
    BasicConstraints,
    DuplicateExtension,
    ExtendedKeyUsage,
    Extension,
    ExtensionNotFound,
    Extensions,
    ExtensionType,
    KeyUsage,
    SubjectAlternativeName,
    SubjectKeyIdentifier,
    UnrecognizedExtension,
)
from ._general_names import (
    DNSName,
    GeneralName,
    IPAddress,
    RFC822Name,
    UniformResourceIdentifier,
    UnsupportedGeneralNameType,
)
from ._names import Name, NameAttribute
from .oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

__all__ = [
    "AuthorityKeyIdentifier",
    "BasicConstraints",
    "Certificate",
    "CertificateBuilder",
    "DNSName",
    "DuplicateExtension",
    "ExtendedKeyUsage",
    "ExtendedKeyUsageOID",
    "Extension",
    "ExtensionNotFound",
    "ExtensionType",
    "Extensions",
    "GeneralName",
    "IPAddress",
    "InvalidVersion",
    "KeyUsage",
    "Name",
    "NameAttribute",
    "NameOID",
    "ObjectIdentifier",
    "RFC822Name",
    "SubjectAlternativeName",
    "SubjectKeyIdentifier",
    "UniformResourceIdentifier",
    "UnrecognizedExtension",
    "UnsupportedGeneralNameType",
    "load_pem_x509_certificates",
    "random_serial_number",
]
