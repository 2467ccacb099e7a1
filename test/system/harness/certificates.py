"""Certificates for tests, made with the openssl program: authorities, servers, clients."""

import functools
import multiprocessing.util
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

_CONFIG = """
[ca]
default_ca = test
[test]
database = {dir}/index
new_certs_dir = {dir}
serial = {dir}/serial
crlnumber = {dir}/crlnumber
certificate = {dir}/ca.crt
private_key = {dir}/ca.key
default_md = sha256
default_days = 60
default_crl_days = 30
policy = any
unique_subject = no
[any]
organizationName = optional
commonName = optional
"""
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments, stdin=None):
    """Runs openssl and returns what it printed."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True,
                          check=False, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def asn1_time(days):
    """So many days from now, as openssl ca has it."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))


class Authority:
    """An authority in a folder of its own: ca.crt, ca.key, and what it issues beside them."""

    def __init__(self, folder, subject, issuer=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.config = self.folder / "openssl.conf"
        self.config.write_text(_CONFIG.format(dir=self.folder))
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "crlnumber").write_text("01\n")
        if issuer:
            issuer.issue("sub", subject, extensions="basicConstraints=critical,CA:TRUE\n")
            for end in ("crt", "key"):
                shutil.copy(issuer.path("sub." + end), self.path("ca." + end))
        else:
            openssl("req", "-x509", *_NEW_KEY, "-subj", subject, "-days", "90",
                    "-keyout", self.path("ca.key"), "-out", self.path("ca.crt"))

    def path(self, name):
        """A file of this authority."""
        return self.folder / name

    def issue(self, name, subject, host=None, begins=-1, ends=60, extensions=""):
        """Makes NAME.crt and NAME.key; `host` is its subjectAltName, times are days from now."""
        request = self.path(name + ".csr")
        openssl("req", "-new", *_NEW_KEY, "-subj", subject, "-keyout", self.path(name + ".key"),
                "-out", request)
        self.path(name + ".key").chmod(0o600)
        text = extensions + (f"subjectAltName={host}\n" if host else "")
        self.path(name + ".ext").write_text(text)
        openssl("ca", "-batch", "-notext", "-config", self.config, "-in", request,
                "-out", self.path(name + ".crt"), "-extfile", self.path(name + ".ext"),
                "-startdate", asn1_time(begins), "-enddate", asn1_time(ends))

    def revoke(self, name):
        """Takes a certificate back; crl() says so."""
        openssl("ca", "-config", self.config, "-revoke", self.path(name + ".crt"))

    def crl(self, name="ca.crl"):
        """Writes the revocation list as it is now, and returns its path."""
        openssl("ca", "-config", self.config, "-gencrl", "-out", self.path(name))
        return self.path(name)

    def ocsp(self, name):
        """Writes the OCSP response about a certificate, and returns its path."""
        request, response = self.path(name + ".req"), self.path(name + ".ocsp")
        openssl("ocsp", "-issuer", self.path("ca.crt"), "-cert", self.path(name + ".crt"),
                "-reqout", request, "-no_nonce")
        openssl("ocsp", "-index", self.path("index"), "-rsigner", self.path("ca.crt"),
                "-rkey", self.path("ca.key"), "-CA", self.path("ca.crt"), "-reqin", request,
                "-respout", response, "-ndays", "3")
        return response


def scratch_folder():
    """A folder that goes when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="darter-certs-"))
    folder.chmod(0o755)
    multiprocessing.util.Finalize(None, shutil.rmtree, (folder, True), exitpriority=1)
    return folder


@functools.cache
def authority():
    """The authority that most tests share, and do not change: once for each process."""
    made = Authority(scratch_folder() / "ca", "/CN=Test CA")
    made.issue("server", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")
    made.issue("second", "/CN=second", "DNS:second.test,DNS:*.second.test")
    made.issue("soon", "/CN=localhost", "DNS:localhost", ends=5)
    made.issue("client", "/O=Firm, Ltd/CN=ann")
    made.issue("other", "/CN=bob")
    made.issue("expired", "/CN=old", begins=-9, ends=-2)
    made.issue("revoked", "/CN=lost")
    made.revoke("revoked")
    made.crl()
    made.ocsp("server")
    return made


@functools.cache
def stranger():
    """An authority that no broker trusts."""
    made = Authority(scratch_folder() / "ca", "/CN=Stranger")
    made.issue("client", "/O=Firm, Ltd/CN=ann")
    made.issue("server", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")
    return made


@functools.cache
def intermediate():
    """An authority below the common one; chain.crt is a server's certificate with its own."""
    made = Authority(scratch_folder() / "sub", "/CN=Intermediate", authority())
    made.issue("server", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")
    chain = made.path("server.crt").read_text() + made.path("ca.crt").read_text()
    made.path("chain.crt").write_text(chain)
    return made


def server_lines(name="server", ca=None):
    """certfile and keyfile of a server."""
    made = ca or authority()
    return f"certfile {made.path(name + '.crt')}\nkeyfile {made.path(name + '.key')}\n"
