"""The catalog of models: what they cost, what they can do, and where they are served.

The packaged `models.toml` is overlaid, field by field, by the user's own file. A model without a declared price is
refused: a price of zero has to be written down.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

Tokens = Annotated[int, msgspec.Meta(ge=1)]
MicroUsd = Annotated[int, msgspec.Meta(ge=0)]

Platform = Literal["anthropic", "bedrock", "vertex", "foundry"]

PACKAGED = Path(__file__).with_name("models.toml")
SERVERS = Path(__file__).with_name("servers.toml")
SUSPICIOUS = 1_000
"""A price below this (a tenth of a cent per million tokens) was meant in dollars."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Micro-dollars per million tokens. Cache prices that are not declared are those of input."""

    input: MicroUsd
    output: MicroUsd
    cache_write_5m: MicroUsd | None = None
    cache_write_1h: MicroUsd | None = None
    cache_read: MicroUsd | None = None


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Once the whole prompt, cached or not, exceeds `over` tokens, the call costs `percent` of its price."""

    over: Tokens
    percent: Annotated[int, msgspec.Meta(ge=1)]


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model as the harness uses it. The flags name what may stand in a request to its server."""

    name: str
    price: Price
    tiers: tuple[Tier, ...] = ()
    geo: dict[str, Annotated[int, msgspec.Meta(ge=1)]] = {}
    """Region the server reports -> percent of the price."""
    context: Tokens
    """Tokens of prompt and reply together."""
    max_output: Tokens
    cache: bool = False
    """Prompt caching (`cache_control`)."""
    thinking: bool = False
    """Adaptive thinking with summaries."""
    format: bool = False
    """Structured output (`output_config.format`); without it the caller describes the schema in words."""
    effort: bool = False
    """`output_config.effort`."""
    base_url: str | None = None
    """Where this model is served, when not where the SDK's environment says."""
    key_env: str | None = None
    """The environment variable with the key for `base_url`; a server that wants none needs none. On Vertex it holds
    an access token, on Bedrock a bearer token, on Foundry the API key."""
    platform: Platform = "anthropic"
    """Whose client of the SDK asks for it."""
    region: str = ""
    """Of Bedrock or Vertex, when not the environment's."""
    project: str = ""
    """Of Vertex, when not the environment's."""
    model: str = ""
    """What the server calls it, when not `name`."""
    percent: Annotated[int, msgspec.Meta(ge=1)] = 100
    """What a call costs at this endpoint, of `price`: Bedrock's regional endpoints take 110."""
    server: str = ""
    """The kind of a local or gateway server (`servers.toml`)."""
    family: str = ""
    """The model that this entry is `like`: two entries of a family are one model, wherever they are served."""
    count_tokens: bool = True
    truncates: bool = False
    """The server cuts a prompt beyond its context without saying so."""
    diagnostics: bool = False
    """The server says why a cache was missed (`diagnostics`)."""
    limits: tuple[str, ...] = ()
    """What else is known to be missing there, for people."""

    @property
    def wire_name(self) -> str:
        """What requests call it."""
        return self.model or self.name

    @property
    def endpoint(self) -> tuple[str, str, str, str]:
        """Where it is asked, and with whose key: what two models share when one's refusal says all of the other."""
        return self.platform, self.base_url or "", self.region, self.key_env or ""


class CatalogError(Exception):
    """A file of models that cannot be used: what, why, the fix, and the place."""

    def __init__(self, what: str, why: str, fix: str, *, path: Path, line: int = 0) -> None:
        super().__init__(f"{what}: {why}. {fix}")
        self.what, self.why, self.fix, self.path, self.line = what, why, fix, path, line


class UnpricedModel(Exception):
    """Nobody has said what this model costs, so nobody can say what a run would."""

    def __init__(self, name: str, near: tuple[str, ...], known: bool) -> None:
        self.name, self.near = name, near
        self.what = f"the model {name} has no price"
        self.why = "its price is not published" if known else "it is not in the catalog"
        meant = f"use {' or '.join(near)}, or " if near else ""
        self.fix = (
            f"{meant}declare it in models.toml in Loopwright's configuration directory: "
            f'[models."{name}"] with price = {{ input = ..., output = ... }} in micro-dollars per million tokens '
            "(0 for a server of your own), context and max_output in tokens"
        )
        super().__init__(f"{self.what}: {self.why}. To fix it, {self.fix}")


class Catalog:
    """All the models there are. Made by `load`."""

    def __init__(self, profiles: Mapping[str, Profile], unpriced: frozenset[str], dated: str) -> None:
        self.profiles, self.unpriced, self.dated = profiles, unpriced, dated

    def profile(self, name: str) -> Profile:
        """The model called `name`, or `claude-<name>`. Raises `UnpricedModel`."""
        for candidate in (name, f"claude-{name}"):
            if candidate in self.profiles:
                return self.profiles[candidate]
        known = name in self.unpriced or f"claude-{name}" in self.unpriced
        raise UnpricedModel(name, _near(name, self.profiles, 2), known)

    def dump(self) -> str:
        """The whole catalog as JSON, for `undump`. Keys are not in it: profiles name the variable they are in."""
        return msgspec.json.encode([self.profiles, sorted(self.unpriced), self.dated]).decode()


