"""The evidence as in-toto statements: what was tested, what was scanned, and what was verified about which tree.

Statement and predicates follow in-toto's v1 statement and its predicates `test-result/v0.1`, `vulns/v0.1` (shape of
a scanner's result) and SLSA's `verification_summary/v1`. The subject is the git tree: `gitTree` is in-toto's name
for that digest. They are not signed here; a pipeline that signs takes the file as it is.
"""

from typing import Any

import msgspec

from harness import __version__
from harness.github.manifest import Manifest

STATEMENT = "https://in-toto.io/Statement/v1"
TEST = "https://in-toto.io/attestation/test-result/v0.1"
VULNS = "https://in-toto.io/attestation/vulns/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
VERIFIER = "https://loopwright.invalid/harness"


def statements(manifest: Manifest, repository: str, commit: str, at: str) -> bytes:
    """The statements as JSON lines. `commit` is what was pushed, `at` the time in ISO 8601."""
    subject = [
        {"name": f"git+{repository}", "digest": {"gitTree": manifest.tree} | ({"gitCommit": commit} if commit else {})}
    ]
    predicates = [
        *((TEST, _test(gate.name, gate.green, gate.summary)) for gate in manifest.gates if gate.kind != "security"),
        *((VULNS, _scan(gate.name, gate.violations, at)) for gate in manifest.gates if gate.kind == "security"),
        (SUMMARY, _summary(manifest, repository, at)),
    ]
    made: list[dict[str, Any]] = [
        {"_type": STATEMENT, "subject": subject, "predicateType": kind, "predicate": predicate}
        for kind, predicate in predicates
    ]
    return b"".join(msgspec.json.encode(each) + b"\n" for each in made)


def _test(name: str, green: bool, summary: str) -> dict[str, Any]:
    key = "passedTests" if green else "failedTests"
    return {
        "result": "PASSED" if green else "FAILED",
        "configuration": [{"name": name}],
        key: [f"{name}: {summary}"],
    }


def _scan(name: str, found: tuple[str, ...], at: str) -> dict[str, Any]:
    return {
        "scanner": {
            "uri": f"{VERIFIER}/gates/{name}",
            "version": __version__,
            "result": [{"id": each} for each in found],
        },
        "metadata": {"scanStartedOn": at, "scanFinishedOn": at},
    }


def _summary(manifest: Manifest, repository: str, at: str) -> dict[str, Any]:
    return {
        "verifier": {"id": VERIFIER, "version": {"loopwright": __version__}},
        "timeVerified": at,
        "resourceUri": f"git+{repository}",
        "policy": {"uri": f"git+{repository}", "digest": {"gitTree": manifest.base_tree}},
        "inputAttestations": [
            {"uri": f"journal:{manifest.run}", "digest": {"sha256": manifest.audit.rpartition(":")[2]}}
        ],
        "verificationResult": "PASSED" if manifest.green else "FAILED",
        "verifiedLevels": ["GATES_GREEN_IN_CLEAN_ROOM"] if manifest.green else [],
    }
