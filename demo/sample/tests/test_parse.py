import pytest

from httprange import Unsatisfiable, parse_range


def test_closed_range():
    assert parse_range("bytes=0-49", 100) == (0, 49)


def test_closed_range_is_cut_at_the_end():
    assert parse_range("bytes=50-999", 100) == (50, 99)


def test_suffix():
    assert parse_range("bytes=-10", 100) == (90, 99)


def test_suffix_longer_than_the_resource():
    assert parse_range("bytes=-1000", 100) == (0, 99)


def test_other_units_are_ignored():
    assert parse_range("lines=0-1", 100) is None


def test_beyond_the_end():
    with pytest.raises(Unsatisfiable):
        parse_range("bytes=100-", 100)


def test_several_ranges_are_ignored():
    assert parse_range("bytes=0-1,5-6", 100) is None