def undump(text: str) -> Catalog:
    """The catalog that `Catalog.dump` wrote. Raises `msgspec.MsgspecError`."""
    profiles, unpriced, dated = msgspec.json.decode(text, type=tuple[dict[str, Profile], list[str], str])
    return Catalog(profiles, frozenset(unpriced), dated)


def load(user_file: Path | None = None) -> Catalog:
    """Read the packaged models and, where it exists, the user's file over them.

    Raises `CatalogError` for malformed TOML (with the line), unknown keys (with the nearest known one) and values
    of the wrong kind.
    """
    packaged, dated = _tables(PACKAGED)
    merged = {name: (PACKAGED, table) for name, table in packaged.items()}
    if user_file is not None and user_file.is_file():
        added, theirs = _tables(user_file)
        dated = theirs or dated
        for name, table in added.items():
            below = merged[name][1] if name in merged else {}
            price = {**below.get("price", {}), **table.get("price", {})}
            merged[name] = (user_file, {**below, **table, **({"price": price} if price else {})})
    merged = {name: (path, _whole(path, name, merged)) for name, (path, _) in merged.items()}
    priced = {name: _profile(path, name, table) for name, (path, table) in merged.items() if "price" in table}
    return Catalog(priced, frozenset(merged) - frozenset(priced), dated)


@cache
def servers() -> dict[str, dict[str, Any]]:
    """The kinds of local and gateway servers, and the fields that each presets."""
    found: dict[str, dict[str, Any]] = tomllib.loads(SERVERS.read_text(encoding="utf-8"))["servers"]
    return found


def _whole(path: Path, name: str, merged: Mapping[str, tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    """A model's own table over that of the model it is `like`, over what its kind of server presets."""
    table = dict(merged[name][1])
    like, kind = table.pop("like", None), table.get("server", "")
    if kind and kind not in servers():
        near = _near(kind, servers(), 1)
        fix = f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(servers())}."
        raise CatalogError(f"{path}: models.{name}.server = {kind!r}", "no such kind of server", fix, path=path)
    if like is None:
        return {**servers().get(kind, {}), **table}
    if like not in merged or "like" in merged[like][1]:
        why = "it is in no catalog" if like not in merged else "it is itself like another one"
        raise CatalogError(f"{path}: models.{name}.like = {like!r}", why, "Name a model that stands alone.", path=path)
    return {**merged[like][1], "family": like, **servers().get(kind, {}), **table}


def _tables(path: Path) -> tuple[dict[str, dict[str, Any]], str]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else 0
        raise CatalogError(f"{path} is not TOML", str(error), "Correct that line.", path=path, line=line) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path} cannot be read", str(error), "It must be UTF-8.", path=path) from None
    _known(path, "the file", raw, ("dated", "models"))
    models = raw.get("models", {})
    if not isinstance(models, dict) or not all(isinstance(table, dict) for table in models.values()):
        raise CatalogError(f"{path}: `models` is no table", "each model is a table", "Write [models.NAME].", path=path)
    for name, table in models.items():
        fields = [field for field in Profile.__struct_fields__ if field not in ("name", "family")] + ["like"]
        _known(path, f"models.{name}", table, fields)
        if not isinstance(table.get("price", {}), dict):
            why = "a price is a table of input, output and cache prices"
            fix = "Write price = { input = ..., output = ... }."
            raise CatalogError(f"{path}: models.{name}.price is no table", why, fix, path=path)
        for part, kind in (("price", Price), ("tiers", Tier)):
            inner = table.get(part, {})
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, dict):
                    _known(path, f"models.{name}.{part}", one, kind.__struct_fields__)
    return models, str(raw.get("dated", ""))


def _known(path: Path, where: str, table: Mapping[str, Any], known: Any) -> None:
    for key in table:
        if key not in known:
            near = _near(key, known, 1)
            fix = f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(known)}."
            raise CatalogError(f"{path}: unknown key `{key}`", f"{where} has no such key", fix, path=path)


def _near(name: str, known: Any, count: int) -> tuple[str, ...]:
    import difflib  # only for an error message

    return tuple(difflib.get_close_matches(name, list(known), count, 0.6))


def _profile(path: Path, name: str, table: dict[str, Any]) -> Profile:
    whole = f"Prices are whole micro-dollars per million tokens ($2.50 is 2_500_000); see {PACKAGED.name}."
    try:
        profile = msgspec.convert({"family": name, **table, "name": name}, Profile)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{path}: models.{name} is incomplete or wrong", str(error), whole, path=path) from None
    for field in Price.__struct_fields__:
        amount = getattr(profile.price, field)
        if amount and amount < SUSPICIOUS:
            why = f"{amount} micro-dollars per million tokens is less than any model costs"
            raise CatalogError(f"{path}: models.{name}.price.{field} = {amount}", why, whole, path=path)
    url = profile.base_url
    if url is not None:
        if not re.match(r"https?://[^/]", url):
            why = f"{url!r} is no address"
            raise CatalogError(
                f"{path}: models.{name}.base_url", why, "Write it as http://host:port, without /v1.", path=path
            )
        profile = msgspec.structs.replace(profile, base_url=url.rstrip("/").removesuffix("/v1"))
    return profile
