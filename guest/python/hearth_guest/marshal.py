"""JSON as Lambda's Python runtime writes it: like simplejson, so named tuples are objects, bytes are text and Decimal
is a number. Results of plain types, nearly all, take the standard library's encoder."""

import json
import math
from decimal import Decimal
from json.encoder import encode_basestring, encode_basestring_ascii

_SCALARS = {str, int, float, bool, type(None)}


def _is_plain(value):
    """Whether the standard encoder gives the same text. Recursion errors are the caller's."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is dict:
        if not set(map(type, value)) <= _SCALARS:
            return False
        items = value.values()
    elif kind is list or kind is tuple:
        items = value
    else:
        return False
    if set(map(type, items)) <= _SCALARS:
        return True
    return all(map(_is_plain, items))


def _number(value):
    if value != value:
        return "NaN"
    if value in (math.inf, -math.inf):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)


class Encoder:
    """`ascii_only`: whether other characters are escaped (runtimes before python3.12)."""

    def __init__(self, ascii_only):
        self._standard = json.JSONEncoder(ensure_ascii=ascii_only).encode
        self._text = encode_basestring_ascii if ascii_only else encode_basestring

    def encode(self, value):
        try:
            plain = _is_plain(value)
        except RecursionError:
            plain = False
        return self._standard(value) if plain else self._encode(value, set())

    def _encode(self, value, above):
        if value is None or value is True or value is False:
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes):
            return self._text(value.decode("utf-8"))
        if isinstance(value, int):
            return int.__repr__(int(value))
        if isinstance(value, float):
            return _number(value)
        if isinstance(value, Decimal):
            return "NaN" if value.is_nan() else str(value)
        if id(value) in above:
            raise ValueError("Circular reference detected")
        above.add(id(value))
        text = self._container(value, above)
        above.discard(id(value))
        return text

    def _container(self, value, above):
        if not isinstance(value, list):
            as_dictionary = getattr(value, "_asdict", None)
            if callable(as_dictionary):
                value = as_dictionary()
        if isinstance(value, dict):
            members = ((self._key(name), self._encode(item, above)) for name, item in value.items())
            return "{" + ", ".join([f"{self._text(name)}: {text}" for name, text in members]) + "}"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join([self._encode(item, above) for item in value]) + "]"
        raise TypeError(f"Object of type {value.__class__.__name__} is not JSON serializable")

    def _key(self, name):
        if isinstance(name, str):
            return name
        if isinstance(name, bytes):
            return name.decode("utf-8")
        if name is None or name is True or name is False:
            return {None: "null", True: "true", False: "false"}[name]
        if isinstance(name, int):
            return int.__repr__(int(name))
        if isinstance(name, float):
            return _number(name)
        raise TypeError(f"keys must be str, int, float, bool or None, not {name.__class__.__name__}")
