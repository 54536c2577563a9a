"""The pod's own container: it has the network name space that the others join, and PID 1 of the services'.

It has no network. Its one way out is a unix socket behind which the proxy sits; at the end of its input it ends,
and the kernel ends everything else in its process name space.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from typing import Any

from sandboxes.network.carry import carry
from sandboxes.network.sidecar import accept, first_order, orders, say


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as PID 1 it inherits the services' orphans
    wanted = first_order()
    if wanted["port"]:
        server = socket.create_server(("127.0.0.1", wanted["port"]), backlog=128)
        threading.Thread(
            target=accept, args=(server, lambda client: relay(client, wanted["socket"])), daemon=True
        ).start()
    say(ready=True)
    orders(wanted["ttl"], obey)


def relay(client: socket.socket, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as proxy:
        proxy.connect(path)
        carry(client, proxy)


def obey(order: dict[str, Any]) -> None:
    """`{"knock": port}`: whether somebody listens on a port of the pod."""
    open_ = False
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", order["knock"]), 1.0):
        open_ = True
    say(knocked=order["knock"], open=open_)
