"""Foreign text is cleaned once, when it enters the journal: control sequences, invisible characters, secrets."""
