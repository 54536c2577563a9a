"""The SDK's clients: one for each platform that serves models, and the path that its requests go to.

All of them stream the same server-sent events. Bedrock is asked at its Messages API endpoint ("mantle"), because the
older `bedrock-runtime` frames its stream differently. Signing for AWS needs boto3, Google's own credentials need
google-auth (the extras `aws` and `google`); a token in the profile's `key_env` needs neither.
"""

import os
import urllib.parse
from typing import TYPE_CHECKING, Any

from harness.models.base import ModelError
from harness.models.catalog import Profile
from harness.models.errors import FIXES

if TYPE_CHECKING:
    import anthropic
    import httpx2

PATH = "/v1/messages"


def connect(profile: Profile, base_url: str | None, http: "httpx2.Client") -> "anthropic.Anthropic":
    """The client for `profile`. Raises what the SDK raises when it finds no credentials or no region."""
    import anthropic

    key = os.environ.get(profile.key_env, "") if profile.key_env else ""
    url = base_url or profile.base_url
    given: dict[str, Any] = {"max_retries": 0, "http_client": http, "base_url": url}
    client: Any
    match profile.platform:
        case "anthropic":
            if base_url is None and profile.base_url is not None:
                given["api_key"] = key or "none"  # a server of one's own never gets the user's Anthropic key
            client = anthropic.Anthropic(**given)
        case "bedrock":
            client = anthropic.AnthropicBedrockMantle(**given, api_key=key or None, aws_region=profile.region or None)
        case "vertex":
            region = profile.region or os.environ.get("CLOUD_ML_REGION", "")
            project = profile.project or os.environ.get("ANTHROPIC_VERTEX_PROJECT_ID", "")
            if not region or not project:
                raise ValueError(
                    "Vertex needs a region and a project: set them in the model's table, or CLOUD_ML_REGION and"
                    " ANTHROPIC_VERTEX_PROJECT_ID"
                )
            client = anthropic.AnthropicVertex(**given, region=region, project_id=project, access_token=key or None)
        case "foundry":
            client = anthropic.AnthropicFoundry(**{k: v for k, v in given.items() if v}, api_key=key or None)
    ready: anthropic.Anthropic = client
    return ready


def path(profile: Profile, client: "anthropic.Anthropic") -> str:
    """Where a streaming request goes."""
    if profile.platform != "vertex":
        return PATH
    vertex: Any = client
    model = urllib.parse.quote(profile.wire_name, safe="@:")
    return (
        f"/projects/{urllib.parse.quote(vertex.project_id, safe='')}"
        f"/locations/{urllib.parse.quote(vertex.region, safe='')}"
        f"/publishers/anthropic/models/{model}:streamRawPredict"
    )


def probe_path(profile: Profile) -> str | None:
    """What can be asked without spending a token; None where there is nothing."""
    return "/v1/models" if profile.platform == "anthropic" else None


def missing(error: Exception) -> ModelError:
    """No client could be made: what to do about it."""
    return ModelError("auth", f"the SDK finds no usable credentials: {error}. {FIXES['auth']}", charged=False)
