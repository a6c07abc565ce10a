"""``python -m hub`` is the command ``hub``, where scripts are not on the path."""

from __future__ import annotations

from hub.cli import main

if __name__ == "__main__":
    main(prog_name="hub")
