"""Credentials of NATS in its decentralised form: an operator, an account and a user, each an
Ed25519 key, with the JWTs that one signs for the other. The openssl program does the signing."""

import base64
import binascii
import hashlib
import json
import time

from .certificates import openssl

_PREFIXES = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
_SEED = 18 << 3
_RAW_BYTES = 32  # at the end of a key in DER
_CREDENTIALS = """-----BEGIN NATS USER JWT-----
{jwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{seed}
------END USER NKEY SEED------
"""
_NO_LIMIT = {name: -1 for name in ("subs", "data", "payload", "imports", "exports", "conn", "leaf")}


def _text(raw):
    """Bytes as NATS writes keys: with a checksum, in base 32."""
    checksum = binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(raw + checksum).decode().rstrip("=")


def _base64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class _Key:
    """A key in a folder, and its two texts."""

    def __init__(self, folder, kind):
        self.kind, self.file = kind, folder / f"{kind}.pem"
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.file)
        prefix = _PREFIXES[kind]
        secret = openssl("pkey", "-in", self.file, "-outform", "DER")[-_RAW_BYTES:]
        public = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")[-_RAW_BYTES:]
        self.public = _text(bytes([prefix]) + public)
        self.seed = _text(bytes([_SEED | prefix >> 5, (prefix & 31) << 3]) + secret)

    def claim(self, subject, **more):
        """A JWT about another key."""
        claims = {"iat": int(time.time()), "iss": self.public, "name": subject.kind,
                  "sub": subject.public, "nats": {"type": subject.kind, "version": 2, **more}}
        claims["jti"] = _text(hashlib.sha256(json.dumps(claims).encode()).digest())
        parts = ({"typ": "JWT", "alg": "ed25519-nkey"}, claims)
        signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        unsigned_file = self.file.with_suffix(".claim")
        unsigned_file.write_text(signed)
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", unsigned_file)
        return f"{signed}.{_base64(signature)}"


def make_credentials(folder):
    """Writes user.creds into a folder; lines for a server that knows its operator and account."""
    operator, account, user = (_Key(folder, kind) for kind in _PREFIXES)
    (folder / "user.creds").write_text(_CREDENTIALS.format(
        jwt=account.claim(user, subs=-1, data=-1, payload=-1, pub={}, sub={}), seed=user.seed))
    known = operator.claim(account, limits={**_NO_LIMIT, "wildcards": True})
    return (f'operator: "{operator.claim(operator)}"\nresolver: MEMORY\n'
            f'resolver_preload: {{ {account.public}: "{known}" }}\n')
