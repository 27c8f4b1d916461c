"""Proxies that people put before a server."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from deploy.processes import Child, free_port, wait_until_ready
from tests.tools import require_tool

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    http-reuse always
frontend all
    bind 127.0.0.1:{port}
    default_backend server
backend server
    server one {server} maxconn {connections}
"""

NGINX = """
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream server {{ server {server}; keepalive {connections}; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://server;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
        }}
    }}
}}
"""


@contextlib.contextmanager
def proxy(
    name: str, server: str, folder: Path, connections: int = 64
) -> Iterator[tuple[str, Child]]:
    """Runs a proxy before a server; yields its own URL, and the process.

    Args:
        name: `haproxy` or `nginx`.
        server: The server's URL.
        folder: Where it keeps its files.
        connections: To the server: HAProxy has no more, nginx keeps no more.
    """
    port = free_port()
    configuration = folder / f"{name}.conf"
    text = {"haproxy": HAPROXY, "nginx": NGINX}[name]
    address = server.removeprefix("http://")
    configuration.write_text(
        text.format(port=port, server=address, folder=folder, connections=connections)
    )
    command = {"haproxy": ["-db", "-f"], "nginx": ["-e", "stderr", "-p", str(folder), "-c"]}[name]
    with Child([require_tool(name), *command, str(configuration)]) as running:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, name)
        yield url, running
