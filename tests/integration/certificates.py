# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made with the openssl program."""

import shutil
import ssl
import subprocess

import pytest


class Authority:
    """A CA in FOLDER that signs for servers and senders."""

    def __init__(self, folder, name="authority"):
        if shutil.which("openssl") is None:
            pytest.fail("the openssl program is needed to make certificates")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.name = name
        self.file = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-keyout", self.key, "-out", self.file, "-days", "30", "-subj", f"/CN={name}",
                  "-addext", "basicConstraints=critical,CA:TRUE")
        self.count = 0

    def _run(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True,
                              check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    def issue(self, name="localhost"):
        """(certificate, key): files of a new one for NAME."""
        self.count += 1
        stem = self.folder / f"{self.name}-{name}-{self.count}"
        request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        certificate, key = stem.with_suffix(".pem"), stem.with_suffix(".key")
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        self._run("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key,
                  "-CAcreateserial", "-days", "30", "-out", certificate, "-extfile", extensions)
        key.chmod(0o600)
        return certificate, key

    def client(self, identity=None, alpn=None):
        """What a sender that trusts this CA needs; IDENTITY is from issue()."""
        context = ssl.create_default_context(cafile=self.file)
        if identity is not None:
            context.load_cert_chain(*identity)
        if alpn is not None:
            context.set_alpn_protocols(alpn)
        return context
