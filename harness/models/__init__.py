"""Models: what they are and cost, the ledger, and calls that cannot overspend. Importing this imports no SDK."""

from harness.models.base import Effort, ErrorKind, Model, ModelError, Reply, Request, ToolCall, ToolSchema
from harness.models.calls import ask, bound
from harness.models.catalog import Catalog, CatalogError, Price, Profile, Tier, UnpricedModel, load, undump
from harness.models.client import MessagesModel
from harness.models.ledger import Hold, Ledger, OverBudget
from harness.models.price import cost, is_free, worst

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
    "Tier",
    "ToolCall",
    "ToolSchema",
    "UnpricedModel",
    "ask",
    "bound",
    "cost",
    "is_free",
    "load",
    "undump",
    "worst",
]
