"""Floor 2, the feed: this node's ordered stream of committed changes.

``reader`` asks what became visible since a cursor, ``doorbell`` decides when to ask, ``history``
keeps the last answers, ``recall`` calls
earlier ones back, ``epoch`` knows which past they belong to, ``retention`` forgets the old,
and ``feed`` runs them. Nothing here knows a session or decides who may see what.
"""

from hub.feed.feed import Feed
from hub.feed.recall import Gone

__all__ = ["Feed", "Gone"]
