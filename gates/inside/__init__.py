"""Programs that run inside a sandbox, never here. They are read as text and need nothing but Python 3.8."""
