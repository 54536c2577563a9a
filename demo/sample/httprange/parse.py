"""The `Range` header."""


class Unsatisfiable(ValueError):
    """The range lies outside of the resource."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte that `header` asks for, both inclusive; None when it is to be ignored."""
    unit, _, spec = header.partition("=")
    if unit.strip() != "bytes" or "," in spec or "-" not in spec:
        return None
    first, _, last = spec.strip().partition("-")
    if not first:
        start, end = max(size - int(last), 0), size - 1
    elif not last:
        start, end = int(first), size - 2
    else:
        start, end = int(first), min(int(last), size - 1)
    if start > end:
        raise Unsatisfiable(header)
    return start, end
