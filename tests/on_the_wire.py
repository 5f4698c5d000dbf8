"""The load test's way to ask, for tests: `serving/load/wire.py`, which is no part of the package.

What comes in: nothing. What goes out: that module's names.
"""

from __future__ import annotations

import importlib.util
import sys

from intentml.shipped import shipped_folder

_place = importlib.util.spec_from_file_location("load_wire", shipped_folder("serving") / "load" / "wire.py")
assert _place is not None
assert _place.loader is not None
load_wire = importlib.util.module_from_spec(_place)
sys.modules["load_wire"] = load_wire  # dataclasses look their module up
_place.loader.exec_module(load_wire)

Answer, Ask, Line, Service = load_wire.Answer, load_wire.Ask, load_wire.Line, load_wire.Service
at_rate, clients = load_wire.at_rate, load_wire.clients
