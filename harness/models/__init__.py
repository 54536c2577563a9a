"""Models: what they are and cost, the ledger, and calls that cannot overspend. Importing this imports no SDK."""

from harness.models.base import Effort, ErrorKind, Model, ModelError, Reply, Request, ToolCall, ToolSchema
from harness.models.calls import ask, bound
from harness.models.catalog import Catalog, CatalogError, Price, Profile, Tier, UnpricedModel, load, undump
from harness.models.client import MessagesModel, preload
from harness.models.ledger import Hold, Ledger, OverBudget, Slice
from harness.models.price import cost, is_free, worst
from harness.models.router import Router, TierName, Voice

__all__ = [
    "Catalog",
    "CatalogError",
    "Effort",
    "ErrorKind",
    "Hold",
    "Ledger",
    "MessagesModel",
    "Model",
    "ModelError",
    "OverBudget",
    "Price",
    "Profile",
    "Reply",
    "Request",
    "Router",
    "Slice",
    "Tier",
    "TierName",
    "ToolCall",
    "ToolSchema",
    "UnpricedModel",
    "Voice",
    "ask",
    "bound",
    "cost",
    "is_free",
    "load",
    "preload",
    "undump",
    "worst",
]
