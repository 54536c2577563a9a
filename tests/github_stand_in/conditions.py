"""Make `tests/data/github_conditions.json`: our `if:` lines, evaluated by GitHub's own evaluator.

npm install --prefix DIRECTORY @actions/expressions@0.3.61
python -m tests.github_stand_in.conditions DIRECTORY
"""

import json
import subprocess
import sys
from pathlib import Path

from tests.github_stand_in.contract import DATA
from tests.test_github_workflows import contexts, digest, sieve

if __name__ == "__main__":
    asked = json.dumps({"expressions": {"gate": sieve()}, "contexts": contexts()})
    script = Path(__file__).parent / "expressions.mjs"
    done = subprocess.run(["node", str(script), sys.argv[1]], input=asked, capture_output=True, text=True, check=True)
    table = {"digest": digest(), "results": json.loads(done.stdout)["gate"]}
    (DATA / "github_conditions.json").write_text(json.dumps(table) + "\n")
