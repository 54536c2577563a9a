"""From an issue, a comment, a review or a failed check to a pull request with its proof, and the jobs that do it."""
