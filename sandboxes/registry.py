"""Images from a registry, where one answers."""

import contextlib
import queue
import threading
from typing import Any

import docker
import docker.errors
import requests
from docker.utils import parse_repository_tag

from sandboxes.bake import Log

ANSWER_SECONDS = 20.0
"""How long a registry may take to say something before the base is built without it."""
SILENCE_SECONDS = 300.0
"""How long a download may show no sign of life."""


def pull(client: docker.APIClient, log: Log, reference: str) -> tuple[str, str] | None:
    """The registry's image: (id, where it came from); None when neither a registry nor the engine has it."""
    repository, tag = parse_repository_tag(reference)
    events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def listen() -> None:
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError, ValueError):
            for event in client.pull(repository, tag or "latest", stream=True, decode=True):
                events.put(event)
        events.put(None)

    # A daemon thread, because an engine without a registry may think about it for minutes.
    threading.Thread(target=listen, daemon=True).start()
    patience = ANSWER_SECONDS
    with contextlib.suppress(queue.Empty):
        while (event := events.get(timeout=patience)) is not None:
            if "error" in event:
                log(f"{reference}: {event['error']}")
            elif "progress" not in event:
                log(f"{reference}: {event.get('status', '')}")
                patience = SILENCE_SECONDS
    try:
        return str(client.inspect_image(reference)["Id"]), f"pulled {reference}"
    except docker.errors.ImageNotFound:
        return None
