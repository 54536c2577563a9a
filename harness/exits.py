"""The exit codes of a run and of the program, as the design's table has them."""

PROVEN = 0
UNPROVEN = 1
"""The loop ended without a proof; the best candidate is kept."""
USAGE = 2
"""Usage or configuration; nothing was started."""
ENVIRONMENT = 3
"""Docker, git, image, a gate that cannot run at base."""
DENIED = 4
"""The model's endpoint, or a forge, refuses."""
LIMIT = 5
"""Money, tokens or time."""
PARKED = 6
"""A person is asked; the run holds no container."""
BLOCKED = 7
"""The maker, the goal's scope or the policy says it cannot be done so."""
DEFECT = 70
"""A defect of the harness itself."""
CANCELLED, TERMINATED = 130, 143
"""By a person, by the system."""
