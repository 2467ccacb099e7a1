"""Real proxies in front of a broker: nginx and HAProxy, each a process of its own."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .broker import answers, wait_until

_NGINX = """daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
{user}
{modules}
events {{ worker_connections 64; }}
{body}
"""
_HTTP = """http {{
    access_log off;
    client_body_temp_path {dir}/tmp;
    proxy_temp_path {dir}/tmp;
    fastcgi_temp_path {dir}/tmp;
    uwsgi_temp_path {dir}/tmp;
    scgi_temp_path {dir}/tmp;
    proxy_http_version 1.1;
    server {{
        listen 127.0.0.1:{port}{tls};
        {locations}
    }}
}}
"""
_UPGRADE = """proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $host;"""
_STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
_HAPROXY = """global
    maxconn 100
defaults
    mode tcp
    timeout connect 10s
    timeout client 1m
    timeout server 1m
"""


class Proxy:
    """A proxy process with a folder of its own; it runs when its ports answer."""

    def __init__(self, ports):
        self.folder = Path(tempfile.mkdtemp(prefix="darter-proxy-"))
        (self.folder / "tmp").mkdir()
        self.ports, self.process = ports, None

    def run(self, *command):
        """Starts it, and waits until it serves."""
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for port in self.ports:
            wait_until(lambda p=port: self._alive() and answers(p), f"proxy port {port}")
        return self

    def _alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.process.args} ended with {self.process.returncode}:\n"
                                 + self.process.stderr.read().decode(errors="replace"))
        return True

    def close(self):
        """Ends the process and removes its folder."""
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _nginx(proxy, body, modules=""):
    user = "user root;" if os.geteuid() == 0 else ""
    config = proxy.folder / "nginx.conf"
    config.write_text(_NGINX.format(dir=proxy.folder, user=user, modules=modules, body=body))
    return proxy.run("/usr/sbin/nginx", "-e", proxy.folder / "error.log", "-c", config)


def nginx_http(port, tls=None, **locations):
    """nginx on `port`; a location is a name and the directives in it, proxy_pass among them. `tls`:
    the files of its certificate and key."""
    proxy = Proxy([port])
    secure = f" ssl; ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]}" if tls else ""
    text = "".join(f"location /{name} {{ {_UPGRADE}\n{lines} }}\n"
                   for name, lines in locations.items())
    return _nginx(proxy, _HTTP.format(dir=proxy.folder, port=port, tls=secure, locations=text))


def nginx_stream(port, to):
    """nginx that passes connections on to a port, behind a PROXY header of version 1."""
    body = (f"stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:{to}; "
            "proxy_protocol on; } }")
    return _nginx(Proxy([port]), body, f"load_module {_STREAM_MODULE};")


def haproxy(**servers):
    """HAProxy; a server is a name and (port, further words of bind, port of the broker, words)."""
    proxy = Proxy([port for port, *_ in servers.values()])
    text = _HAPROXY
    for name, (port, bind, to, words) in servers.items():
        text += (f"listen {name}\n    bind 127.0.0.1:{port} {bind}\n"
                 f"    server broker 127.0.0.1:{to} {words}\n")
    config = proxy.folder / "haproxy.cfg"
    config.write_text(text)
    return proxy.run("/usr/sbin/haproxy", "-db", "-f", config)
