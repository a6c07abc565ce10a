"""The flight school's real-time hub: a committed row reaches everyone entitled to see it.

Floors, from the top; imports run only downwards (``import-linter`` holds this in CI):

5 house     ``app``, ``cli``, ``simulate``
4 doors     ``rest``, ``live``, ``web``
3 work      ``schedule``, ``fanout``
2 adapters  ``db``, ``feed``, ``identity``
1 rules     ``rules``
0 words     ``settings``, ``errors``, ``model``
"""

__version__ = "0.1.0"
