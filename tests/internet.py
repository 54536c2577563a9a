"""Plays the internet for the tests of the network policy; runs in a container, standard library only.

Name server, HTTP and HTTPS on one public-looking address. `flip.test` leads outside first and inside from then on.
Whatever arrives is kept, and told at `/seen`.
"""

import json
import socket
import ssl
import subprocess
import sys
import threading

ADDRESS, GATEWAY = sys.argv[1:3]
NAMES = {
    "allowed.test": ADDRESS, "other.test": ADDRESS, "sub.wild.test": ADDRESS, "wild.test": ADDRESS,
    "loop.test": "127.0.0.1", "private.test": "10.0.0.1", "meta.test": "169.254.169.254", "host.test": GATEWAY,
    "zero.test": "0.0.0.0", "slow.test": "198.51.100.77",
}  # fmt: skip
SIX = {"mapped.test": "::ffff:10.0.0.1", "unique.test": "fd00::1", "nat64.test": "64:ff9b::a00:1"}
seen: list[str] = []
asked: list[str] = []


def names() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 53))
    while True:
        query, client = server.recvfrom(2048)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
            at += query[at] + 1
        name, kind = ".".join(labels).lower(), int.from_bytes(query[at + 1 : at + 3], "big")
        asked.append(name)
        found = b""
        if kind == 1 and name == "flip.test":
            found = socket.inet_aton(ADDRESS if asked.count(name) <= 2 else "10.0.0.1")
        elif kind == 1 and name == "mixed.test":
            found = socket.inet_aton(ADDRESS)
        elif kind == 1 and name in NAMES:
            found = socket.inet_aton(NAMES[name])
        elif kind == 28 and name in SIX:
            found = socket.inet_pton(socket.AF_INET6, SIX[name])
        answers = [found] if found else []
        if kind == 1 and name == "mixed.test":
            answers.append(socket.inet_aton("192.168.1.1"))
        known = name in NAMES or name in SIX or name in ("flip.test", "mixed.test")
        head = (
            query[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1" + len(answers).to_bytes(2, "big") + b"\0" * 4
        )
        records = (
            b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\0" + len(a).to_bytes(2, "big") + a for a in answers
        )
        server.sendto(head + query[12 : at + 5] + b"".join(records), client)


def serve(listener: socket.socket, context: "ssl.SSLContext | None") -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=reply, args=(client, context), daemon=True).start()


def reply(client: socket.socket, context: "ssl.SSLContext | None") -> None:
    """Everything the client says within a moment of silence is one entry of the log."""
    try:
        client.settimeout(10)
        if context:
            client = context.wrap_socket(client, server_side=True)
        data = client.recv(1 << 16)
        if b" /seen " in data.split(b"\r\n")[0]:
            body = json.dumps({"seen": seen, "asked": asked}).encode()
        else:
            client.settimeout(0.1)
            try:
                while piece := client.recv(1 << 16):
                    data += piece
            except TimeoutError:
                pass
            seen.append(data.decode("latin-1"))
            body = b"hello from outside\n"
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        client.close()
    except OSError as error:
        seen.append(f"failed: {error}")


def main() -> None:
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    subprocess.run([*make.split(), "-keyout", "/tmp/key", "-out", "/tmp/crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/tmp/crt", "/tmp/key")
    threading.Thread(target=names, daemon=True).start()
    for port in (443, 8443):
        listener = socket.create_server(("0.0.0.0", port))
        threading.Thread(target=serve, args=(listener, context), daemon=True).start()
    for port in (22, 8080):
        threading.Thread(target=serve, args=(socket.create_server(("0.0.0.0", port)), None), daemon=True).start()
    listener = socket.create_server(("0.0.0.0", 80))
    print("ready", flush=True)
    serve(listener, None)


main()
